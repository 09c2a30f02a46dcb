//! Fused multiply-adds and nothing else: what the arithmetic units can do at most.

use std::hint::black_box;

use super::Kernel;
use super::simd::{LANES, Shape, Simd, Vector};
use crate::Compute;

/// Pieces of work per thread, so that one that starts late does less.
const PIECES: usize = 16;

/// Runs fused multiply-adds on registers, on all threads of `compute` and with its instructions,
/// and says how many FLOP they were: about `rounds` times 200 to 400 per thread.
///
/// The time it takes is the limit that a matrix product is held against. No program does better:
/// nothing is loaded or stored, and there are more chains than the latency of the units needs.
pub fn fused_multiply_adds(compute: &Compute, rounds: usize) -> u64 {
    let rounds = rounds.div_ceil(PIECES);
    let tasks = PIECES * compute.threads();
    compute.parallel(tasks, |_| {
        black_box(compute.run(Chains { rounds }));
    });
    let vectors = compute.run(Chains { rounds: 0 }).0;
    (2 * tasks * rounds * vectors * LANES) as u64
}

struct Chains {
    rounds: usize,
}

impl Kernel for Chains {
    /// How many vectors there are, and what came out.
    type Output = (usize, f32);

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> (usize, f32) {
        // As many as leave registers for the two factors.
        match S::TILE {
            Shape::Tall => self.chains::<S, 12>(simd),
            Shape::Narrow => self.chains::<S, 6>(simd),
        }
    }
}

impl Chains {
    #[inline(always)]
    fn chains<S: Simd, const N: usize>(self, simd: S) -> (usize, f32) {
        let factor = simd.splat(black_box(0.999));
        let term = simd.splat(black_box(0.001));
        let mut vectors = [simd.splat(black_box(0.5)); N];
        for _ in 0..self.rounds {
            for vector in &mut vectors {
                *vector = vector.mul_add(factor, term);
            }
        }
        let sum = vectors.into_iter().fold(simd.splat(0.0), |sum, vector| sum + vector);
        (N, simd.to_array(sum)[0])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_what_every_thread_does() -> Result<(), crate::TensorError> {
        let one = fused_multiply_adds(&Compute::builder().threads(1).build()?, 16);
        let two = fused_multiply_adds(&Compute::builder().threads(2).build()?, 16);
        assert!(one > 0);
        assert_eq!(two, 2 * one);
        Ok(())
    }
}
