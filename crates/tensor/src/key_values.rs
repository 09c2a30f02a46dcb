use ndarray::{Array3, ArrayView3};

use crate::error::expect_shape;
use crate::kernels::PANEL;
use crate::kernels::buffer::Buffer;
use crate::kernels::kv::{self, BLOCK, Layout, Packed};
use crate::{Compute, TensorError};

/// The keys and values of one attention layer, for every position seen so far.
///
/// Room for `capacity` positions is reserved at once (memory is taken as it is filled);
/// [`KeyValues::append`] never moves what is already there.
///
/// They are kept as the kernels read them, in panels of 32 positions (the keys) and of 32 columns
/// (the values).
#[derive(Clone, Debug)]
pub struct KeyValues {
    layout: Layout,
    keys: Buffer,
    values: Buffer,
    capacity: usize,
    len: usize,
}

impl KeyValues {
    /// An empty store for `capacity` positions of `n_head` heads, `head_dim` wide.
    pub fn new(n_head: usize, head_dim: usize, capacity: usize) -> Self {
        let layout = Layout { n_head, head_dim };
        let blocks = capacity.div_ceil(BLOCK) * n_head;
        KeyValues {
            layout,
            keys: Buffer::zeroed(blocks * layout.keys()),
            values: Buffer::zeroed(blocks * layout.values()),
            capacity,
            len: 0,
        }
    }

    /// How many positions it holds.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many positions it has room for.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// The number of heads.
    pub fn n_head(&self) -> usize {
        self.layout.n_head
    }

    /// The width of a head.
    pub fn head_dim(&self) -> usize {
        self.layout.head_dim
    }

    /// Appends `k` and `v`, each `[T, heads, head_dim]`.
    ///
    /// # Errors
    ///
    /// [`TensorError::Shape`] for other heads or widths, [`TensorError::CacheFull`] when there is
    /// no room for all of them. Nothing is appended then.
    pub fn append(
        &mut self,
        compute: &Compute,
        k: ArrayView3<'_, f32>,
        v: ArrayView3<'_, f32>,
    ) -> Result<(), TensorError> {
        let new = k.dim().0;
        let expected = [new, self.n_head(), self.head_dim()];
        expect_shape("append", "k", &expected, k.shape())?;
        expect_shape("append", "v", &expected, v.shape())?;
        if new > self.capacity - self.len {
            return Err(TensorError::CacheFull { len: self.len, new, capacity: self.capacity });
        }
        let to = (&mut *self.keys, &mut *self.values);
        kv::write(compute, self.layout, to, self.len, (k, v));
        self.len += new;
        Ok(())
    }

    /// Forgets everything after the first `len` positions.
    pub fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    /// The keys held, `[S, heads, head_dim]`.
    pub fn keys(&self) -> Array3<f32> {
        self.unpacked(|position, head, key| {
            let from = &self.keys[self.layout.key(head, position)..];
            for (to, row) in key.iter_mut().zip(from.chunks(PANEL)) {
                *to = row[0];
            }
        })
    }

    /// The values held, `[S, heads, head_dim]`.
    pub fn values(&self) -> Array3<f32> {
        self.unpacked(|position, head, value| {
            let from = &self.values[self.layout.value(head, position)..];
            for (to, panel) in value.chunks_mut(PANEL).zip(from.chunks(BLOCK * PANEL)) {
                to.copy_from_slice(&panel[..to.len()]);
            }
        })
    }

    /// `[S, heads, head_dim]`, of which `fill(position, head, row)` writes each row.
    fn unpacked(&self, fill: impl Fn(usize, usize, &mut [f32])) -> Array3<f32> {
        let mut all = Array3::zeros((self.len, self.n_head(), self.head_dim()));
        for (position, mut heads) in all.outer_iter_mut().enumerate() {
            for (head, mut row) in heads.outer_iter_mut().enumerate() {
                fill(position, head, row.as_slice_mut().unwrap_or_default());
            }
        }
        all
    }

    pub(crate) fn packed(&self) -> Packed<'_> {
        Packed { layout: self.layout, keys: &self.keys, values: &self.values, len: self.len }
    }
}
