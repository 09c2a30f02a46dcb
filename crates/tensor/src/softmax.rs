use ndarray::{Array2, ArrayView1, ArrayView2};

use crate::{Compute, lanes};

/// `exp(x - max) / sum(exp(x - max))`, for each row of `x`, `[rows, classes]`.
///
/// A row without classes stays empty; `-inf` gives 0, and a row of only `-inf` gives NaN, as in
/// `torch.softmax`.
pub fn softmax(_compute: &Compute, x: ArrayView2<'_, f32>) -> Array2<f32> {
    let mut y = x.as_standard_layout().into_owned();
    for mut row in y.outer_iter_mut() {
        softmax_in_place(row.as_slice_mut().unwrap_or_default());
    }
    y
}

pub(crate) fn softmax_in_place(row: &mut [f32]) {
    let max = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    for x in row.iter_mut() {
        *x = (*x - max).exp();
    }
    let sum = lanes::sum(row, |x| x);
    for x in row.iter_mut() {
        *x /= sum;
    }
}

/// The position of the largest value; the lowest one wins a tie. `None` for an empty view.
///
/// NaN is never the largest, unless there is nothing else.
pub fn argmax(values: ArrayView1<'_, f32>) -> Option<usize> {
    let mut best = 0;
    for (i, value) in values.iter().enumerate() {
        if *value > values[best] || values[best].is_nan() && !value.is_nan() {
            best = i;
        }
    }
    (!values.is_empty()).then_some(best)
}
