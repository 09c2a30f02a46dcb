//! The plain form of every operation, in f64, one loop per index of the formula.
//!
//! Slow, obvious, always compiled: what the fast operations are tested against. Inputs are f32,
//! exactly; every product and sum is f64, so a result is right to about 1e-16 relative.

use ndarray::{Array1, Array2, Array3, ArrayView1, ArrayView2, ArrayView3, Axis};

/// [`crate::linear`]: `x @ weight + bias`, `[rows, in]` by `[in, out]`.
///
/// # Panics
///
/// When the shapes do not fit together, as everywhere in this module.
pub fn linear(
    x: ArrayView2<'_, f32>,
    weight: ArrayView2<'_, f32>,
    bias: ArrayView1<'_, f32>,
) -> Array2<f64> {
    Array2::from_shape_fn((x.nrows(), weight.ncols()), |(i, j)| {
        let sum: f64 =
            (0..x.ncols()).map(|k| f64::from(x[[i, k]]) * f64::from(weight[[k, j]])).sum();
        sum + f64::from(bias[j])
    })
}

/// [`crate::layer_norm`] of each row.
pub fn layer_norm(
    x: ArrayView2<'_, f32>,
    weight: ArrayView1<'_, f32>,
    bias: ArrayView1<'_, f32>,
    epsilon: f64,
) -> Array2<f64> {
    let n = x.ncols() as f64;
    let mut y = Array2::zeros(x.raw_dim());
    for (i, row) in x.outer_iter().enumerate() {
        let row: Array1<f64> = row.mapv(f64::from);
        let mean = row.sum() / n;
        let variance = row.mapv(|x| (x - mean).powi(2)).sum() / n;
        for j in 0..row.len() {
            y[[i, j]] = (row[j] - mean) / (variance + epsilon).sqrt() * f64::from(weight[j])
                + f64::from(bias[j]);
        }
    }
    y
}

/// [`crate::softmax`] of each row.
pub fn softmax(x: ArrayView2<'_, f32>) -> Array2<f64> {
    let mut y = x.mapv(f64::from);
    for mut row in y.outer_iter_mut() {
        let max = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        row.mapv_inplace(|x| (x - max).exp());
        let sum = row.sum();
        row.mapv_inplace(|x| x / sum);
    }
    y
}

/// [`crate::gelu_new`], as `x / (1 + exp(-2 u))`: with tanh, f64 too would lose what is small.
pub fn gelu_new(x: f64) -> f64 {
    let u = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x.powi(3));
    x / (1.0 + (-2.0 * u).exp())
}

/// [`crate::gelu`], as `0.5 x erfc(-x / sqrt(2))`, for the same reason.
pub fn gelu(x: f64) -> f64 {
    0.5 * x * libm::erfc(-x * std::f64::consts::FRAC_1_SQRT_2)
}

/// [`crate::silu`].
pub fn silu(x: f64) -> f64 {
    x / (1.0 + (-x).exp())
}

/// [`crate::causal_attention`]: queries `[T, H, D]` over keys and values `[S, H, D]`.
pub fn causal_attention(
    q: ArrayView3<'_, f32>,
    keys: ArrayView3<'_, f32>,
    values: ArrayView3<'_, f32>,
    scale: f64,
) -> Array3<f64> {
    let (t, n_head, head_dim) = q.dim();
    let past = keys.len_of(Axis(0)) - t;
    let mut out = Array3::zeros((t, n_head, head_dim));
    for h in 0..n_head {
        for i in 0..t {
            let score = |j: usize| -> f64 {
                (0..head_dim).map(|d| f64::from(q[[i, h, d]]) * f64::from(keys[[j, h, d]])).sum()
            };
            let scores: Vec<f64> = (0..=past + i).map(|j| score(j) * scale).collect();
            let max = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let sum: f64 = scores.iter().map(|x| (x - max).exp()).sum();
            for (j, x) in scores.iter().enumerate() {
                for d in 0..head_dim {
                    out[[i, h, d]] += (x - max).exp() / sum * f64::from(values[[j, h, d]]);
                }
            }
        }
    }
    out
}
