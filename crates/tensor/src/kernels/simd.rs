//! Vectors of 16 `f32`, whatever the width of the registers.

use std::ops::{Add, Div, Mul, Sub};

use crate::Isa;

/// The lanes of every vector, and of every reduction.
pub(crate) const LANES: usize = 16;

/// How the micro-kernel cuts a tile, so that its sums stay in registers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Up to 12 rows by 32 columns: 24 registers of 32 sum, two hold the panel.
    Tall,
    /// Up to 6 rows by 16 columns: with two registers to a vector 12 of 16 sum, two hold the
    /// panel; with four (NEON), 24 of 32.
    Narrow,
}

/// A proof that the CPU has an instruction set, and the way to make its vectors.
///
/// Only [`super::Path::run`] makes one.
pub(crate) trait Simd: Copy {
    type V: Vector;

    /// What it stands for.
    const ISA: Isa;

    /// What fits in its registers.
    const TILE: Shape;

    /// `x` in every lane.
    fn splat(self, x: f32) -> Self::V;

    /// # Safety
    ///
    /// `from` must be readable for 16 values. No alignment is asked for.
    unsafe fn load(self, from: *const f32) -> Self::V;

    /// # Safety
    ///
    /// `to` must be writable for 16 values. No alignment is asked for.
    unsafe fn store(self, x: Self::V, to: *mut f32);

    /// Asks for a cache line that will be read soon. Any address will do; nothing is read.
    #[inline(always)]
    fn prefetch(self, at: *const f32) {
        let _ = at;
    }

    #[inline(always)]
    fn read(self, from: &[f32; LANES]) -> Self::V {
        // SAFETY: the array has 16 values.
        unsafe { self.load(from.as_ptr()) }
    }

    #[inline(always)]
    fn write(self, x: Self::V, to: &mut [f32; LANES]) {
        // SAFETY: the array has 16 values.
        unsafe { self.store(x, to.as_mut_ptr()) }
    }

    /// The first `lanes` lanes of `x`.
    ///
    /// # Safety
    ///
    /// `to` must be writable for `lanes` values, which are at most 16.
    #[inline(always)]
    unsafe fn store_part(self, x: Self::V, lanes: usize, to: *mut f32) {
        // SAFETY: the caller's promise.
        unsafe {
            if lanes == LANES {
                self.store(x, to);
            } else {
                to.copy_from_nonoverlapping(self.to_array(x).as_ptr(), lanes);
            }
        }
    }

    #[inline(always)]
    fn to_array(self, x: Self::V) -> [f32; LANES] {
        let mut to = [0.0; LANES];
        self.write(x, &mut to);
        to
    }

    /// `from`, at most 16 values, and `fill` in the lanes after them.
    #[inline(always)]
    fn read_part(self, from: &[f32], fill: f32) -> Self::V {
        let mut lanes = [fill; LANES];
        lanes[..from.len()].copy_from_slice(from);
        self.read(&lanes)
    }
}

/// Arithmetic that gives the same bits on every instruction set: each operation is one that
/// IEEE 754 rounds correctly, or moves bits.
///
/// Made from a [`Simd`] or from another vector, so that having one proves that the instructions
/// exist. `f32` itself is one too, of a single lane.
pub(crate) trait Vector:
    Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self>
{
    /// `x` in every lane.
    fn like(self, x: f32) -> Self;

    /// `self * a + b`, rounded once.
    fn mul_add(self, a: Self, b: Self) -> Self;

    /// `if self > other { self } else { other }`: `other` when either is NaN.
    fn max(self, other: Self) -> Self;

    /// `if self < other { self } else { other }`: `other` when either is NaN.
    fn min(self, other: Self) -> Self;

    /// `if self < than { then } else { otherwise }`; a NaN is not less.
    fn if_less(self, than: Self, then: Self, otherwise: Self) -> Self;

    fn abs(self) -> Self;

    /// The magnitude of `self` with the sign of `sign`.
    fn copysign(self, sign: Self) -> Self;

    /// `2^n` for `self = 1.5 * 2^23 + n`, n from -126 to 127.
    ///
    /// The integer is read from the low bits, which saves a conversion.
    fn pow2_of_shifted(self) -> Self;
}
