//! Keys and values as the kernels read them.
//!
//! They lie in blocks of 64 positions, all heads in each, so that a cache that is not full touches
//! little memory. Of each head a block holds the keys as two panels of 32 positions, `[head_dim, 32]`,
//! so that the lanes of a score run across positions; and the values as panels of 32 columns,
//! `[64, 32]`.

use std::borrow::Cow;

use ndarray::{ArrayView3, Axis};

use super::shared::SharedMut;
use super::{K_BLOCK, PANEL};
use crate::Compute;

/// Positions in a block: what one chain of the weighted sum of values takes.
pub(crate) const BLOCK: usize = K_BLOCK;

/// Where the keys and the values of a block are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout {
    pub(crate) n_head: usize,
    pub(crate) head_dim: usize,
}

impl Layout {
    /// Values that the keys of one head take in a block.
    pub(crate) fn keys(self) -> usize {
        self.head_dim * BLOCK
    }

    /// Values that the values of one head take in a block.
    pub(crate) fn values(self) -> usize {
        self.head_dim.next_multiple_of(PANEL) * BLOCK
    }

    /// Where the key of `position` begins; its elements are 32 apart.
    pub(crate) fn key(self, head: usize, position: usize) -> usize {
        let (block, within) = (position / BLOCK * self.n_head + head, position % BLOCK);
        block * self.keys() + within / PANEL * self.head_dim * PANEL + within % PANEL
    }

    /// Where the value of `position` begins: 32 elements together, the next 32 a panel later.
    pub(crate) fn value(self, head: usize, position: usize) -> usize {
        let block = position / BLOCK * self.n_head + head;
        block * self.values() + position % BLOCK * PANEL
    }
}

/// The keys and the values of all heads.
#[derive(Clone, Copy)]
pub(crate) struct Packed<'a> {
    pub(crate) layout: Layout,
    /// `[blocks][heads][2][head_dim][32]`
    pub(crate) keys: &'a [f32],
    /// `[blocks][heads][head_dim / 32][64][32]`
    pub(crate) values: &'a [f32],
    /// Positions that are filled.
    pub(crate) len: usize,
}

impl<'a> Packed<'a> {
    /// The two key panels of a head in a block.
    #[inline(always)]
    pub(crate) fn keys_of(&self, block: usize, head: usize) -> &'a [f32] {
        let size = self.layout.keys();
        &self.keys[(block * self.layout.n_head + head) * size..][..size]
    }

    /// The value panels of a head in a block.
    #[inline(always)]
    pub(crate) fn values_of(&self, block: usize, head: usize) -> &'a [f32] {
        let size = self.layout.values();
        &self.values[(block * self.layout.n_head + head) * size..][..size]
    }
}

/// Writes `k` and `v`, each `[T, heads, head_dim]`, to the positions from `first`.
pub(crate) fn write(
    compute: &Compute,
    layout: Layout,
    (keys, values): (&mut [f32], &mut [f32]),
    first: usize,
    (k, v): (ArrayView3<'_, f32>, ArrayView3<'_, f32>),
) {
    let Layout { n_head, head_dim } = layout;
    let end = first + k.dim().0;
    let first_block = first / BLOCK;
    let (keys, values) = (SharedMut::new(keys), SharedMut::new(values));
    compute.parallel(end.div_ceil(BLOCK) - first_block, |task| {
        let block = first_block + task;
        let from = first.max(block * BLOCK);
        let to = end.min((block + 1) * BLOCK);
        let rows: Vec<_> = (from - first..to - first).map(|t| (row(k, t), row(v, t))).collect();
        for head in 0..n_head {
            let at = block * n_head + head;
            let (key_size, value_size) = (layout.keys(), layout.values());
            // SAFETY: each task has a block of its own.
            let keys = unsafe { keys.part(at * key_size, key_size) };
            // SAFETY: as above.
            let values = unsafe { values.part(at * value_size, value_size) };
            let part = head * head_dim..(head + 1) * head_dim;
            for (position, (key, value)) in (from % BLOCK..).zip(&rows) {
                let panel = &mut keys[position / PANEL * head_dim * PANEL..];
                for (row, &x) in panel.as_chunks_mut::<PANEL>().0.iter_mut().zip(&key[part.clone()])
                {
                    row[position % PANEL] = x;
                }
                let panels = values.chunks_exact_mut(BLOCK * PANEL);
                for (panel, value) in panels.zip(value[part.clone()].chunks(PANEL)) {
                    panel[position * PANEL..][..value.len()].copy_from_slice(value);
                }
            }
        }
    });
}

/// Row `t` of `[T, heads, head_dim]`, the heads one after the other.
pub(crate) fn row(x: ArrayView3<'_, f32>, t: usize) -> Cow<'_, [f32]> {
    let row = x.index_axis_move(Axis(0), t);
    row.to_slice().map_or_else(|| row.iter().copied().collect(), Cow::Borrowed)
}
