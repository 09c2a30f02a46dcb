use gpt2_tensor::{Compute, KeyValues, TensorError, causal_attention, causal_attention_probed};
use gpt2_weights::{AttentionParams, Config};
use ndarray::{
    Array, Array2, Array3, Array4, ArrayView2, ArrayView4, Axis, Dim, Dimension, concatenate,
};

use crate::layers::Linear;
use crate::tap::{Site, Tap, tap};

/// The rows of one sequence among those of a batch, and where its keys and values go.
#[derive(Debug)]
pub(crate) struct Rows<'a> {
    pub(crate) len: usize,
    pub(crate) kv: &'a mut KeyValues,
}

/// Causal multi-head self-attention with its projections (`GPT2Attention`).
#[derive(Clone, Debug)]
pub struct Attention {
    block: usize,
    n_head: usize,
    scale: f32,
    c_attn: Linear,
    c_proj: Linear,
}

impl Attention {
    /// Prepares the projections of block number `block` for `compute`.
    pub fn new(
        compute: &Compute,
        params: AttentionParams<'_>,
        config: &Config,
        block: usize,
    ) -> Self {
        let mut scale = 1.0;
        if config.scale_attn_weights {
            scale /= (config.head_dim() as f64).sqrt();
        }
        if config.scale_attn_by_inverse_layer_idx {
            scale /= (block + 1) as f64;
        }
        Attention {
            block,
            n_head: config.n_head,
            scale: scale as f32,
            c_attn: Linear::new(compute, params.c_attn),
            c_proj: Linear::new(compute, params.c_proj),
        }
    }

    /// Appends the keys and values of `x`, `[T, C]`, to `kv` and attends over all that it holds
    /// then. Gives `[T, C]`.
    ///
    /// # Errors
    ///
    /// [`TensorError`] when `x` has another width, or `kv` other heads or no room; then `kv` is as
    /// it was.
    pub fn forward(
        &self,
        compute: &Compute,
        x: ArrayView2<'_, f32>,
        kv: &mut KeyValues,
        taps: &mut impl Tap,
    ) -> Result<Array2<f32>, TensorError> {
        self.forward_rows(compute, x, &mut [Rows { len: x.nrows(), kv }], taps)
    }

    /// [`Attention::forward`] of several sequences whose rows follow each other in `x`. The
    /// projections take all rows at once, each sequence attends to itself.
    pub(crate) fn forward_rows(
        &self,
        compute: &Compute,
        x: ArrayView2<'_, f32>,
        sequences: &mut [Rows<'_>],
        taps: &mut impl Tap,
    ) -> Result<Array2<f32>, TensorError> {
        let qkv = self.split(self.c_attn.forward(compute, x)?)?;
        let attended = match sequences {
            [one] => self.attend(compute, qkv.view(), one.kv, taps)?,
            many => {
                let mut rest = qkv.view();
                let mut attended = Vec::with_capacity(many.len());
                for sequence in many {
                    let (qkv, after) = rest.split_at(Axis(0), sequence.len);
                    attended.push(self.attend(compute, qkv, sequence.kv, taps)?);
                    rest = after;
                }
                let views: Vec<_> = attended.iter().map(|part| part.view()).collect();
                concatenate(Axis(0), &views).map_err(|_| TensorError::Shape {
                    op: "attention",
                    operand: "sequences",
                    expected: vec![x.nrows()],
                    actual: views.iter().map(|view| view.len_of(Axis(0))).collect(),
                })?
            }
        };
        // [T, H, D] is [T, C] in memory: the heads merge without moving.
        let merged = reshape(attended, "attended", x.raw_dim())?;
        let y = self.c_proj.forward(compute, merged.view())?;
        tap(taps, Site::Attention(self.block), y.view());
        Ok(y)
    }

    /// `[T, 3, H, D]` gives `[T, H, D]`, by way of the cache.
    fn attend(
        &self,
        compute: &Compute,
        qkv: ArrayView4<'_, f32>,
        kv: &mut KeyValues,
        taps: &mut impl Tap,
    ) -> Result<Array3<f32>, TensorError> {
        let i = self.block;
        let [q, k, v] = [0, 1, 2].map(|third| qkv.index_axis(Axis(1), third));
        tap(taps, Site::Query(i), q);
        tap(taps, Site::Key(i), k);
        tap(taps, Site::Value(i), v);
        kv.append(compute, k, v)?;
        if taps.wants(Site::CacheKey(i)) {
            tap(taps, Site::CacheKey(i), kv.keys().view());
        }
        if taps.wants(Site::CacheValue(i)) {
            tap(taps, Site::CacheValue(i), kv.values().view());
        }
        if !taps.wants(Site::Scores(i)) && !taps.wants(Site::AttentionWeights(i)) {
            return causal_attention(compute, q, kv, self.scale);
        }
        let (attended, probe) = causal_attention_probed(compute, q, kv, self.scale)?;
        tap(taps, Site::Scores(i), probe.scores.view());
        tap(taps, Site::AttentionWeights(i), probe.weights.view());
        Ok(attended)
    }

    /// The fused projection `[T, 3 C]` as `[T, 3, H, D]`: thirds (queries, keys, values) along the
    /// last dimension, then heads. Nothing moves in memory.
    fn split(&self, qkv: Array2<f32>) -> Result<Array4<f32>, TensorError> {
        let (t, width) = qkv.dim();
        reshape(qkv, "qkv", Dim([t, 3, self.n_head, width / (3 * self.n_head)]))
    }
}

/// Another shape for the same elements in the same order.
fn reshape<D: Dimension, E: Dimension>(
    x: Array<f32, D>,
    operand: &'static str,
    shape: E,
) -> Result<Array<f32, E>, TensorError> {
    let (expected, actual) = (shape.clone(), x.raw_dim());
    x.into_shape_with_order(shape).map_err(|_| TensorError::Shape {
        op: "attention",
        operand,
        expected: expected.slice().to_vec(),
        actual: actual.slice().to_vec(),
    })
}
