//! Operations on each element, or on each row.

use ndarray::{Array2, ArrayView2};

use crate::error::expect_shape;
use crate::kernels::rows_in_parallel;
use crate::{Compute, TensorError};

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
        rows_in_parallel(compute, values, height * width, |_, rows| f(rows));
    }
    y
}

/// `y += x`: the residual connection.
///
/// # Errors
///
/// [`TensorError::Shape`] when `x` has not the shape of `y`.
pub fn add_assign(
    compute: &Compute,
    y: &mut Array2<f32>,
    x: ArrayView2<'_, f32>,
) -> Result<(), TensorError> {
    expect_shape("add_assign", "x", y.shape(), x.shape())?;
    match (y.as_slice_mut(), x.as_slice()) {
        (Some(y), Some(x)) => rows_in_parallel(compute, y, TASK_VALUES, |start, y| {
            y.iter_mut().zip(&x[start..]).for_each(|(y, x)| *y += x);
        }),
        _ => *y += &x,
    }
    Ok(())
}
