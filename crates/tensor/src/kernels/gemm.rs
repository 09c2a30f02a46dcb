//! `x @ weight` over packed panels, for one row (decode) as for many (prefill).

use std::mem::MaybeUninit;

use ndarray::{Array2, ArrayView2, Axis, s};

use super::shared::SharedMut;
use super::simd::{LANES, Simd};
use super::tile::Tile;
use super::{K_BLOCK, Kernel, PANEL, rows};
use crate::compute::Scratch;
use crate::{Activation, Compute};

/// Rows that one task multiplies: of GPT-2's 768 wide inputs, 288 KiB, which stay in the L2 cache
/// while the panels pass by, and totals of 12 KiB, which stay in L1 beside a block of the panel.
const CHUNK: usize = 96;

/// Panels that one task takes at most, when there are several chunks of rows.
const GROUP: usize = 2;

/// A task must have this much work, or waking another thread costs more than it brings.
pub(crate) const TASK_FLOPS: usize = 32_000;

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
    let mut y = Array2::uninit((rows, weight.n_out));
    let blocks = weight.n_in.div_ceil(K_BLOCK).max(1);
    let packed;
    let a = match x.as_slice() {
        // A single row is packed as it is.
        Some(row) if rows == 1 => row,
        _ => {
            packed = pack_rows(compute, x, blocks);
            &*packed
        }
    };
    let cut = Cut::new(compute.threads(), rows, &weight);
    let out = SharedMut::uninit(y.as_slice_mut().unwrap_or_default());
    // The chunks of one group of panels are neighbours: the panels come from memory once.
    compute.parallel(cut.parts * cut.chunks, |task| {
        let first_row = task % cut.chunks * CHUNK;
        compute.run(Task {
            a: &a[first_row * blocks * K_BLOCK..],
            weight,
            epilogue,
            first_row,
            rows: CHUNK.min(rows - first_row),
            panels: cut.panels(task / cut.chunks),
            out,
        });
    });
    // SAFETY: the tasks have written every row of every panel.
    unsafe { y.assume_init() }
}

/// How a product is cut into tasks.
struct Cut {
    /// Chunks of rows.
    chunks: usize,
    /// Parts of the panels, as even as can be.
    parts: usize,
    /// Panels that belong together: a single row goes over two at a time.
    unit: usize,
    n_panels: usize,
}

impl Cut {
    fn new(threads: usize, rows: usize, weight: &Panels<'_>) -> Self {
        let n_panels = weight.n_out.div_ceil(PANEL);
        let chunks = rows.div_ceil(CHUNK);
        let unit = if rows == 1 { 2 } else { 1 };
        let worth = 2 * rows * weight.n_in * weight.n_out / TASK_FLOPS;
        // A few for each thread: one that is held up leaves its share to the others.
        let fair = (4 * threads).min(worth / threads * threads);
        let small = if chunks > 1 { n_panels.div_ceil(GROUP) } else { 1 };
        let parts = fair.div_ceil(chunks.max(1)).max(small);
        Cut { chunks, parts: parts.clamp(1, n_panels.div_ceil(unit).max(1)), unit, n_panels }
    }

    /// The first panel of a part, and the one after its last.
    fn panels(&self, part: usize) -> (usize, usize) {
        let units = self.n_panels.div_ceil(self.unit);
        let start = |part: usize| (part * units / self.parts * self.unit).min(self.n_panels);
        (start(part), start(part + 1))
    }
}

