use gpt2_tensor::{Compute, Weight, argmax, matmul, softmax};
use gpt2_weights::{Config, Gpt2Weights};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, s};

use crate::attention::Rows;
use crate::tap::{Site, Tap, tap, tap_tokens};
use crate::{Block, Embedding, KvCache, LayerNorm, ModelError};

/// One sequence of a batch: new tokens, and the cache of what came before them.
#[derive(Debug)]
pub struct Sequence<'a> {
    /// The new tokens, `[T]`; each sequence may have another `T`.
    pub tokens: &'a [u32],
    /// The cache to which they are appended.
    pub cache: &'a mut KvCache,
}

/// A GPT-2 language model: embeddings, blocks, the last LayerNorm and the output projection
/// (`GPT2LMHeadModel`).
#[derive(Clone, Debug)]
pub struct Gpt2 {
    config: Config,
    compute: Compute,
    embedding: Embedding,
    blocks: Vec<Block>,
    ln_f: LayerNorm,
    /// Its own output projection; without one, `wte` is used.
    lm_head: Option<Weight>,
}

impl Gpt2 {
    /// Prepares the weights to run with [`Compute::default`].
    ///
    /// # Errors
    ///
    /// [`ModelError::Weights`] when a tensor cannot be read, [`ModelError::UnsupportedActivation`].
    pub fn new(weights: &Gpt2Weights) -> Result<Self, ModelError> {
        Gpt2::with_compute(weights, Compute::default())
    }

    /// Prepares the weights to run with `compute`.
    ///
    /// The model keeps its own copy. What is copied is released from the mapped file at once, so
    /// that never much more than one copy is in memory.
    ///
    /// # Errors
    ///
    /// As [`Gpt2::new`].
    pub fn with_compute(weights: &Gpt2Weights, compute: Compute) -> Result<Self, ModelError> {
        let config = weights.config().clone();
        // The largest tensors first, while there is no copy of the others yet.
        let embedding = Embedding::new(&compute, weights.embedding()?);
        let lm_head = weights.lm_head()?.map(|head| Weight::from_rows(&compute, head.view()));
        for name in ["wte.weight", "lm_head.weight"] {
            weights.checkpoint().release(name);
        }
        let blocks = (0..config.n_layer)
            .map(|i| {
                let block = Block::new(&compute, weights.block(i)?, &config, i)?;
                weights.release_block(i);
                Ok(block)
            })
            .collect::<Result<_, ModelError>>()?;
        Ok(Gpt2 {
            embedding,
            blocks,
            ln_f: LayerNorm::new(weights.ln_f()?, config.layer_norm_epsilon),
            lm_head,
            config,
            compute,
        })
    }

    /// The config of the checkpoint.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// How this model computes.
    pub fn compute(&self) -> &Compute {
        &self.compute
    }

    /// An empty cache for one sequence, with room for the whole context.
    pub fn new_cache(&self) -> KvCache {
        KvCache::new(&self.config)
    }

    /// Runs `tokens`, `[T]`, after whatever `cache` holds, and appends them to it. Gives the logits
    /// of every new position, `[T, V]`.
    ///
    /// A prompt (prefill) and one decoded token are the same call. Watch it with a [`Tap`], or
    /// pass `&mut ()`.
    ///
    /// # Errors
    ///
    /// [`ModelError::EmptyInput`], [`ModelError::TokenOutOfRange`], [`ModelError::ContextFull`],
    /// [`ModelError::CacheMismatch`]: all found before anything is computed, `cache` unchanged.
    pub fn forward(
        &self,
        tokens: &[u32],
        cache: &mut KvCache,
        taps: &mut impl Tap,
    ) -> Result<Array2<f32>, ModelError> {
        let x = self.hidden(tokens, cache, taps)?;
        let logits = self.logits(x.view())?;
        tap(taps, Site::Logits, logits.view());
        self.tap_last(logits.row(logits.nrows() - 1), taps);
        Ok(logits)
    }

    /// [`Gpt2::forward`], but only the logits of the last position, `[V]`: what generating needs,
    /// without the work for the others.
    ///
    /// # Errors
    ///
    /// As [`Gpt2::forward`].
    pub fn next_logits(
        &self,
        tokens: &[u32],
        cache: &mut KvCache,
        taps: &mut impl Tap,
    ) -> Result<Array1<f32>, ModelError> {
        if taps.wants(Site::Logits) {
            let logits = self.forward(tokens, cache, taps)?;
            return Ok(logits.row(logits.nrows() - 1).to_owned());
        }
        let x = self.hidden(tokens, cache, taps)?;
        let last = self.logits(x.slice(s![x.nrows() - 1.., ..]))?.remove_axis(Axis(0));
        self.tap_last(last.view(), taps);
        Ok(last)
    }

