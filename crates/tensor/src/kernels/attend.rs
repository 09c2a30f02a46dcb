//! Causal attention over packed keys and values: a few queries of one head at a time.

use ndarray::{ArrayView3, s};

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

/// The keys and the values of all heads, packed: see [`crate::KeyValues`].
#[derive(Clone, Copy)]
pub(crate) struct Packed<'a> {
    /// `[heads][positions / 32][head_dim][32]`
    pub(crate) keys: &'a [f32],
    /// `[heads][head_dim / 32][positions][32]`
    pub(crate) values: &'a [f32],
    pub(crate) n_head: usize,
    pub(crate) head_dim: usize,
    /// Positions there is room for, a multiple of 32.
    pub(crate) room: usize,
    /// Positions that are filled.
    pub(crate) len: usize,
}

impl Packed<'_> {
    /// Values that one head takes of `keys`.
    pub(crate) fn keys_per_head(&self) -> usize {
        self.room * self.head_dim
    }

    /// Values that one head takes of `values`.
    pub(crate) fn values_per_head(&self) -> usize {
        self.room * self.head_dim.next_multiple_of(PANEL)
    }
}

/// Where the scores and the weights go that a caller wants to see, both `[heads, T, S]`.
#[derive(Clone, Copy)]
pub(crate) struct Probe<'a> {
    pub(crate) scores: SharedMut<'a>,
    pub(crate) weights: SharedMut<'a>,
}

/// Attention of `q`, `[T, heads, head_dim]`, the last `T` of `kv.len` positions. Writes
/// `[T, heads, head_dim]` to `out`.
pub(crate) fn attend(
    compute: &Compute,
    q: ArrayView3<'_, f32>,
    kv: Packed<'_>,
    scale: f32,
    out: &mut [f32],
    probe: Option<(&mut [f32], &mut [f32])>,
) {
    let t = q.dim().0;
    let tiles = t.div_ceil(QUERIES);
    let out = SharedMut::new(out);
    let probe = probe.map(|(scores, weights)| Probe {
        scores: SharedMut::new(scores),
        weights: SharedMut::new(weights),
    });
    let flops = 4 * t * kv.len * kv.head_dim * kv.n_head;
    let work = |task: usize| {
        // The tiles of a head are neighbours, the longest first: what is left at the end is short.
        let (head, tile) = (task / tiles, tiles - 1 - task % tiles);
        let first = tile * QUERIES;
        compute.run(Task { compute, q, kv, scale, out, probe, head, first });
    };
    compute.parallel_if(flops >= super::gemm::TASK_FLOPS, kv.n_head * tiles, work);
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
        let mut totals = Totals([0.0; QUERIES * PANEL]);

        // Rows of scores lie a little more than a multiple of the cache's sets apart.
        let stride = most.next_multiple_of(PANEL) + LANES;
        let mut scores = self.compute.scratch(height * stride);
        self.scores(simd, height, most, stride, &mut scores, &mut totals);

        let blocks = most.div_ceil(K_BLOCK);
        let mut weights = self.compute.scratch(blocks * height * K_BLOCK);
        for (i, row) in scores.chunks_exact_mut(stride).enumerate() {
            let row = &mut row[..seen + i];
            self.show(self.probe.map(|probe| probe.scores), i, row);
            rows::softmax(simd, row);
            self.show(self.probe.map(|probe| probe.weights), i, row);
            for (block, row) in row.chunks(K_BLOCK).enumerate() {
                weights[(block * height + i) * K_BLOCK..][..row.len()].copy_from_slice(row);
            }
        }
        self.mix(simd, height, seen, &weights, &mut totals);
    }
}

impl Task<'_> {
    /// `q @ k^T * scale` of `height` queries and the first `most` keys.
    #[inline(always)]
    fn scores<S: Simd>(
        &self,
        simd: S,
        height: usize,
        most: usize,
        stride: usize,
        scores: &mut [f32],
        totals: &mut Totals,
    ) {
        let head_dim = self.kv.head_dim;
        let blocks = head_dim.div_ceil(K_BLOCK).max(1);
        let mut q = self.compute.scratch(blocks * height * K_BLOCK);
        for i in 0..height {
            let query = self.q.slice(s![self.first + i, self.head, ..]);
            for (d, &x) in query.iter().enumerate() {
                q[(d / K_BLOCK * height + i) * K_BLOCK + d % K_BLOCK] = x;
            }
        }
        let keys = self.kv.keys_per_head();
        let keys = &self.kv.keys[self.head * keys..][..keys];
        let scale = simd.splat(self.scale);
        for panel in 0..most.div_ceil(PANEL) {
            let b = &keys[panel * head_dim * PANEL..][..head_dim * PANEL];
            for from in (0..head_dim.max(1)).step_by(SCORE_BLOCK) {
                let len = SCORE_BLOCK.min(head_dim - from);
                let rows = &q[from / K_BLOCK * height * K_BLOCK..][..height * K_BLOCK];
                let tile = Tile {
                    a: rows[from % K_BLOCK..].as_ptr(),
                    b: b[from * PANEL..][..len * PANEL].as_ptr(),
                    totals: totals.0.as_mut_ptr(),
                    len,
                    first: from == 0,
                    seen: 0,
                };
                // SAFETY: `a` holds `height` rows that are `K_BLOCK` apart, of which `len` values
                // are left (`SCORE_BLOCK` divides `K_BLOCK`), `b` `len` rows of 32, `totals`
                // `QUERIES >= height` rows of 32.
                unsafe { tile.add::<S, false>(simd, height) };
            }
            for (i, totals) in totals.0[..height * PANEL].chunks_exact(PANEL).enumerate() {
                let to = &mut scores[i * stride + panel * PANEL..][..PANEL];
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
        let Packed { head_dim, n_head, room, .. } = self.kv;
        let most = seen + height - 1;
        let values = self.kv.values_per_head();
        let values = &self.kv.values[self.head * values..][..values];
        for column in (0..head_dim).step_by(PANEL) {
            let b = &values[column * room..][..most * PANEL];
            for from in (0..most).step_by(K_BLOCK) {
                let len = K_BLOCK.min(most - from);
                let tile = Tile {
                    a: weights[from * height..][..height * K_BLOCK].as_ptr(),
                    b: b[from * PANEL..][..len * PANEL].as_ptr(),
                    totals: totals.0.as_mut_ptr(),
                    len,
                    first: from == 0,
                    seen: seen as isize - from as isize,
                };
                // SAFETY: `a` holds `height` rows of `K_BLOCK`, `b` `len` rows of 32, `totals`
                // `QUERIES >= height` rows of 32.
                unsafe { tile.add::<S, true>(simd, height) };
            }
            let width = PANEL.min(head_dim - column);
            for (i, totals) in totals.0[..height * PANEL].chunks_exact(PANEL).enumerate() {
                let at = ((self.first + i) * n_head + self.head) * head_dim + column;
                // SAFETY: no two tasks share a query and a head.
                unsafe { self.out.part(at, width) }.copy_from_slice(&totals[..width]);
            }
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
