use ndarray::{Array3, ArrayView3};

use crate::error::expect_shape;
use crate::kernels::attend::attend;
use crate::{Backend, Compute, KeyValues, TensorError};

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
/// The scores of a few queries exist at a time, never all `T` by `S` of them.
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
    checked(compute, q, kv, scale, None)
}

/// [`causal_attention`], with the scores and the weights it went through: the very values, so the
/// result has the same bits.
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
    let mut probe = AttentionProbe::new(kv.n_head(), q.dim().0.min(kv.len()), kv.len());
    let out = checked(compute, q, kv, scale, Some(&mut probe))?;
    Ok((out, probe))
}

fn checked(
    compute: &Compute,
    q: ArrayView3<'_, f32>,
    kv: &KeyValues,
    scale: f32,
    probe: Option<&mut AttentionProbe>,
) -> Result<Array3<f32>, TensorError> {
    let expected = [q.dim().0.min(kv.len()), kv.n_head(), kv.head_dim()];
    expect_shape("causal_attention", "q", &expected, q.shape())?;
    match compute.backend() {
        Backend::Native => {
            let probe = probe.map(|probe| {
                (
                    probe.scores.as_slice_mut().unwrap_or_default(),
                    probe.weights.as_slice_mut().unwrap_or_default(),
                )
            });
            Ok(attend(compute, q, kv.packed(), scale, probe))
        }
        #[cfg(feature = "openblas")]
        Backend::OpenBlas => Ok(crate::openblas::causal_attention(compute, q, kv, scale, probe)),
    }
}
