use ndarray::{Array2, ArrayView1, ArrayView2};

use crate::kernels::rows::Softmax;
use crate::{Compute, elementwise};

/// `exp(x - max) / sum(exp(x - max))`, for each row of `x`, `[rows, classes]`.
///
/// A row without classes stays empty; `-inf` gives 0, and a row of only `-inf` gives NaN, as in
/// `torch.softmax`.
pub fn softmax(compute: &Compute, x: ArrayView2<'_, f32>) -> Array2<f32> {
    let classes = x.ncols();
    elementwise::rows(compute, x, |rows| {
        for row in rows.chunks_exact_mut(classes) {
            compute.run(Softmax(row));
        }
    })
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
