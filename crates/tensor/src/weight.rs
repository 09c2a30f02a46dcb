use ndarray::{Array2, ArrayView2, Axis};

use crate::kernels::buffer::Buffer;
use crate::kernels::gemm::Panels;
use crate::kernels::pack;
use crate::{Backend, Compute, TensorError};

/// A matrix `[in, out]` prepared once for many multiplications.
///
/// HuggingFace stores GPT-2's projections as `Conv1D`, `[in, out]`: [`Weight::new`] takes them as
/// they are. An embedding `[rows, features]` that also serves as the output projection (`wte` as
/// `lm_head`) is the transpose of that: [`Weight::from_rows`].
///
/// It is a copy of its own, packed for the kernels; what it was made from may be dropped. The
/// packing needs no memory but a few rows.
#[derive(Clone, Debug)]
pub struct Weight {
    n_in: usize,
    n_out: usize,
    store: Store,
}

#[derive(Clone, Debug)]
enum Store {
    Panels(Buffer),
    /// `[in, out]`, standard layout.
    #[cfg(feature = "openblas")]
    Plain(Array2<f32>),
}

/// What an operation multiplies by.
pub(crate) enum Prepared<'a> {
    Panels(Panels<'a>),
    #[cfg(feature = "openblas")]
    Plain(ArrayView2<'a, f32>),
}

impl Weight {
    /// Prepares `matrix`, `[in, out]`.
    pub fn new(compute: &Compute, matrix: ArrayView2<'_, f32>) -> Self {
        let (n_in, n_out) = matrix.dim();
        Weight::from_inputs_with(compute, n_in, n_out, |k, row| copy(matrix, k, row))
    }

    /// Prepares the transpose of `rows`: `rows` is `[out, in]`, one row per output.
    pub fn from_rows(compute: &Compute, rows: ArrayView2<'_, f32>) -> Self {
        let (n_out, n_in) = rows.dim();
        Weight::from_outputs_with(compute, n_in, n_out, |j, row| copy(rows, j, row))
    }

    /// [`Weight::new`] without a matrix: `fill(k, row)` writes row `k` of `[in, out]`, for example
    /// while converting it from another type. Rows are asked for by several threads, each once.
    pub fn from_inputs_with(
        compute: &Compute,
        n_in: usize,
        n_out: usize,
        fill: impl Fn(usize, &mut [f32]) + Sync,
    ) -> Self {
        let store = match compute.backend() {
            Backend::Native => Store::Panels(pack::from_inputs(compute, n_in, n_out, fill)),
            #[cfg(feature = "openblas")]
            Backend::OpenBlas => Store::Plain(plain(n_in, n_out, fill)),
        };
        Weight { n_in, n_out, store }
    }

    /// [`Weight::from_rows`] without a matrix: `fill(j, row)` writes row `j` of `[out, in]`. Rows
    /// are asked for by several threads, each once.
    pub fn from_outputs_with(
        compute: &Compute,
        n_in: usize,
        n_out: usize,
        fill: impl Fn(usize, &mut [f32]) + Sync,
    ) -> Self {
        let store = match compute.backend() {
            Backend::Native => Store::Panels(pack::from_outputs(compute, n_in, n_out, fill)),
            #[cfg(feature = "openblas")]
            Backend::OpenBlas => {
                Store::Plain(plain(n_out, n_in, fill).t().as_standard_layout().into_owned())
            }
        };
        Weight { n_in, n_out, store }
    }

    /// The number of inputs.
    pub fn n_in(&self) -> usize {
        self.n_in
    }

    /// The number of outputs.
    pub fn n_out(&self) -> usize {
        self.n_out
    }

    /// The weights that make each of the outputs `ids`: `[ids.len(), in]`.
    ///
    /// With [`Weight::from_rows`] this is the embedding lookup.
    ///
    /// # Errors
    ///
    /// [`TensorError::Index`] for an id that is not below [`Weight::n_out`].
    pub fn gather(&self, ids: &[u32]) -> Result<Array2<f32>, TensorError> {
        let indices = check_ids(ids, self.n_out)?;
        match self.prepared() {
            Prepared::Panels(panels) => {
                let mut rows = Array2::zeros((ids.len(), self.n_in));
                for (mut row, index) in rows.outer_iter_mut().zip(indices) {
                    pack::read_output(panels, index, row.as_slice_mut().unwrap_or_default());
                }
                Ok(rows)
            }
            #[cfg(feature = "openblas")]
            Prepared::Plain(matrix) => Ok(matrix.t().select(Axis(0), &indices)),
        }
    }

    pub(crate) fn prepared(&self) -> Prepared<'_> {
        match &self.store {
            Store::Panels(data) => {
                Prepared::Panels(Panels { data, n_in: self.n_in, n_out: self.n_out })
            }
            #[cfg(feature = "openblas")]
            Store::Plain(matrix) => Prepared::Plain(matrix.view()),
        }
    }
}

/// Rows of `table` by id: `[rows, features]` gives `[ids.len(), features]`.
///
/// # Errors
///
/// [`TensorError::Index`] for an id that is not below `rows`.
pub fn gather(table: ArrayView2<'_, f32>, ids: &[u32]) -> Result<Array2<f32>, TensorError> {
    Ok(table.select(Axis(0), &check_ids(ids, table.nrows())?))
}

fn check_ids(ids: &[u32], rows: usize) -> Result<Vec<usize>, TensorError> {
    let indices: Vec<usize> = ids.iter().map(|&id| id as usize).collect();
    match indices.iter().find(|&&index| index >= rows) {
        Some(&index) => Err(TensorError::Index { op: "gather", index, rows }),
        None => Ok(indices),
    }
}

fn copy(matrix: ArrayView2<'_, f32>, i: usize, to: &mut [f32]) {
    let row = matrix.row(i);
    match row.as_slice() {
        Some(row) => to.copy_from_slice(row),
        None => to.iter_mut().zip(row).for_each(|(to, &x)| *to = x),
    }
}

#[cfg(feature = "openblas")]
fn plain(rows: usize, columns: usize, fill: impl Fn(usize, &mut [f32])) -> Array2<f32> {
    let mut matrix = Array2::zeros((rows, columns));
    for (i, mut row) in matrix.outer_iter_mut().enumerate() {
        fill(i, row.as_slice_mut().unwrap_or_default());
    }
    matrix
}
