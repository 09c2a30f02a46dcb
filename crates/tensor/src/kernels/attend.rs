//! Causal attention over packed keys and values: a few queries of one head at a time.

use ndarray::{Array3, ArrayView3};

use super::kv::{self, BLOCK, Packed};
use super::shared::SharedMut;
use super::simd::{LANES, Simd};
use super::tile::Tile;
use super::{K_BLOCK, Kernel, PANEL, rows};
use crate::Compute;

/// How many products of a score one chain sums; divides [`K_BLOCK`].
///
/// A head is narrow: with chains of 64, GPT-2's scores would be one chain each.
const SCORE_BLOCK: usize = 16;

/// Queries that one task takes.
const QUERIES: usize = 12;

/// Where the scores and the weights go that a caller wants to see, both `[heads, T, S]`.
#[derive(Clone, Copy)]
pub(crate) struct Probe<'a> {
    pub(crate) scores: SharedMut<'a>,
    pub(crate) weights: SharedMut<'a>,
}

/// Attention of `q`, `[T, heads, head_dim]`, the last `T` of `kv.len` positions. Gives
/// `[T, heads, head_dim]`.
pub(crate) fn attend(
    compute: &Compute,
    q: ArrayView3<'_, f32>,
    kv: Packed<'_>,
    scale: f32,
    probe: Option<(&mut [f32], &mut [f32])>,
) -> Array3<f32> {
    let t = q.dim().0;
    let tiles = t.div_ceil(QUERIES);
    let mut attended = Array3::uninit(q.raw_dim());
    let out = SharedMut::uninit(attended.as_slice_mut().unwrap_or_default());
    let probe = probe.map(|(scores, weights)| Probe {
        scores: SharedMut::new(scores),
        weights: SharedMut::new(weights),
    });
    let flops = 4 * t * kv.len * kv.layout.head_dim * kv.layout.n_head;
    let work = |task: usize| {
        // The tiles of a head are neighbours, the longest first: what is left at the end is short.
        let (head, tile) = (task / tiles, tiles - 1 - task % tiles);
        let first = tile * QUERIES;
        compute.run(Task { compute, q, kv, scale, out, probe, head, first });
    };
    compute.parallel_if(flops >= super::gemm::TASK_FLOPS, kv.layout.n_head * tiles, work);
    // SAFETY: the tasks have written every query of every head.
    unsafe { attended.assume_init() }
}

struct Task<'a> {
    compute: &'a Compute,
    q: ArrayView3<'a, f32>,
    kv: Packed<'a>,
    scale: f32,
    out: SharedMut<'a>,
    probe: Option<Probe<'a>>,
    head: usize,
    /// The first query.
    first: usize,
}

/// `[QUERIES, 32]`, on a cache line.
#[repr(align(64))]
struct Totals([f32; QUERIES * PANEL]);

impl Kernel for Task<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let t = self.q.dim().0;
        let height = QUERIES.min(t - self.first);
        // How many positions the first query sees, and the last.
        let seen = self.kv.len - t + self.first + 1;
        let most = seen + height - 1;
        let blocks = most.div_ceil(BLOCK);
        let q_blocks = self.kv.layout.head_dim.div_ceil(K_BLOCK).max(1);
        // Rows of scores lie a little more than a multiple of the cache's sets apart.
        let stride = blocks * BLOCK + LANES;
        let mut scratch =
            self.compute.scratch(height * (q_blocks * K_BLOCK + stride + blocks * BLOCK));
        let (q, rest) = scratch.split_at_mut(height * q_blocks * K_BLOCK);
        let (scores, weights) = rest.split_at_mut(height * stride);

        let mut totals = Totals([0.0; QUERIES * PANEL]);
        self.pack_queries(height, q);
        self.scores(simd, height, most, stride, (q, scores), &mut totals);
        for (i, row) in scores.chunks_exact_mut(stride).enumerate() {
            let row = &mut row[..seen + i];
            self.show(self.probe.map(|probe| probe.scores), i, row);
            rows::softmax(simd, row);
            self.show(self.probe.map(|probe| probe.weights), i, row);
            for (block, row) in row.chunks(K_BLOCK).enumerate() {
                weights[(block * height + i) * K_BLOCK..][..row.len()].copy_from_slice(row);
            }
        }
        self.mix(simd, height, seen, weights, &mut totals);
    }
}

