use gpt2_weights::LinearParams;
use ndarray::{Array2, ArrayView2, Axis, CowArray, Ix2};

use super::Precision;

/// How a projection is computed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LinearForm {
    /// Whether the stored numbers, `[in, out]`, are read as if they were `[out, in]`.
    pub(crate) transposed: bool,
    /// Whether the bias is added.
    pub(crate) bias: bool,
}

impl LinearForm {
    pub(crate) const RIGHT: LinearForm = LinearForm { transposed: false, bias: true };
}

/// `x @ weight + bias`: `[T, in]` gives `[T, out]`.
pub(crate) fn linear(
    x: &Array2<f64>,
    params: &LinearParams<'_>,
    form: LinearForm,
    precision: Precision,
) -> Array2<f64> {
    let weight = if form.transposed {
        read_transposed(&params.weight)
    } else {
        CowArray::from(params.weight.view())
    };
    let mut y = project(x, weight.view(), precision);
    if form.bias {
        y += &params.bias.mapv(|b| precision.weight(b));
    }
    y
}

/// `x @ weight`.
pub(crate) fn project(
    x: &Array2<f64>,
    weight: ArrayView2<'_, f32>,
    precision: Precision,
) -> Array2<f64> {
    let mut y = Array2::zeros((x.nrows(), weight.ncols()));
    for (k, weights) in weight.outer_iter().enumerate() {
        let weights = weights.mapv(|w| precision.factor(precision.weight(w)));
        for (mut y, x) in y.outer_iter_mut().zip(x.index_axis(Axis(1), k)) {
            y.scaled_add(precision.factor(*x), &weights);
        }
    }
    y
}

/// The numbers of `[in, out]`, in the order they are stored, taken for `[out, in]` and transposed.
pub(crate) fn read_transposed<'a>(weight: &CowArray<'a, f32, Ix2>) -> CowArray<'a, f32, Ix2> {
    let (n_in, n_out) = weight.dim();
    let stored: Vec<f32> = weight.iter().copied().collect();
    CowArray::from(Array2::from_shape_fn((n_in, n_out), |(i, j)| stored[j * n_in + i]))
}
