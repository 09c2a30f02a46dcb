//! Plain arrays, shaped so that the compiler vectorises them: what runs on ARM, and the fallback.

use std::ops::{Add, Div, Mul, Sub};

use super::simd::{LANES, Shape, Simd, Vector};
use crate::Isa;

/// Needs nothing of the CPU, and so proves nothing.
#[derive(Clone, Copy)]
pub(crate) struct Portable;

#[derive(Clone, Copy)]
pub(crate) struct Lanes([f32; LANES]);

impl Simd for Portable {
    type V = Lanes;

    const ISA: Isa = Isa::Portable;

    const TILE: Shape = Shape::Narrow;

    #[inline(always)]
    fn splat(self, x: f32) -> Lanes {
        Lanes([x; LANES])
    }

    #[inline(always)]
    unsafe fn load(self, from: *const f32) -> Lanes {
        // SAFETY: the caller promises 16 readable values; `read_unaligned` needs no more.
        Lanes(unsafe { from.cast::<[f32; LANES]>().read_unaligned() })
    }

    #[inline(always)]
    unsafe fn store(self, x: Lanes, to: *mut f32) {
        // SAFETY: the caller promises 16 writable values; `write_unaligned` needs no more.
        unsafe { to.cast::<[f32; LANES]>().write_unaligned(x.0) }
    }
}

impl Lanes {
    #[inline(always)]
    fn map(self, f: impl Fn(f32) -> f32) -> Self {
        let mut out = self.0;
        for x in &mut out {
            *x = f(*x);
        }
        Lanes(out)
    }

    #[inline(always)]
    fn zip(self, other: Self, f: impl Fn(f32, f32) -> f32) -> Self {
        let mut out = self.0;
        for (x, y) in out.iter_mut().zip(other.0) {
            *x = f(*x, y);
        }
        Lanes(out)
    }

    #[inline(always)]
    fn zip3(self, a: Self, b: Self, f: impl Fn(f32, f32, f32) -> f32) -> Self {
        let mut out = self.0;
        for ((x, a), b) in out.iter_mut().zip(a.0).zip(b.0) {
            *x = f(*x, a, b);
        }
        Lanes(out)
    }
}

macro_rules! operator {
    ($($trait:ident $method:ident),*) => {$(
        impl $trait for Lanes {
            type Output = Lanes;

            #[inline(always)]
            fn $method(self, other: Lanes) -> Lanes {
                self.zip(other, |x, y| x.$method(y))
            }
        }
    )*};
}

operator!(Add add, Sub sub, Mul mul, Div div);

impl Vector for Lanes {
    #[inline(always)]
    fn like(self, x: f32) -> Self {
        Lanes([x; LANES])
    }

    #[inline(always)]
    fn mul_add(self, a: Self, b: Self) -> Self {
        self.zip3(a, b, f32::mul_add)
    }

    #[inline(always)]
    fn max(self, other: Self) -> Self {
        self.zip(other, Vector::max)
    }

    #[inline(always)]
    fn min(self, other: Self) -> Self {
        self.zip(other, Vector::min)
    }

    #[inline(always)]
    fn if_less(self, than: Self, then: Self, otherwise: Self) -> Self {
        let mut out = otherwise.0;
        for (i, out) in out.iter_mut().enumerate() {
            *out = self.0[i].if_less(than.0[i], then.0[i], *out);
        }
        Lanes(out)
    }

    #[inline(always)]
    fn abs(self) -> Self {
        self.map(f32::abs)
    }

    #[inline(always)]
    fn copysign(self, sign: Self) -> Self {
        self.zip(sign, f32::copysign)
    }

    #[inline(always)]
    fn pow2_of_shifted(self) -> Self {
        self.map(Vector::pow2_of_shifted)
    }
}

impl Vector for f32 {
    #[inline(always)]
    fn like(self, x: f32) -> Self {
        x
    }

    #[inline(always)]
    fn mul_add(self, a: Self, b: Self) -> Self {
        f32::mul_add(self, a, b)
    }

    #[inline(always)]
    fn max(self, other: Self) -> Self {
        if self > other { self } else { other }
    }

    #[inline(always)]
    fn min(self, other: Self) -> Self {
        if self < other { self } else { other }
    }

    #[inline(always)]
    fn if_less(self, than: Self, then: Self, otherwise: Self) -> Self {
        if self < than { then } else { otherwise }
    }

    #[inline(always)]
    fn abs(self) -> Self {
        f32::abs(self)
    }

    #[inline(always)]
    fn copysign(self, sign: Self) -> Self {
        f32::copysign(self, sign)
    }

    #[inline(always)]
    fn pow2_of_shifted(self) -> Self {
        f32::from_bits((self.to_bits() << 23).wrapping_add(127 << 23))
    }
}
