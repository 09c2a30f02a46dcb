//! One 512-bit register per vector.

use std::arch::x86_64::*;
use std::ops::{Add, Div, Mul, Sub};

use super::Kernel;
use super::simd::{Shape, Simd, Vector};
use crate::Isa;

/// Proves AVX-512F. Made only by [`run`].
#[derive(Clone, Copy)]
pub(crate) struct Avx512(());

/// Made only from an [`Avx512`] or another `V512`.
#[derive(Clone, Copy)]
pub(crate) struct V512(__m512);

/// Runs `kernel` under AVX-512F.
///
/// # Safety
///
/// The CPU must have it.
#[target_feature(enable = "avx512f")]
pub(crate) unsafe fn run<K: Kernel>(kernel: K) -> K::Output {
    kernel.run(Avx512(()))
}

impl Simd for Avx512 {
    type V = V512;

    const ISA: Isa = Isa::Avx512;

    const TILE: Shape = Shape::Tall;

    #[inline(always)]
    fn splat(self, x: f32) -> V512 {
        // SAFETY: `self` proves AVX-512F.
        V512(unsafe { _mm512_set1_ps(x) })
    }

    #[inline(always)]
    fn prefetch(self, at: *const f32) {
        // SAFETY: every x86-64 has SSE, and no address faults.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(at.cast()) }
    }

    #[inline(always)]
    unsafe fn load(self, from: *const f32) -> V512 {
        // SAFETY: `self` proves AVX-512F, the caller promises 16 readable values.
        V512(unsafe { _mm512_loadu_ps(from) })
    }

    #[inline(always)]
    unsafe fn store(self, x: V512, to: *mut f32) {
        // SAFETY: `self` proves AVX-512F, the caller promises 16 writable values.
        unsafe { _mm512_storeu_ps(to, x.0) }
    }
}

macro_rules! operator {
    ($($trait:ident $method:ident $intrinsic:ident),*) => {$(
        impl $trait for V512 {
            type Output = V512;

            #[inline(always)]
            fn $method(self, other: V512) -> V512 {
                // SAFETY: a `V512` proves AVX-512F.
                V512(unsafe { $intrinsic(self.0, other.0) })
            }
        }
    )*};
}

operator!(Add add _mm512_add_ps, Sub sub _mm512_sub_ps, Mul mul _mm512_mul_ps, Div div _mm512_div_ps);

impl Vector for V512 {
    #[inline(always)]
    fn like(self, x: f32) -> Self {
        // SAFETY: a `V512` proves AVX-512F.
        V512(unsafe { _mm512_set1_ps(x) })
    }

    #[inline(always)]
    fn mul_add(self, a: Self, b: Self) -> Self {
        // SAFETY: a `V512` proves AVX-512F.
        V512(unsafe { _mm512_fmadd_ps(self.0, a.0, b.0) })
    }

    #[inline(always)]
    fn max(self, other: Self) -> Self {
        // SAFETY: a `V512` proves AVX-512F.
        V512(unsafe { _mm512_max_ps(self.0, other.0) })
    }

    #[inline(always)]
    fn min(self, other: Self) -> Self {
        // SAFETY: a `V512` proves AVX-512F.
        V512(unsafe { _mm512_min_ps(self.0, other.0) })
    }

    #[inline(always)]
    fn if_less(self, than: Self, then: Self, otherwise: Self) -> Self {
        // SAFETY: a `V512` proves AVX-512F.
        V512(unsafe {
            let less = _mm512_cmp_ps_mask::<_CMP_LT_OQ>(self.0, than.0);
            _mm512_mask_blend_ps(less, otherwise.0, then.0)
        })
    }

    #[inline(always)]
    fn abs(self) -> Self {
        // SAFETY: a `V512` proves AVX-512F.
        V512(unsafe { _mm512_abs_ps(self.0) })
    }

    #[inline(always)]
    fn copysign(self, sign: Self) -> Self {
        // SAFETY: a `V512` proves AVX-512F.
        V512(unsafe {
            let magnitude = _mm512_castps_si512(self.0);
            let sign = _mm512_castps_si512(sign.0);
            // 0xCA: bits of `magnitude` where the mask is 1, of `sign` where it is 0.
            let mask = _mm512_set1_epi32(i32::MAX);
            _mm512_castsi512_ps(_mm512_ternarylogic_epi32::<0xCA>(mask, magnitude, sign))
        })
    }

    #[inline(always)]
    fn pow2_of_shifted(self) -> Self {
        // SAFETY: a `V512` proves AVX-512F.
        V512(unsafe {
            let exponent = _mm512_slli_epi32::<23>(_mm512_castps_si512(self.0));
            _mm512_castsi512_ps(_mm512_add_epi32(exponent, _mm512_set1_epi32(127 << 23)))
        })
    }
}
