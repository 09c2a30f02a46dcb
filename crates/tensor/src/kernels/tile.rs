//! The micro-kernel: a tile of 32 columns of a product, one block of `k` at a time.
//!
//! Every product of matrices in this crate (projections, logits, attention scores, the weighted
//! sum of values) is made of these tiles, which is why they all keep the determinism contract: an
//! element is a sum of chains of [`K_BLOCK`] fused multiply-adds, the chains added in order, and no
//! lane ever meets another.

use super::simd::{LANES, Shape, Simd, Vector};
use super::{K_BLOCK, PANEL};

/// From this many rows on, the next block of the panel is asked for while this one is used: the
/// processor does not look that far ahead by itself. A single row is bound by the memory anyway.
const AHEAD_FROM: usize = 4;

/// One block of `k`, of one panel or of two side by side.
///
/// Two panels are for a single row: the sums of one row over one panel are two registers, each waiting
/// for itself, and one panel is one stream from memory. Two panels are four registers and two
/// streams. An element has the same bits either way.
#[derive(Clone, Copy)]
pub(crate) struct Tile {
    /// The rows of the left side, `K_BLOCK` apart, from the first `k` of this block.
    pub(crate) a: *const f32,
    /// The panel, rows of 32, from the first `k` of this block.
    pub(crate) b: *const f32,
    /// How far after `b` the second panel is.
    pub(crate) next_b: usize,
    /// The totals, rows of 32; those of the second panel follow.
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

    /// Adds the block to the totals of `rows` rows over one panel, or of a single row over two. With
    /// `CAUSAL`, row `r` ends after `seen + r`.
    ///
    /// # Safety
    ///
    /// `a` must be readable for `rows` rows of `len` values that are `K_BLOCK` apart, `b` for `len`
    /// rows of 32, `totals` writable for `rows` rows of 32. Two panels want a single row, `len` rows of
    /// 32 at `b` moved by `next_b` as well, and a second row of totals.
    #[inline(always)]
    pub(crate) unsafe fn add<S: Simd, const CAUSAL: bool>(
        self,
        simd: S,
        rows: usize,
        panels: usize,
    ) {
        if panels == 2 {
            // SAFETY: the caller's promise.
            return unsafe { self.columns::<S, 1, 2, 2, CAUSAL>(simd, false) };
        }
        let mut done = 0;
        while done < rows {
            let tile = self.below(done);
            let left = rows - done;
            // SAFETY: the caller's promise, for the rows from `done`.
            done += unsafe {
                match S::TILE {
                    Shape::Tall if left >= 12 => tile.rows::<S, 12, 2, CAUSAL>(simd, done == 0),
                    Shape::Tall if left >= 8 => tile.rows::<S, 8, 2, CAUSAL>(simd, done == 0),
                    Shape::Tall if left >= 4 => tile.rows::<S, 4, 2, CAUSAL>(simd, done == 0),
                    Shape::Narrow if left >= 6 => tile.rows::<S, 6, 1, CAUSAL>(simd, done == 0),
                    Shape::Narrow if left >= 4 => tile.rows::<S, 4, 1, CAUSAL>(simd, done == 0),
                    _ if left >= 2 => tile.rows::<S, 2, 2, CAUSAL>(simd, done == 0),
                    _ => tile.rows::<S, 1, 2, CAUSAL>(simd, done == 0),
                }
            };
        }
    }

    /// `R` rows, `V` vectors of columns at a time: as many sums as fit in the registers. The first rows
    /// that a block is used for look `ahead`.
    ///
    /// # Safety
    ///
    /// As [`Tile::add`], for `R` rows.
    #[inline(always)]
    unsafe fn rows<S: Simd, const R: usize, const V: usize, const CAUSAL: bool>(
        self,
        simd: S,
        ahead: bool,
    ) -> usize {
        for column in (0..PANEL).step_by(V * LANES) {
            let part = Tile {
                b: self.b.wrapping_add(column),
                totals: self.totals.wrapping_add(column),
                ..self
            };
            // SAFETY: the caller's promise; `V` vectors from `column` are inside the 32.
            unsafe { part.columns::<S, R, V, 1, CAUSAL>(simd, ahead) };
        }
        R
    }

    /// # Safety
    ///
    /// As [`Tile::add`], for `R` rows and `V` vectors of columns of each of `P` panels; `R` or `P` is 1.
    #[inline(always)]
    unsafe fn columns<
        S: Simd,
        const R: usize,
        const V: usize,
        const P: usize,
        const CAUSAL: bool,
    >(
        self,
        simd: S,
        ahead: bool,
    ) {
        let mut sums = [[[simd.splat(0.0); V]; P]; R];
        let common = if CAUSAL { self.seen.clamp(0, self.len as isize) as usize } else { self.len };
        // SAFETY: `i < len` and `r < R`, inside what the caller promises.
        unsafe {
            for i in 0..common {
                self.step::<S, R, V, P, false>(simd, i, ahead, &mut sums);
            }
            if CAUSAL && R > 1 {
                for i in common..self.len {
                    self.step::<S, R, V, P, true>(simd, i, ahead, &mut sums);
                }
            }
        }
        for (r, sums) in sums.iter().enumerate() {
            if CAUSAL && self.seen + r as isize <= 0 {
                continue;
            }
            for (p, sums) in sums.iter().enumerate() {
                for (v, &sum) in sums.iter().enumerate() {
                    let at = self.totals.wrapping_add((p + r) * PANEL + v * LANES);
                    // SAFETY: row `r < R` of the totals.
                    unsafe {
                        let total = if self.first { sum } else { simd.load(at) + sum };
                        simd.store(total, at);
                    }
                }
            }
        }
    }

    /// One `k`: a row of each panel times one value of each row, or with `CAUSAL` of each that
    /// sees it.
    ///
    /// # Safety
    ///
    /// `i` must be below `len`, and the promise of [`Tile::columns`] hold.
    #[inline(always)]
    unsafe fn step<S: Simd, const R: usize, const V: usize, const P: usize, const CAUSAL: bool>(
        self,
        simd: S,
        i: usize,
        ahead: bool,
        sums: &mut [[[S::V; V]; P]; R],
    ) {
        if R >= AHEAD_FROM && ahead {
            for v in 0..V {
                simd.prefetch(self.b.wrapping_add((i + K_BLOCK) * PANEL + v * LANES));
            }
        }
        let mut b = [[simd.splat(0.0); V]; P];
        for (p, b) in b.iter_mut().enumerate() {
            for (v, b) in b.iter_mut().enumerate() {
                // SAFETY: row `i` of panel `p`.
                *b = unsafe { simd.load(self.b.add(p * self.next_b + i * PANEL + v * LANES)) };
            }
        }
        for (r, sums) in sums.iter_mut().enumerate() {
            if CAUSAL && i as isize >= self.seen + r as isize {
                continue;
            }
            // SAFETY: value `i` of row `r`.
            let a = simd.splat(unsafe { *self.a.add(r * K_BLOCK + i) });
            for (sums, b) in sums.iter_mut().zip(&b) {
                for (sum, &b) in sums.iter_mut().zip(b) {
                    *sum = a.mul_add(b, *sum);
                }
            }
        }
    }
}