impl Task<'_> {
    /// `height` queries as `[head_dim / 64][height][64]`.
    fn pack_queries(&self, height: usize, q: &mut [f32]) {
        let head_dim = self.kv.layout.head_dim;
        for i in 0..height {
            let row = kv::row(self.q, self.first + i);
            let query = &row[self.head * head_dim..][..head_dim];
            for (block, query) in query.chunks(K_BLOCK).enumerate() {
                q[(block * height + i) * K_BLOCK..][..query.len()].copy_from_slice(query);
            }
        }
    }

    /// `q @ k^T * scale` of `height` queries and the first `most` keys.
    #[inline(always)]
    fn scores<S: Simd>(
        &self,
        simd: S,
        height: usize,
        most: usize,
        stride: usize,
        (q, scores): (&[f32], &mut [f32]),
        totals: &mut Totals,
    ) {
        let head_dim = self.kv.layout.head_dim;
        let size = head_dim * PANEL;
        let scale = simd.splat(self.scale);
        // A single query goes over both panels of a block at once.
        let panels = if height == 1 { 2 } else { 1 };
        for position in (0..most).step_by(panels * PANEL) {
            let keys = self.kv.keys_of(position / BLOCK, self.head);
            let b = &keys[position % BLOCK / PANEL * size..][..panels * size];
            for from in (0..head_dim.max(1)).step_by(SCORE_BLOCK) {
                let len = SCORE_BLOCK.min(head_dim - from);
                let rows = &q[from / K_BLOCK * height * K_BLOCK..][..height * K_BLOCK];
                let tile = Tile {
                    a: rows[from % K_BLOCK..].as_ptr(),
                    b: b[from * PANEL..].as_ptr(),
                    next_b: size,
                    totals: totals.0.as_mut_ptr(),
                    len,
                    first: from == 0,
                    seen: 0,
                };
                // SAFETY: `a` holds `height` rows that are `K_BLOCK` apart, of which `len` values
                // are left (`SCORE_BLOCK` divides `K_BLOCK`); `b` one or two panels of `head_dim`
                // rows of 32, of which `len` are left; `totals` `QUERIES >= height` rows of 32, and
                // two of them when there is a single row.
                unsafe { tile.add::<S, false>(simd, height, panels) };
            }
            // Row by row; of a single row, panel by panel.
            for (i, totals) in totals.0[..height * panels * PANEL].chunks_exact(PANEL).enumerate() {
                let (row, column) = if panels == 2 { (0, i * PANEL) } else { (i, 0) };
                let to = &mut scores[row * stride + position + column..][..PANEL];
                for (to, total) in
                    to.as_chunks_mut::<LANES>().0.iter_mut().zip(totals.as_chunks::<LANES>().0)
                {
                    simd.write(simd.read(total) * scale, to);
                }
            }
        }
    }

    /// `weights @ v`, each row over the positions that its query sees, and out.
    #[inline(always)]
    fn mix<S: Simd>(
        &self,
        simd: S,
        height: usize,
        seen: usize,
        weights: &[f32],
        totals: &mut Totals,
    ) {
        let head_dim = self.kv.layout.head_dim;
        let most = seen + height - 1;
        let mut column = 0;
        while column < head_dim {
            // A single query goes over two panels at once.
            let pair = height == 1 && column + PANEL < head_dim;
            let panels = 1 + usize::from(pair);
            for from in (0..most).step_by(BLOCK) {
                let values = self.kv.values_of(from / BLOCK, self.head);
                let tile = Tile {
                    a: weights[from * height..][..height * K_BLOCK].as_ptr(),
                    b: values[column * BLOCK..][..panels * BLOCK * PANEL].as_ptr(),
                    next_b: BLOCK * PANEL,
                    totals: totals.0.as_mut_ptr(),
                    len: BLOCK.min(most - from),
                    first: from == 0,
                    seen: seen as isize - from as isize,
                };
                // SAFETY: `a` holds `height` rows of `K_BLOCK`; `b` one or two panels of `BLOCK` rows
                // of 32, `len` at most; `totals` `QUERIES >= height` rows of 32, and two of them when
                // there is a single row.
                unsafe { tile.add::<S, true>(simd, height, panels) };
            }
            for (i, totals) in totals.0[..height * panels * PANEL].chunks_exact(PANEL).enumerate() {
                let (row, column) = if pair { (0, column + i * PANEL) } else { (i, column) };
                let width = PANEL.min(head_dim - column);
                let at = ((self.first + row) * self.kv.layout.n_head + self.head) * head_dim;
                let out = self.out.at(at + column, width);
                // SAFETY: `width` values; no two tasks share a query and a head.
                unsafe { out.copy_from_nonoverlapping(totals.as_ptr(), width) };
            }
            column += panels * PANEL;
        }
    }

    /// Writes a row of what the caller wants to see.
    fn show(&self, to: Option<SharedMut<'_>>, i: usize, row: &[f32]) {
        if let Some(to) = to {
            let at = (self.head * self.q.dim().0 + self.first + i) * self.kv.len;
            // SAFETY: no two tasks share a query and a head.
            unsafe { to.part(at, row.len()) }.copy_from_slice(row);
        }
    }
}