/// Copies `x` into `[chunk][block of k][row][K_BLOCK]`, so that a tile reads one stretch of memory
/// whatever the width of `x` (rows of 4096 bytes would all fall into the same cache set).
fn pack_rows<'a>(compute: &'a Compute, x: ArrayView2<'_, f32>, blocks: usize) -> Scratch<'a> {
    let rows = x.nrows();
    let mut packed = compute.scratch(rows * blocks * K_BLOCK);
    let out = SharedMut::new(&mut packed);
    // A task is one chunk; one small chunk is not worth a second thread, and has none.
    compute.parallel(rows.div_ceil(CHUNK), |chunk| {
        let first_row = chunk * CHUNK;
        let height = CHUNK.min(rows - first_row);
        let stride = blocks * K_BLOCK;
        // SAFETY: the chunks follow each other.
        let out = unsafe { out.part(first_row * stride, height * stride) };
        for (row, x) in x.slice(s![first_row..first_row + height, ..]).outer_iter().enumerate() {
            let blocks = x.axis_chunks_iter(Axis(0), K_BLOCK);
            for (x, out) in blocks.zip(out.chunks_exact_mut(height * K_BLOCK)) {
                let out = &mut out[row * K_BLOCK..][..x.len()];
                match x.as_slice() {
                    Some(x) => out.copy_from_slice(x),
                    None => out.iter_mut().zip(x).for_each(|(out, &x)| *out = x),
                }
            }
        }
    });
    packed
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

/// `[CHUNK, 32]`, on a cache line. Only the rows of a task are ever written and read.
#[repr(align(64))]
struct Totals([MaybeUninit<f32>; CHUNK * PANEL]);

impl Kernel for Task<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let mut totals = Totals([MaybeUninit::uninit(); CHUNK * PANEL]);
        let (mut panel, end) = self.panels;
        while panel < end {
            let side_by_side = if self.rows == 1 { (end - panel).min(2) } else { 1 };
            let totals = self.multiply(simd, panel, side_by_side, &mut totals);
            for (i, totals) in totals.chunks_exact(self.rows * PANEL).enumerate() {
                self.finish(simd, panel + i, totals);
            }
            panel += side_by_side;
        }
    }
}

impl Task<'_> {
    /// The totals of one panel, `[rows, 32]`, or of a single row over two.
    #[inline(always)]
    fn multiply<'t, S: Simd>(
        &self,
        simd: S,
        panel: usize,
        panels: usize,
        totals: &'t mut Totals,
    ) -> &'t [f32] {
        let height = self.rows * PANEL;
        let totals = totals.0[..panels * height].as_mut_ptr().cast();
        let n_in = self.weight.n_in;
        let size = n_in * PANEL;
        let b = &self.weight.data[panel * size..][..panels * size];
        for block in 0..n_in.div_ceil(K_BLOCK).max(1) {
            let from = block * K_BLOCK;
            let len = K_BLOCK.min(n_in - from);
            let a = &self.a[block * self.rows * K_BLOCK..][..(self.rows - 1) * K_BLOCK + len];
            let tile = Tile {
                a: a.as_ptr(),
                b: b[from * PANEL..].as_ptr(),
                next_b: size,
                totals,
                len,
                first: block == 0,
                seen: 0,
            };
            // SAFETY: `a` holds `rows` rows of `len` values, `K_BLOCK` apart; `b` one or two panels
            // of `n_in` rows of 32, of which `len` are left; `totals` `CHUNK >= rows` rows of 32, and
            // two of them when there is a single row.
            unsafe { tile.add::<S, false>(simd, self.rows, panels) };
        }
        // SAFETY: inside `totals` by the slice above, and the first block has set every value.
        unsafe { std::slice::from_raw_parts(totals, panels * height) }
    }

    /// Bias, activation, and out.
    #[inline(always)]
    fn finish<S: Simd>(&self, simd: S, panel: usize, totals: &[f32]) {
        let n_out = self.weight.n_out;
        let column = panel * PANEL;
        let width = PANEL.min(n_out - column);
        let mut biases = [0.0; PANEL];
        if let Some(bias) = self.epilogue.bias {
            biases[..width].copy_from_slice(&bias[column..column + width]);
        }
        for (row, totals) in totals.as_chunks::<PANEL>().0.iter().enumerate() {
            let out = self.out.at((self.first_row + row) * n_out + column, width);
            let vectors = totals.as_chunks::<LANES>().0.iter().zip(biases.as_chunks::<LANES>().0);
            for (v, (total, bias)) in vectors.enumerate().take(width.div_ceil(LANES)) {
                let mut y = simd.read(total);
                if self.epilogue.bias.is_some() {
                    y = y + simd.read(bias);
                }
                if let Some(activation) = self.epilogue.activation {
                    y = rows::activated(simd, activation, y);
                }
                let lanes = (width - v * LANES).min(LANES);
                // SAFETY: `lanes` values from `v * LANES`, inside the `width` of `out`; no two tasks
                // share a row and a panel.
                unsafe { simd.store_part(y, lanes, out.add(v * LANES)) };
            }
        }
    }
}
