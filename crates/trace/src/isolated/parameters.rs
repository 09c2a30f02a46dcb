use std::cell::OnceCell;

use gpt2_weights::{BlockParams, Config, EmbeddingParams, Gpt2Weights, NormParams, WeightsError};
use ndarray::{CowArray, Ix2};

/// The parameters, each read once: in a file that is not aligned, reading is copying.
pub(crate) struct Parameters<'a> {
    weights: &'a Gpt2Weights,
    embedding: OnceCell<EmbeddingParams<'a>>,
    blocks: Vec<OnceCell<BlockParams<'a>>>,
    lm_head: OnceCell<Option<CowArray<'a, f32, Ix2>>>,
}

impl<'a> Parameters<'a> {
    pub(crate) fn new(weights: &'a Gpt2Weights) -> Self {
        let blocks = (0..weights.config().n_layer).map(|_| OnceCell::new()).collect();
        let (embedding, lm_head) = (OnceCell::new(), OnceCell::new());
        Parameters { weights, embedding, blocks, lm_head }
    }

    pub(crate) fn config(&self) -> &'a Config {
        self.weights.config()
    }

    pub(super) fn embedding(&self) -> Result<&EmbeddingParams<'a>, WeightsError> {
        once(&self.embedding, || self.weights.embedding())
    }

    /// Block `i`, which must be there.
    pub(super) fn block(&self, i: usize) -> Result<&BlockParams<'a>, WeightsError> {
        once(&self.blocks[i], || self.weights.block(i))
    }

    pub(super) fn ln_f(&self) -> Result<NormParams<'a>, WeightsError> {
        self.weights.ln_f()
    }

    pub(super) fn lm_head(&self) -> Result<Option<&CowArray<'a, f32, Ix2>>, WeightsError> {
        Ok(once(&self.lm_head, || self.weights.lm_head())?.as_ref())
    }
}

/// `OnceCell::get_or_try_init`, which is not stable.
fn once<T, E>(cell: &OnceCell<T>, read: impl FnOnce() -> Result<T, E>) -> Result<&T, E> {
    if let Some(known) = cell.get() {
        return Ok(known);
    }
    let value = read()?;
    Ok(cell.get_or_init(|| value))
}
