use gpt2_tensor::{Compute, TensorError, Weight, matmul};
use gpt2_weights::EmbeddingParams;
use ndarray::{Array2, ArrayView2, s};

/// Token and position embeddings; the token embedding is also the tied output projection.
#[derive(Clone, Debug)]
pub struct Embedding {
    /// `[C, V]`: the transpose of the stored `wte`, ready to make logits.
    wte: Weight,
    /// `[P, C]`.
    wpe: Array2<f32>,
}

impl Embedding {
    /// Prepares `wte`, `[V, C]`, for `compute`, and takes `wpe`, `[P, C]`.
    pub fn new(compute: &Compute, params: EmbeddingParams<'_>) -> Self {
        Embedding {
            wte: Weight::from_rows(compute, params.wte.view()),
            wpe: params.wpe.into_owned(),
        }
    }

    /// `wte[tokens] + wpe[past..]`, `[T, C]`, for tokens that follow `past` others.
    ///
    /// # Errors
    ///
    /// [`TensorError::Index`] for a token or a position that has no embedding.
    pub fn forward(&self, tokens: &[u32], past: usize) -> Result<Array2<f32>, TensorError> {
        let end = past + tokens.len();
        if end > self.wpe.nrows() {
            let rows = self.wpe.nrows();
            return Err(TensorError::Index { op: "wpe", index: end - 1, rows });
        }
        let mut x = self.wte.gather(tokens)?;
        x += &self.wpe.slice(s![past..end, ..]);
        Ok(x)
    }

    /// Logits by the tied weights: `x @ wte^T`, `[T, C]` gives `[T, V]`.
    ///
    /// # Errors
    ///
    /// [`TensorError::Shape`] when `x` has another width.
    pub fn logits(
        &self,
        compute: &Compute,
        x: ArrayView2<'_, f32>,
    ) -> Result<Array2<f32>, TensorError> {
        matmul(compute, x, &self.wte)
    }
}
