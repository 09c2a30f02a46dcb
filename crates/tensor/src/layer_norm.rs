use ndarray::{Array2, ArrayView1, ArrayView2};

use crate::error::expect_shape;
use crate::kernels::rows::LayerNorm;
use crate::{Compute, TensorError, elementwise};

/// `(x - mean) / sqrt(variance + epsilon) * weight + bias`, for each row of `x`.
///
/// `x` is `[rows, features]`, `weight` (the gain) and `bias` are `[features]`. The variance is the
/// biased one: it divides by `features` (Ba, Kiros and Hinton 2016; `torch.nn.LayerNorm`).
///
/// # Errors
///
/// [`TensorError::Shape`] when `weight` or `bias` is not `[features]`.
pub fn layer_norm(
    compute: &Compute,
    x: ArrayView2<'_, f32>,
    weight: ArrayView1<'_, f32>,
    bias: ArrayView1<'_, f32>,
    epsilon: f32,
) -> Result<Array2<f32>, TensorError> {
    let features = x.ncols();
    expect_shape("layer_norm", "weight", &[features], weight.shape())?;
    expect_shape("layer_norm", "bias", &[features], bias.shape())?;
    let (weight, bias) = (weight.as_standard_layout(), bias.as_standard_layout());
    let weight = weight.as_slice().unwrap_or_default();
    let bias = bias.as_slice().unwrap_or_default();
    Ok(elementwise::rows(compute, x, |rows| {
        compute.run(LayerNorm { rows, weight, bias, epsilon });
    }))
}
