use ndarray::{Array2, ArrayView1, ArrayView2};

use crate::error::expect_shape;
use crate::{Compute, TensorError, lanes};

/// `(x - mean) / sqrt(variance + epsilon) * weight + bias`, for each row of `x`.
///
/// `x` is `[rows, features]`, `weight` (the gain) and `bias` are `[features]`. The variance is the
/// biased one: it divides by `features` (Ba, Kiros and Hinton 2016; `torch.nn.LayerNorm`).
///
/// # Errors
///
/// [`TensorError::Shape`] when `weight` or `bias` is not `[features]`.
pub fn layer_norm(
    _compute: &Compute,
    x: ArrayView2<'_, f32>,
    weight: ArrayView1<'_, f32>,
    bias: ArrayView1<'_, f32>,
    epsilon: f32,
) -> Result<Array2<f32>, TensorError> {
    let features = x.ncols();
    expect_shape("layer_norm", "weight", &[features], weight.shape())?;
    expect_shape("layer_norm", "bias", &[features], bias.shape())?;
    let mut y = x.as_standard_layout().into_owned();
    if features == 0 {
        return Ok(y);
    }
    let n = features as f32;
    for mut row in y.outer_iter_mut() {
        let row = row.as_slice_mut().unwrap_or_default();
        let mean = lanes::sum(row, |x| x) / n;
        let variance = lanes::sum(row, |x| (x - mean) * (x - mean)) / n;
        let scale = 1.0 / (variance + epsilon).sqrt();
        for ((x, w), b) in row.iter_mut().zip(weight).zip(bias) {
            *x = (*x - mean) * scale * w + b;
        }
    }
    Ok(y)
}