    /// [`Gpt2::next_logits`] of several sequences at once, `[B, V]`: the weights are read once for
    /// all of them. Each row has the bits that its sequence gives alone.
    ///
    /// # Errors
    ///
    /// As [`Gpt2::forward`], all caches unchanged; [`ModelError::EmptyInput`] also for a batch
    /// without sequences.
    pub fn next_logits_batch(&self, batch: &mut [Sequence<'_>]) -> Result<Array2<f32>, ModelError> {
        if batch.is_empty() {
            return Err(ModelError::EmptyInput);
        }
        let x = self.hidden_batch(batch, &mut ())?;
        let mut end = 0;
        let last: Vec<usize> = batch
            .iter()
            .map(|sequence| {
                end += sequence.tokens.len();
                end - 1
            })
            .collect();
        self.logits(x.select(Axis(0), &last).view())
    }

    /// Everything up to and with the last LayerNorm, `[T, C]`.
    fn hidden(
        &self,
        tokens: &[u32],
        cache: &mut KvCache,
        taps: &mut impl Tap,
    ) -> Result<Array2<f32>, ModelError> {
        self.hidden_batch(&mut [Sequence { tokens, cache }], taps)
    }

    /// [`Gpt2::hidden`] of several sequences, whose rows follow each other.
    fn hidden_batch(
        &self,
        batch: &mut [Sequence<'_>],
        taps: &mut impl Tap,
    ) -> Result<Array2<f32>, ModelError> {
        for sequence in batch.iter() {
            self.check_tokens(sequence.tokens)?;
            sequence.cache.check(&self.config, sequence.tokens.len())?;
        }
        let embedded = batch
            .iter()
            .map(|sequence| self.embedding.forward(sequence.tokens, sequence.cache.len()))
            .collect::<Result<Vec<_>, _>>()?;
        let mut x = stack_rows(embedded);
        tap(taps, Site::Embed, x.view());
        let mut layers: Vec<_> =
            batch.iter_mut().map(|s| (s.tokens.len(), s.cache.layers_mut())).collect();
        for block in &self.blocks {
            let mut rows: Vec<_> = layers
                .iter_mut()
                .filter_map(|(len, layers)| Some(Rows { len: *len, kv: layers.next()? }))
                .collect();
            x = block.forward_rows(&self.compute, x.view(), &mut rows, taps)?;
        }
        let x = self.ln_f.forward(&self.compute, x.view())?;
        tap(taps, Site::LnF, x.view());
        Ok(x)
    }

    fn logits(&self, x: ArrayView2<'_, f32>) -> Result<Array2<f32>, ModelError> {
        Ok(match &self.lm_head {
            Some(lm_head) => matmul(&self.compute, x, lm_head)?,
            None => self.embedding.logits(&self.compute, x)?,
        })
    }

    /// The taps that follow from the last logits alone.
    fn tap_last(&self, last: ArrayView1<'_, f32>, taps: &mut impl Tap) {
        tap(taps, Site::LastLogits, last);
        if taps.wants(Site::Argmax) {
            tap_tokens(taps, Site::Argmax, argmax(last).map(|id| id as u32).as_slice());
        }
        if taps.wants(Site::Probs) {
            let probs = softmax(&self.compute, last.insert_axis(Axis(0)));
            tap(taps, Site::Probs, probs.row(0));
        }
    }

    fn check_tokens(&self, tokens: &[u32]) -> Result<(), ModelError> {
        if tokens.is_empty() {
            return Err(ModelError::EmptyInput);
        }
        let vocab_size = self.config.vocab_size;
        match tokens.iter().position(|&id| id as usize >= vocab_size) {
            Some(position) => {
                Err(ModelError::TokenOutOfRange { token: tokens[position], position, vocab_size })
            }
            None => Ok(()),
        }
    }
}

/// The rows of all of them, one after the other.
fn stack_rows(mut parts: Vec<Array2<f32>>) -> Array2<f32> {
    if parts.len() == 1 {
        return parts.swap_remove(0);
    }
    let width = parts.first().map_or(0, Array2::ncols);
    let mut all = Array2::zeros((0, width));
    for part in parts {
        // Every part has the width of the embedding.
        let _ = all.append(Axis(0), part.view());
    }
    all
}
