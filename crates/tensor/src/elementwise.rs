//! Operations that make each row of a matrix from the same row of another.

use ndarray::{Array2, ArrayView2};

use crate::Compute;
use crate::kernels::rows_in_parallel;

/// Values that are worth a task of their own.
const TASK_VALUES: usize = 8192;

/// A copy of `x` on which `f` has worked, some whole rows at a time. Not called without values.
pub(crate) fn rows(
    compute: &Compute,
    x: ArrayView2<'_, f32>,
    f: impl Fn(&mut [f32]) + Sync,
) -> Array2<f32> {
    let mut y = x.as_standard_layout().into_owned();
    let width = y.ncols();
    if let Some(values) = y.as_slice_mut().filter(|values| !values.is_empty()) {
        let height = TASK_VALUES.div_ceil(width);
        rows_in_parallel(compute, values, height * width, f);
    }
    y
}
