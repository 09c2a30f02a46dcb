//! The micro-kernel: a tile of 32 columns of a product, one block of `k` at a time.
//!
//! Every product of matrices in this crate (projections, logits, attention scores, the weighted
//! sum of values) is made of these tiles, which is why they all keep the determinism contract: an
//! element is a sum of chains of [`K_BLOCK`] fused multiply-adds, the chains added in order, and no
//! lane ever meets another.

use super::simd::{Simd, Vector};
use super::{K_BLOCK, PANEL};
use crate::kernels::simd::LANES;

/// Vectors per row of a tile.
const VECTORS: usize = PANEL / LANES;

/// One block of `k` for up to 12 rows.
#[derive(Clone, Copy)]
pub(crate) struct Tile {
    /// The rows of the left side, `K_BLOCK` apart, from the first `k` of this block.
    pub(crate) a: *const f32,
    /// The panel, rows of 32, from the first `k` of this block.
    pub(crate) b: *const f32,
    /// The totals, rows of 32.
    pub(crate) totals: *mut f32,
    /// How much of `k` this block has, at most `K_BLOCK`.
    pub(crate) len: usize,
    /// Whether this is the first block: it sets the totals instead of adding to them.
    pub(crate) first: bool,
    /// For a causal product: how much of `k` the first row of the tile sees, counted from this
    /// block's beginning (so it may be negative); each row after it sees one more.
    pub(crate) seen: isize,
}

impl Tile {
    /// Moves `rows` down.
    #[inline(always)]
    fn below(self, rows: usize) -> Self {
        Tile {
            a: self.a.wrapping_add(rows * K_BLOCK),
            totals: self.totals.wrapping_add(rows * PANEL),
            seen: self.seen + rows as isize,
            ..self
        }
    }

    /// Adds the block to the totals of `rows` rows. With `CAUSAL`, row `r` ends after `seen + r`.
    ///
    /// # Safety
    ///
    /// `a` must be readable for `rows` rows of `len` values that are `K_BLOCK` apart, `b` for `len`
    /// rows of 32, `totals` writable for `rows` rows of 32.
    #[inline(always)]
    pub(crate) unsafe fn add<S: Simd, const CAUSAL: bool>(self, simd: S, rows: usize) {
        let mut done = 0;
        while done < rows {
            let tile = self.below(done);
            let left = rows - done;
            // SAFETY: the caller's promise, for the rows from `done`.
            done += unsafe {
                if S::MAX_ROWS >= 12 && left >= 12 {
                    tile.rows::<S, 12, CAUSAL>(simd)
                } else if S::MAX_ROWS >= 8 && left >= 8 {
                    tile.rows::<S, 8, CAUSAL>(simd)
                } else if S::MAX_ROWS >= 4 && left >= 4 {
                    tile.rows::<S, 4, CAUSAL>(simd)
                } else if left >= 3 {
                    tile.rows::<S, 3, CAUSAL>(simd)
                } else if left == 2 {
                    tile.rows::<S, 2, CAUSAL>(simd)
                } else {
                    tile.rows::<S, 1, CAUSAL>(simd)
                }
            };
        }
    }

    /// # Safety
    ///
    /// As [`Tile::add`], for `R` rows.
    #[inline(always)]
    unsafe fn rows<S: Simd, const R: usize, const CAUSAL: bool>(self, simd: S) -> usize {
        let mut sums = [[simd.splat(0.0); VECTORS]; R];
        let common = if CAUSAL { self.seen.clamp(0, self.len as isize) as usize } else { self.len };
        // SAFETY: `i < len` and `r < R`, inside what the caller promises.
        unsafe {
            for i in 0..common {
                self.step::<S, R>(simd, i, &mut sums, |_| true);
            }
            if CAUSAL {
                for i in common..self.len {
                    let sees = |r: usize| (i as isize) < self.seen + r as isize;
                    self.step::<S, R>(simd, i, &mut sums, sees);
                }
            }
        }
        for (r, sums) in sums.iter().enumerate() {
            if CAUSAL && self.seen + r as isize <= 0 {
                continue;
            }
            for (v, &sum) in sums.iter().enumerate() {
                let at = self.totals.wrapping_add(r * PANEL + v * LANES);
                // SAFETY: row `r < R` of the totals.
                unsafe {
                    let total = if self.first { sum } else { simd.load(at) + sum };
                    simd.store(total, at);
                }
            }
        }
        R
    }

    /// One `k`: a row of the panel times one value of each row for which `sees`.
    ///
    /// # Safety
    ///
    /// `i` must be below `len`, and the promise of [`Tile::add`] hold for `R` rows.
    #[inline(always)]
    unsafe fn step<S: Simd, const R: usize>(
        self,
        simd: S,
        i: usize,
        sums: &mut [[S::V; VECTORS]; R],
        sees: impl Fn(usize) -> bool,
    ) {
        // SAFETY: row `i` of the panel, value `i` of row `r`.
        unsafe {
            let b: [S::V; VECTORS] =
                std::array::from_fn(|v| simd.load(self.b.add(i * PANEL + v * LANES)));
            for (r, sums) in sums.iter_mut().enumerate() {
                if sees(r) {
                    let a = simd.splat(*self.a.add(r * K_BLOCK + i));
                    for (sum, &b) in sums.iter_mut().zip(&b) {
                        *sum = a.mul_add(b, *sum);
                    }
                }
            }
        }
    }
}
