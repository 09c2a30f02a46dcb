//! Attention by ndarray's `dot`, which calls OpenBLAS.

use ndarray::{Array3, ArrayView3, Axis, s};

use crate::{AttentionProbe, Compute, KeyValues, softmax};

/// [`crate::causal_attention`] on shapes that are checked.
pub(crate) fn causal_attention(
    compute: &Compute,
    q: ArrayView3<'_, f32>,
    kv: &KeyValues,
    scale: f32,
    mut probe: Option<&mut AttentionProbe>,
) -> Array3<f32> {
    let past = kv.len() - q.dim().0;
    let (keys, values) = (kv.keys(), kv.values());
    let mut out = Array3::zeros(q.raw_dim());
    for head in 0..kv.n_head() {
        let [q, k, v] = [q, keys.view(), values.view()].map(|x| x.index_axis_move(Axis(1), head));
        let mut scores = q.dot(&k.t()) * scale;
        for (i, mut row) in scores.outer_iter_mut().enumerate() {
            row.slice_mut(s![past + i + 1..]).fill(f32::NEG_INFINITY);
        }
        let weights = softmax(compute, scores.view());
        out.index_axis_mut(Axis(1), head).assign(&weights.dot(&v));
        if let Some(probe) = probe.as_deref_mut() {
            probe.scores.index_axis_mut(Axis(0), head).assign(&scores);
            probe.weights.index_axis_mut(Axis(0), head).assign(&weights);
        }
    }
    out
}
