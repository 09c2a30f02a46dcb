use ndarray::{Array3, ArrayView3, Axis, s};

use crate::error::expect_shape;
use crate::softmax::softmax_in_place;
use crate::{Compute, TensorError, lanes};

/// The keys and values of one attention layer, for every position seen so far.
///
/// Room for `capacity` positions is reserved at once; [`KeyValues::append`] never moves what is
/// already there.
#[derive(Clone, Debug)]
pub struct KeyValues {
    /// `[capacity, heads, head_dim]`, of which the first `len` positions are filled.
    keys: Array3<f32>,
    values: Array3<f32>,
    len: usize,
}

impl KeyValues {
    /// An empty store for `capacity` positions of `n_head` heads, `head_dim` wide.
    pub fn new(n_head: usize, head_dim: usize, capacity: usize) -> Self {
        let empty = Array3::zeros((capacity, n_head, head_dim));
        KeyValues { keys: empty.clone(), values: empty, len: 0 }
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
        self.keys.len_of(Axis(0))
    }

    /// The number of heads.
    pub fn n_head(&self) -> usize {
        self.keys.len_of(Axis(1))
    }

    /// The width of a head.
    pub fn head_dim(&self) -> usize {
        self.keys.len_of(Axis(2))
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
        let new = k.len_of(Axis(0));
        let expected = [new, self.n_head(), self.head_dim()];
        expect_shape("append", "k", &expected, k.shape())?;
        expect_shape("append", "v", &expected, v.shape())?;
        if new > self.capacity() - self.len {
            return Err(TensorError::CacheFull { len: self.len, new, capacity: self.capacity() });
        }
        let place = s![self.len..self.len + new, .., ..];
        self.keys.slice_mut(place).assign(&k);
        self.values.slice_mut(place).assign(&v);
        self.len += new;
        Ok(())
    }

    /// Forgets everything after the first `len` positions.
    pub fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    /// The keys held, `[S, heads, head_dim]`.
    pub fn keys(&self) -> Array3<f32> {
        self.keys.slice(s![..self.len, .., ..]).to_owned()
    }

    /// The values held, `[S, heads, head_dim]`.
    pub fn values(&self) -> Array3<f32> {
        self.values.slice(s![..self.len, .., ..]).to_owned()
    }
}

/// What attention computes on its way, kept only when asked for.
#[derive(Clone, Debug)]
pub struct AttentionProbe {
    /// `q @ k^T * scale`, `[heads, T, S]`; masked positions are `-inf`.
    pub scores: Array3<f32>,
    /// The softmax of `scores` over `S`, `[heads, T, S]`.
    pub weights: Array3<f32>,
}

impl AttentionProbe {
    fn new(n_head: usize, t: usize, s: usize) -> Self {
        AttentionProbe {
            scores: Array3::from_elem((n_head, t, s), f32::NEG_INFINITY),
            weights: Array3::zeros((n_head, t, s)),
        }
    }
}

/// Causal multi-head attention: `softmax(q @ k^T * scale, masked) @ v`.
///
/// `q` is `[T, heads, head_dim]`, the queries of the last `T` positions that `kv` holds; each sees
/// its own position and all before it. The result has the shape of `q`. Vaswani et al. 2017,
/// section 3.2; HuggingFace's `eager_attention_forward`.
///
/// # Errors
///
/// [`TensorError::Shape`] when `q` has other heads or widths than `kv`, or more positions than `kv`
/// holds.
pub fn causal_attention(
    compute: &Compute,
    q: ArrayView3<'_, f32>,
    kv: &KeyValues,
    scale: f32,
) -> Result<Array3<f32>, TensorError> {
    attend(compute, q, kv, scale, None)
}

/// [`causal_attention`], with the scores and the weights it went through.
///
/// # Errors
///
/// As [`causal_attention`].
pub fn causal_attention_probed(
    compute: &Compute,
    q: ArrayView3<'_, f32>,
    kv: &KeyValues,
    scale: f32,
) -> Result<(Array3<f32>, AttentionProbe), TensorError> {
    let mut probe = AttentionProbe::new(kv.n_head(), q.len_of(Axis(0)), kv.len());
    let out = attend(compute, q, kv, scale, Some(&mut probe))?;
    Ok((out, probe))
}

fn attend(
    _compute: &Compute,
    q: ArrayView3<'_, f32>,
    kv: &KeyValues,
    scale: f32,
    mut probe: Option<&mut AttentionProbe>,
) -> Result<Array3<f32>, TensorError> {
    let t = q.len_of(Axis(0));
    let expected = [t.min(kv.len()), kv.n_head(), kv.head_dim()];
    expect_shape("causal_attention", "q", &expected, q.shape())?;
    let past = kv.len() - t;
    let mut out = Array3::zeros(q.raw_dim());
    let mut row = vec![0.0_f32; kv.len()];
    let mut products = vec![0.0_f32; kv.head_dim()];
    for head in 0..kv.n_head() {
        for i in 0..t {
            let seen = past + i + 1;
            let row = &mut row[..seen];
            let query = q.slice(s![i, head, ..]);
            for (j, score) in row.iter_mut().enumerate() {
                let key = kv.keys.slice(s![j, head, ..]);
                for ((product, a), b) in products.iter_mut().zip(query).zip(key) {
                    *product = a * b;
                }
                *score = lanes::sum(&products, |x| x) * scale;
            }
            if let Some(probe) = probe.as_deref_mut() {
                write_row(&mut probe.scores, head, i, row);
            }
            softmax_in_place(row);
            if let Some(probe) = probe.as_deref_mut() {
                write_row(&mut probe.weights, head, i, row);
            }
            let mut out = out.slice_mut(s![i, head, ..]);
            for (j, &weight) in row.iter().enumerate() {
                out.scaled_add(weight, &kv.values.slice(s![j, head, ..]));
            }
        }
    }
    Ok(out)
}

fn write_row(to: &mut Array3<f32>, head: usize, i: usize, row: &[f32]) {
    for (to, &from) in to.slice_mut(s![head, i, ..row.len()]).iter_mut().zip(row) {
        *to = from;
    }
}
