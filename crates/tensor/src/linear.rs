use ndarray::{Array2, ArrayView1, ArrayView2, Axis};

use crate::error::expect_shape;
use crate::{Backend, Compute, TensorError};

/// A matrix `[in, out]` prepared once for many multiplications.
///
/// HuggingFace stores GPT-2's projections as `Conv1D`, `[in, out]`: [`Weight::new`] takes them as
/// they are. An embedding `[rows, features]` that also serves as the output projection (`wte` as
/// `lm_head`) is the transpose of that: [`Weight::from_rows`].
#[derive(Clone, Debug)]
pub struct Weight {
    /// `[in, out]`, standard layout.
    matrix: Array2<f32>,
}

impl Weight {
    /// Prepares `matrix`, `[in, out]`.
    pub fn new(_compute: &Compute, matrix: ArrayView2<'_, f32>) -> Self {
        Weight { matrix: matrix.as_standard_layout().into_owned() }
    }

    /// Prepares the transpose of `rows`: `rows` is `[out, in]`, one row per output.
    pub fn from_rows(compute: &Compute, rows: ArrayView2<'_, f32>) -> Self {
        Weight::new(compute, rows.t())
    }

    /// The number of inputs.
    pub fn n_in(&self) -> usize {
        self.matrix.nrows()
    }

    /// The number of outputs.
    pub fn n_out(&self) -> usize {
        self.matrix.ncols()
    }

    /// The weights that make each of the outputs `ids`: `[ids.len(), in]`.
    ///
    /// With [`Weight::from_rows`] this is the embedding lookup.
    ///
    /// # Errors
    ///
    /// [`TensorError::Index`] for an id that is not below [`Weight::n_out`].
    pub fn gather(&self, ids: &[u32]) -> Result<Array2<f32>, TensorError> {
        gather(self.matrix.t(), ids)
    }
}

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
    expect_shape("linear", "bias", &[weight.n_out()], bias.shape())?;
    let mut y = multiply("linear", compute, x, weight)?;
    y += &bias;
    Ok(y)
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
    multiply("matmul", compute, x, weight)
}

fn multiply(
    op: &'static str,
    compute: &Compute,
    x: ArrayView2<'_, f32>,
    weight: &Weight,
) -> Result<Array2<f32>, TensorError> {
    expect_shape(op, "x", &[x.nrows(), weight.n_in()], x.shape())?;
    Ok(match compute.backend() {
        Backend::Native => native(x, weight.matrix.view()),
        #[cfg(feature = "openblas")]
        Backend::OpenBlas => x.dot(&weight.matrix),
    })
}

/// How many products are summed before the sum is added to the total.
const K_BLOCK: usize = 128;

/// Each output is the sum, in order, of block sums over `k`; the vector lanes run across outputs.
fn native(x: ArrayView2<'_, f32>, w: ArrayView2<'_, f32>) -> Array2<f32> {
    let mut y = Array2::zeros((x.nrows(), w.ncols()));
    let mut block_sum = vec![0.0_f32; w.ncols()];
    for (x_row, mut y_row) in x.outer_iter().zip(y.outer_iter_mut()) {
        for k0 in (0..w.nrows()).step_by(K_BLOCK) {
            block_sum.fill(0.0);
            for k in k0..(k0 + K_BLOCK).min(w.nrows()) {
                for (sum, w) in block_sum.iter_mut().zip(w.row(k)) {
                    *sum += x_row[k] * w;
                }
            }
            for (y, sum) in y_row.iter_mut().zip(&block_sum) {
                *y += sum;
            }
        }
    }
    y
}

/// Rows of `table` by id: `[rows, features]` gives `[ids.len(), features]`.
///
/// # Errors
///
/// [`TensorError::Index`] for an id that is not below `rows`.
pub fn gather(table: ArrayView2<'_, f32>, ids: &[u32]) -> Result<Array2<f32>, TensorError> {
    let rows = table.nrows();
    let indices: Vec<usize> = ids.iter().map(|&id| id as usize).collect();
    if let Some(&index) = indices.iter().find(|&&index| index >= rows) {
        return Err(TensorError::Index { op: "gather", index, rows });
    }
    Ok(table.select(Axis(0), &indices))
}
