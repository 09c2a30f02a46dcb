use ndarray::{Array2, ArrayView1, ArrayView2};

use crate::error::expect_shape;
use crate::kernels::gemm::{Epilogue, gemm};
use crate::weight::Prepared;
use crate::{Activation, Compute, TensorError, Weight};

/// `x @ weight + bias`: `[rows, in]` by `[in, out]` gives `[rows, out]`.
///
/// This is HuggingFace's `Conv1D` (`pytorch_utils.py`).
///
/// # Errors
///
/// [`TensorError::Shape`] when the columns of `x` are not `weight.n_in()`, or the length of `bias`
/// is not `weight.n_out()`.
pub fn linear(
    compute: &Compute,
    x: ArrayView2<'_, f32>,
    weight: &Weight,
    bias: ArrayView1<'_, f32>,
) -> Result<Array2<f32>, TensorError> {
    multiply("linear", compute, x, weight, Some(bias), None)
}

/// `activation(x @ weight + bias)`: [`linear`] and [`Activation::apply`] in one, with the same bits
/// and without a second walk through memory.
///
/// # Errors
///
/// As [`linear`].
pub fn linear_activated(
    compute: &Compute,
    x: ArrayView2<'_, f32>,
    weight: &Weight,
    bias: ArrayView1<'_, f32>,
    activation: Activation,
) -> Result<Array2<f32>, TensorError> {
    multiply("linear_activated", compute, x, weight, Some(bias), Some(activation))
}

/// `x @ weight`: `[rows, in]` by `[in, out]` gives `[rows, out]`.
///
/// # Errors
///
/// [`TensorError::Shape`] when the columns of `x` are not `weight.n_in()`.
pub fn matmul(
    compute: &Compute,
    x: ArrayView2<'_, f32>,
    weight: &Weight,
) -> Result<Array2<f32>, TensorError> {
    multiply("matmul", compute, x, weight, None, None)
}

fn multiply(
    op: &'static str,
    compute: &Compute,
    x: ArrayView2<'_, f32>,
    weight: &Weight,
    bias: Option<ArrayView1<'_, f32>>,
    activation: Option<Activation>,
) -> Result<Array2<f32>, TensorError> {
    expect_shape(op, "x", &[x.nrows(), weight.n_in()], x.shape())?;
    if let Some(bias) = bias {
        expect_shape(op, "bias", &[weight.n_out()], bias.shape())?;
    }
    match weight.prepared() {
        Prepared::Panels(panels) => {
            let bias =
                bias.map(|bias| bias.to_slice().map_or_else(|| bias.to_vec().into(), Into::into));
            let bias: Option<std::borrow::Cow<'_, [f32]>> = bias;
            Ok(gemm(compute, x, panels, Epilogue { bias: bias.as_deref(), activation }))
        }
        #[cfg(feature = "openblas")]
        Prepared::Plain(matrix) => {
            let mut y = x.dot(&matrix);
            if let Some(bias) = bias {
                y += &bias;
            }
            Ok(match activation {
                Some(activation) => activation.apply(compute, y.view()),
                None => y,
            })
        }
    }
}
