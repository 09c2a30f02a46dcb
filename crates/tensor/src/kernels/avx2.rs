//! Two 256-bit registers per vector.

use std::arch::x86_64::*;
use std::ops::{Add, Div, Mul, Sub};

use super::Kernel;
use super::simd::{Shape, Simd, Vector};
use crate::Isa;

/// Proves AVX2 and FMA. Made only by [`run`].
#[derive(Clone, Copy)]
pub(crate) struct Avx2(());

/// Made only from an [`Avx2`] or another `V256x2`.
#[derive(Clone, Copy)]
pub(crate) struct V256x2(__m256, __m256);

/// Runs `kernel` under AVX2 and FMA.
///
/// # Safety
///
/// The CPU must have both.
#[target_feature(enable = "avx2,fma")]
pub(crate) unsafe fn run<K: Kernel>(kernel: K) -> K::Output {
    kernel.run(Avx2(()))
}

impl Simd for Avx2 {
    type V = V256x2;

    const ISA: Isa = Isa::Avx2;

    const TILE: Shape = Shape::Narrow;

    #[inline(always)]
    fn splat(self, x: f32) -> V256x2 {
        // SAFETY: `self` proves AVX2.
        let x = unsafe { _mm256_set1_ps(x) };
        V256x2(x, x)
    }

    #[inline(always)]
    fn prefetch(self, at: *const f32) {
        // SAFETY: every x86-64 has SSE, and no address faults.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(at.cast()) }
    }

    #[inline(always)]
    unsafe fn load(self, from: *const f32) -> V256x2 {
        // SAFETY: `self` proves AVX2, the caller promises 16 readable values.
        unsafe { V256x2(_mm256_loadu_ps(from), _mm256_loadu_ps(from.add(8))) }
    }

    #[inline(always)]
    unsafe fn store(self, x: V256x2, to: *mut f32) {
        // SAFETY: `self` proves AVX2, the caller promises 16 writable values.
        unsafe {
            _mm256_storeu_ps(to, x.0);
            _mm256_storeu_ps(to.add(8), x.1);
        }
    }
}

/// One intrinsic on both halves.
macro_rules! halves {
    ($intrinsic:ident($($x:expr),*)) => {
        // SAFETY: a `V256x2` proves AVX2 and FMA.
        unsafe { V256x2($intrinsic($($x.0),*), $intrinsic($($x.1),*)) }
    };
}

macro_rules! operator {
    ($($trait:ident $method:ident $intrinsic:ident),*) => {$(
        impl $trait for V256x2 {
            type Output = V256x2;

            #[inline(always)]
            fn $method(self, other: V256x2) -> V256x2 {
                halves!($intrinsic(self, other))
            }
        }
    )*};
}

operator!(Add add _mm256_add_ps, Sub sub _mm256_sub_ps, Mul mul _mm256_mul_ps, Div div _mm256_div_ps);

impl Vector for V256x2 {
    #[inline(always)]
    fn like(self, x: f32) -> Self {
        // SAFETY: a `V256x2` proves AVX2.
        let x = unsafe { _mm256_set1_ps(x) };
        V256x2(x, x)
    }

    #[inline(always)]
    fn mul_add(self, a: Self, b: Self) -> Self {
        halves!(_mm256_fmadd_ps(self, a, b))
    }

    #[inline(always)]
    fn max(self, other: Self) -> Self {
        halves!(_mm256_max_ps(self, other))
    }

    #[inline(always)]
    fn min(self, other: Self) -> Self {
        halves!(_mm256_min_ps(self, other))
    }

    #[inline(always)]
    fn if_less(self, than: Self, then: Self, otherwise: Self) -> Self {
        // SAFETY: a `V256x2` proves AVX2.
        let less = unsafe {
            V256x2(
                _mm256_cmp_ps::<_CMP_LT_OQ>(self.0, than.0),
                _mm256_cmp_ps::<_CMP_LT_OQ>(self.1, than.1),
            )
        };
        halves!(_mm256_blendv_ps(otherwise, then, less))
    }

    #[inline(always)]
    fn abs(self) -> Self {
        let sign = self.like(-0.0);
        halves!(_mm256_andnot_ps(sign, self))
    }

    #[inline(always)]
    fn copysign(self, sign: Self) -> Self {
        let bit = self.like(-0.0);
        let magnitude = halves!(_mm256_andnot_ps(bit, self));
        let sign = halves!(_mm256_and_ps(bit, sign));
        halves!(_mm256_or_ps(magnitude, sign))
    }

    #[inline(always)]
    fn pow2_of_shifted(self) -> Self {
        // SAFETY: a `V256x2` proves AVX2.
        unsafe {
            let bias = _mm256_set1_epi32(127 << 23);
            let low = _mm256_slli_epi32::<23>(_mm256_castps_si256(self.0));
            let high = _mm256_slli_epi32::<23>(_mm256_castps_si256(self.1));
            V256x2(
                _mm256_castsi256_ps(_mm256_add_epi32(low, bias)),
                _mm256_castsi256_ps(_mm256_add_epi32(high, bias)),
            )
        }
    }
}
