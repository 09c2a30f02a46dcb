use ndarray::{Array2, Array3, ArrayViewMut1, Axis};

use super::{Heads, Mask, Precision, SoftmaxForm};

/// One of the three parts of the fused projection, `[T, 3 C]`, as `[T, H, D]`.
pub(crate) fn split_heads(
    qkv: &Array2<f64>,
    third: usize,
    n_head: usize,
    form: Heads,
) -> Array3<f64> {
    let (t, width) = qkv.dim();
    let d = width / 3 / n_head;
    Array3::from_shape_fn((t, n_head, d), |(t, head, channel)| {
        let column = match form {
            Heads::ThirdHeadChannel => (third * n_head + head) * d + channel,
            Heads::ThirdChannelHead => (third * d + channel) * n_head + head,
            Heads::HeadThirdChannel => (head * 3 + third) * d + channel,
            Heads::HeadChannelThird => (head * d + channel) * 3 + third,
        };
        qkv[[t, column]]
    })
}

/// Queries `[T, H, D]` against keys `[S, H, D]`: `[H, T, S]`, scaled and masked.
pub(crate) fn mask_and_scale(
    q: &Array3<f64>,
    keys: &Array3<f64>,
    scale: f64,
    mask: Mask,
    precision: Precision,
) -> Array3<f64> {
    let (t, n_head, d) = q.dim();
    let s = keys.len_of(Axis(0));
    let past = s - t;
    Array3::from_shape_fn((n_head, t, s), |(head, i, j)| {
        let factor = |x: f64| precision.factor(x);
        let dot: f64 = (0..d).map(|d| factor(q[[i, head, d]]) * factor(keys[[j, head, d]])).sum();
        mask.apply(past + i, j, dot * scale)
    })
}

impl Mask {
    /// The score of a query at `position` for the key at `key`.
    fn apply(self, position: usize, key: usize, score: f64) -> f64 {
        let seen = match self {
            Mask::Causal | Mask::Additive => key <= position,
            Mask::Missing => true,
            Mask::SeesNext => key <= position + 1,
            Mask::HidesSelf => key < position,
        };
        match self {
            _ if seen => score,
            Mask::Additive => score - 1e4,
            _ => f64::NEG_INFINITY,
        }
    }
}

/// The softmax of scores `[H, T, S]`.
pub(crate) fn softmax(scores: &Array3<f64>, form: SoftmaxForm) -> Array3<f64> {
    let mut weights = scores.clone();
    let axis = if form == SoftmaxForm::OverQueries { Axis(1) } else { Axis(2) };
    for lane in weights.lanes_mut(axis) {
        softmax_lane(lane);
    }
    if form == SoftmaxForm::MaskedAfter {
        let (_, t, s) = weights.dim();
        for ((_, i, j), weight) in weights.indexed_iter_mut() {
            if j > s - t + i {
                *weight = 0.0;
            }
        }
    }
    weights
}

fn softmax_lane(mut lane: ArrayViewMut1<'_, f64>) {
    let max = lane.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    lane.mapv_inplace(|x| (x - max).exp());
    let sum = lane.sum();
    lane.mapv_inplace(|x| x / sum);
}

/// Weights `[H, T, S]` times values `[S, H, D]`: `[T, H, D]`.
pub(crate) fn attend(
    weights: &Array3<f64>,
    values: &Array3<f64>,
    precision: Precision,
) -> Array3<f64> {
    let (n_head, t, s) = weights.dim();
    let d = values.len_of(Axis(2));
    let factor = |x: f64| precision.factor(x);
    Array3::from_shape_fn((t, n_head, d), |(i, head, d)| {
        (0..s).map(|j| factor(weights[[head, i, j]]) * factor(values[[j, head, d]])).sum()
    })
}

/// `[T, H, D]` as `[T, C]`; untransposed, the numbers of `[H, T, D]` in their order are taken for
/// `[T, C]`.
pub(crate) fn merge_heads(attended: &Array3<f64>, transposed: bool) -> Array2<f64> {
    let (t, n_head, d) = attended.dim();
    let flat: Vec<f64> = if transposed {
        attended.iter().copied().collect()
    } else {
        attended.view().permuted_axes([1, 0, 2]).iter().copied().collect()
    };
    Array2::from_shape_fn((t, n_head * d), |(i, c)| flat[i * n_head * d + c])
}
