//! `x @ weight` over packed panels, for one row (decode) as for many (prefill).

use ndarray::{Array2, ArrayView2};

use super::shared::SharedMut;
use super::simd::{LANES, Simd};
use super::tile::Tile;
use super::{K_BLOCK, Kernel, PANEL, rows};
use crate::{Activation, Compute};

/// Rows that one task multiplies: of GPT-2's 768 wide inputs, 288 KiB, which stay in the L2 cache
/// while the panels pass by, and totals of 12 KiB, which stay in L1 beside a block of the panel.
const CHUNK: usize = 96;

/// Panels that one task takes at most.
const GROUP: usize = 8;

/// A task must have this much work, or waking another thread costs more than it brings.
pub(crate) const TASK_FLOPS: usize = 80_000;

/// A packed matrix `[n_in, n_out]`: see [`super::pack`].
#[derive(Clone, Copy)]
pub(crate) struct Panels<'a> {
    /// `n_out / 32` panels, rounded up, each `[n_in, 32]`.
    pub(crate) data: &'a [f32],
    pub(crate) n_in: usize,
    pub(crate) n_out: usize,
}

/// What is done to a sum before it is written.
#[derive(Clone, Copy, Default)]
pub(crate) struct Epilogue<'a> {
    /// `[n_out]`
    pub(crate) bias: Option<&'a [f32]>,
    pub(crate) activation: Option<Activation>,
}

/// `activation(x @ weight + bias)`, `[rows, n_out]`. `x` is `[rows, n_in]`.
pub(crate) fn gemm(
    compute: &Compute,
    x: ArrayView2<'_, f32>,
    weight: Panels<'_>,
    epilogue: Epilogue<'_>,
) -> Array2<f32> {
    let rows = x.nrows();
    let mut y = Array2::zeros((rows, weight.n_out));
    let blocks = weight.n_in.div_ceil(K_BLOCK).max(1);
    let mut packed = compute.scratch(rows * blocks * K_BLOCK);
    pack_rows(compute, x, blocks, &mut packed);

    let n_panels = weight.n_out.div_ceil(PANEL);
    let chunks = rows.div_ceil(CHUNK);
    let panel_flops = 2 * weight.n_in.max(1) * PANEL * rows.clamp(1, CHUNK);
    let least = TASK_FLOPS.div_ceil(panel_flops);
    let fair = (n_panels * chunks).div_ceil(4 * compute.threads());
    let group = fair.min(if chunks > 1 { GROUP } else { usize::MAX }).max(least);
    let out = SharedMut::new(y.as_slice_mut().unwrap_or_default());
    // The chunks of one group of panels are neighbours: the panels come from memory once.
    compute.parallel(n_panels.div_ceil(group) * chunks, |task| {
        let first_row = task % chunks * CHUNK;
        let first_panel = task / chunks * group;
        compute.run(Task {
            a: &packed[first_row * blocks * K_BLOCK..],
            weight,
            epilogue,
            first_row,
            rows: CHUNK.min(rows - first_row),
            panels: (first_panel, (first_panel + group).min(n_panels)),
            out,
        });
    });
    y
}

/// Copies `x` into `[chunk][block of k][row][K_BLOCK]`, so that a tile reads one stretch of memory
/// whatever the width of `x` (rows of 4096 bytes would all fall into the same cache set).
fn pack_rows(compute: &Compute, x: ArrayView2<'_, f32>, blocks: usize, packed: &mut [f32]) {
    let (rows, n_in) = x.dim();
    let out = SharedMut::new(packed);
    // A task is one chunk; one small chunk is not worth a second thread, and has none.
    compute.parallel(rows.div_ceil(CHUNK), |chunk| {
        let first_row = chunk * CHUNK;
        let height = CHUNK.min(rows - first_row);
        let stride = blocks * K_BLOCK;
        // SAFETY: the chunks follow each other.
        let out = unsafe { out.part(first_row * stride, height * stride) };
        for (block, out) in out.chunks_exact_mut(height * K_BLOCK).enumerate() {
            let from = (block * K_BLOCK).min(n_in);
            let to = (from + K_BLOCK).min(n_in);
            for (row, out) in out.chunks_exact_mut(K_BLOCK).enumerate() {
                let row = x.row(first_row + row);
                match row.as_slice() {
                    Some(row) => out[..to - from].copy_from_slice(&row[from..to]),
                    None => (from..to).zip(out).for_each(|(k, out)| *out = row[k]),
                }
            }
        }
    });
}

/// Some rows times some panels.
struct Task<'a> {
    /// `[block of k][row][K_BLOCK]`
    a: &'a [f32],
    weight: Panels<'a>,
    epilogue: Epilogue<'a>,
    first_row: usize,
    rows: usize,
    panels: (usize, usize),
    out: SharedMut<'a>,
}

/// `[CHUNK, 32]`, on a cache line.
#[repr(align(64))]
struct Totals([f32; CHUNK * PANEL]);

impl Kernel for Task<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let mut totals = Totals([0.0; CHUNK * PANEL]);
        for panel in self.panels.0..self.panels.1 {
            self.multiply(simd, panel, &mut totals.0[..self.rows * PANEL]);
            self.finish(simd, panel, &mut totals.0[..self.rows * PANEL]);
        }
    }
}

impl Task<'_> {
    #[inline(always)]
    fn multiply<S: Simd>(&self, simd: S, panel: usize, totals: &mut [f32]) {
        let n_in = self.weight.n_in;
        let b = &self.weight.data[panel * n_in * PANEL..][..n_in * PANEL];
        for block in 0..n_in.div_ceil(K_BLOCK).max(1) {
            let from = block * K_BLOCK;
            let len = K_BLOCK.min(n_in - from);
            let a = &self.a[block * self.rows * K_BLOCK..][..self.rows * K_BLOCK];
            let tile = Tile {
                a: a.as_ptr(),
                b: b[from * PANEL..][..len * PANEL].as_ptr(),
                totals: totals.as_mut_ptr(),
                len,
                first: block == 0,
                seen: 0,
            };
            // SAFETY: `a` holds `rows` rows of `K_BLOCK`, `b` `len` rows of 32, `totals` `rows` of
            // 32: the slices above.
            unsafe { tile.add::<S, false>(simd, self.rows) };
        }
    }

    /// Bias, activation, and out.
    #[inline(always)]
    fn finish<S: Simd>(&self, simd: S, panel: usize, totals: &mut [f32]) {
        let n_out = self.weight.n_out;
        let column = panel * PANEL;
        let width = PANEL.min(n_out - column);
        let mut bias = [0.0; PANEL];
        if let Some(all) = self.epilogue.bias {
            bias[..width].copy_from_slice(&all[column..column + width]);
            for row in totals.as_chunks_mut::<PANEL>().0 {
                for (total, bias) in
                    row.as_chunks_mut::<LANES>().0.iter_mut().zip(bias.as_chunks::<LANES>().0)
                {
                    let sum = simd.read(total) + simd.read(bias);
                    simd.write(sum, total);
                }
            }
        }
        if let Some(activation) = self.epilogue.activation {
            rows::activate(simd, activation, totals);
        }
        for (row, totals) in totals.as_chunks::<PANEL>().0.iter().enumerate() {
            // SAFETY: no two tasks share a row and a panel.
            let out = unsafe { self.out.part((self.first_row + row) * n_out + column, width) };
            out.copy_from_slice(&totals[..width]);
        }
    }
}
