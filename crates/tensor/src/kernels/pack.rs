//! Matrices into panels, and back.
//!
//! A matrix `[n_in, n_out]` becomes `n_out / 32` panels (rounded up, the last one padded with
//! zeros), each `[n_in, 32]`: what the micro-kernel reads, in the order in which it reads it.

use super::PANEL;
use super::buffer::Buffer;
use super::gemm::Panels;
use super::shared::SharedMut;
use crate::Compute;

/// Rows of `[n_in, n_out]` that are packed together, so that what is written at a time is 2 KiB.
const CHUNK: usize = 16;

/// From the rows of `[n_in, n_out]`: `fill(k, row)` writes row `k`.
pub(crate) fn from_inputs(
    compute: &Compute,
    n_in: usize,
    n_out: usize,
    fill: impl Fn(usize, &mut [f32]) + Sync,
) -> Buffer {
    let n_panels = n_out.div_ceil(PANEL);
    let mut panels = Buffer::zeroed(n_panels * n_in * PANEL);
    let out = SharedMut::new(&mut panels);
    compute.parallel(n_in.div_ceil(CHUNK), |chunk| {
        let first = chunk * CHUNK;
        let height = CHUNK.min(n_in - first);
        let mut rows = compute.scratch(height * n_out);
        for (i, row) in rows.chunks_exact_mut(n_out.max(1)).enumerate() {
            fill(first + i, row);
        }
        for panel in 0..n_panels {
            let column = panel * PANEL;
            let width = PANEL.min(n_out - column);
            // SAFETY: no two chunks share a row.
            let out = unsafe { out.part((panel * n_in + first) * PANEL, height * PANEL) };
            for (row, out) in rows.chunks_exact(n_out).zip(out.chunks_exact_mut(PANEL)) {
                out[..width].copy_from_slice(&row[column..column + width]);
            }
        }
    });
    panels
}

/// From the rows of `[n_out, n_in]`: `fill(out, row)` writes what makes one output.
pub(crate) fn from_outputs(
    compute: &Compute,
    n_in: usize,
    n_out: usize,
    fill: impl Fn(usize, &mut [f32]) + Sync,
) -> Buffer {
    let n_panels = n_out.div_ceil(PANEL);
    let mut panels = Buffer::zeroed(n_panels * n_in * PANEL);
    let out = SharedMut::new(&mut panels);
    compute.parallel(n_panels, |panel| {
        let width = PANEL.min(n_out - panel * PANEL);
        let mut rows = compute.scratch(width * n_in);
        for (i, row) in rows.chunks_exact_mut(n_in.max(1)).enumerate() {
            fill(panel * PANEL + i, row);
        }
        // SAFETY: one panel for each task.
        let out = unsafe { out.part(panel * n_in * PANEL, n_in * PANEL) };
        for (k, out) in out.as_chunks_mut::<PANEL>().0.iter_mut().enumerate() {
            for (lane, out) in out[..width].iter_mut().enumerate() {
                *out = rows[lane * n_in + k];
            }
        }
    });
    panels
}

/// The column `output` of the packed matrix: one weight per input.
pub(crate) fn read_output(panels: Panels<'_>, output: usize, to: &mut [f32]) {
    let panel = &panels.data[output / PANEL * panels.n_in * PANEL..];
    for (to, row) in to.iter_mut().zip(panel.as_chunks::<PANEL>().0) {
        *to = row[output % PANEL];
    }
}
