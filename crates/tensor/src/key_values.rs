use ndarray::{Array3, ArrayView3, Axis, s};

use crate::TensorError;
use crate::error::expect_shape;
use crate::kernels::PANEL;
use crate::kernels::attend::Packed;
use crate::kernels::buffer::Buffer;

/// The keys and values of one attention layer, for every position seen so far.
///
/// Room for `capacity` positions is reserved at once (memory is taken as it is filled);
/// [`KeyValues::append`] never moves what is already there.
///
/// They are kept as the kernels read them: keys as panels of 32 positions, `[head_dim, 32]` each,
/// so that the lanes of a score run across positions; values as panels of 32 columns,
/// `[positions, 32]` each.
#[derive(Clone, Debug)]
pub struct KeyValues {
    /// `[heads][room / 32][head_dim][32]`
    keys: Buffer,
    /// `[heads][head_dim / 32][room][32]`
    values: Buffer,
    n_head: usize,
    head_dim: usize,
    capacity: usize,
    len: usize,
}

impl KeyValues {
    /// An empty store for `capacity` positions of `n_head` heads, `head_dim` wide.
    pub fn new(n_head: usize, head_dim: usize, capacity: usize) -> Self {
        let room = capacity.next_multiple_of(PANEL);
        let columns = head_dim.next_multiple_of(PANEL);
        KeyValues {
            keys: Buffer::zeroed(n_head * head_dim * room),
            values: Buffer::zeroed(n_head * columns * room),
            n_head,
            head_dim,
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
        self.n_head
    }

    /// The width of a head.
    pub fn head_dim(&self) -> usize {
        self.head_dim
    }

    /// Appends `k` and `v`, each `[T, heads, head_dim]`.
    ///
    /// # Errors
    ///
    /// [`TensorError::Shape`] for other heads or widths, [`TensorError::CacheFull`] when there is
    /// no room for all of them. Nothing is appended then.
    pub fn append(
        &mut self,
        k: ArrayView3<'_, f32>,
        v: ArrayView3<'_, f32>,
    ) -> Result<(), TensorError> {
        let new = k.dim().0;
        let expected = [new, self.n_head, self.head_dim];
        expect_shape("append", "k", &expected, k.shape())?;
        expect_shape("append", "v", &expected, v.shape())?;
        if new > self.capacity - self.len {
            return Err(TensorError::CacheFull { len: self.len, new, capacity: self.capacity });
        }
        let (keys_per_head, values_per_head, room) = {
            let packed = self.packed();
            (packed.keys_per_head(), packed.values_per_head(), packed.room)
        };
        for head in 0..self.n_head {
            let keys = &mut self.keys[head * keys_per_head..][..keys_per_head];
            let values = &mut self.values[head * values_per_head..][..values_per_head];
            for t in 0..new {
                let position = self.len + t;
                // Element `d` goes to row `d` of the panel, and to column `d` of the panels.
                let panel = &mut keys[position / PANEL * self.head_dim * PANEL..];
                let panel = panel.as_chunks_mut::<PANEL>().0;
                for (row, &x) in panel.iter_mut().zip(k.slice(s![t, head, ..])) {
                    row[position % PANEL] = x;
                }
                let columns = values.chunks_exact_mut(room * PANEL);
                let value = v.slice(s![t, head, ..]);
                for (panel, value) in columns.zip(value.axis_chunks_iter(Axis(0), PANEL)) {
                    let row = &mut panel[position * PANEL..][..value.len()];
                    row.iter_mut().zip(value).for_each(|(to, &x)| *to = x);
                }
            }
        }
        self.len += new;
        Ok(())
    }

    /// Forgets everything after the first `len` positions.
    pub fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    /// The keys held, `[S, heads, head_dim]`.
    pub fn keys(&self) -> Array3<f32> {
        Array3::from_shape_fn((self.len, self.n_head, self.head_dim), |(position, head, d)| {
            self.keys[self.places(head, position, d).0]
        })
    }

    /// The values held, `[S, heads, head_dim]`.
    pub fn values(&self) -> Array3<f32> {
        Array3::from_shape_fn((self.len, self.n_head, self.head_dim), |(position, head, d)| {
            self.values[self.places(head, position, d).1]
        })
    }

    /// Where element `d` of a key and of a value is.
    fn places(&self, head: usize, position: usize, d: usize) -> (usize, usize) {
        let packed = self.packed();
        let key = head * packed.keys_per_head()
            + (position / PANEL * self.head_dim + d) * PANEL
            + position % PANEL;
        let value = head * packed.values_per_head()
            + (d / PANEL * packed.room + position) * PANEL
            + d % PANEL;
        (key, value)
    }

    pub(crate) fn packed(&self) -> Packed<'_> {
        Packed {
            keys: &self.keys,
            values: &self.values,
            n_head: self.n_head,
            head_dim: self.head_dim,
            room: self.capacity.next_multiple_of(PANEL),
            len: self.len,
        }
    }
}
