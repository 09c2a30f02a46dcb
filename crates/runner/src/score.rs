use gpt2_model::{Gpt2, KvCache, ModelError};
use serde::Serialize;

use crate::RunnerError;

/// So many positions have their logits in memory at once: the whole context of a real vocabulary
/// would be 200 MB. How a row is cut changes no bit of the result.
const CHUNK: usize = 64;

/// How well a model foretells a text.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Score {
    /// How many rows there were.
    pub rows: usize,
    /// How many tokens were foretold.
    pub tokens: usize,
    /// The mean of `-ln p(token)` over all of them, in nats.
    pub mean_cross_entropy: f64,
    /// `exp` of the mean.
    pub perplexity: f64,
}

/// Scores `ids` in rows of `row_len` tokens, each foretold from those before it in its row. The
/// targets are the inputs moved on by one, so the last id is a target alone; the last row may be
/// shorter.
///
/// The sums are in f64, the logits are the model's own.
///
/// ```
/// use gpt2_model::Gpt2;
/// use gpt2_runner::{ModelSource, score};
///
/// let model = Gpt2::new(&ModelSource::Demo.weights()?)?;
/// let ids = ModelSource::Demo.tokenizer()?.encode("ROMEO:\nI'll tell thee, sir.")?;
/// let score = score(&model, &ids, 64)?;
/// assert_eq!((score.rows, score.tokens), (1, ids.len() - 1));
/// assert!(score.mean_cross_entropy < 4.0);
/// # Ok::<(), gpt2_runner::RunnerError>(())
/// ```
///
/// # Errors
///
/// [`RunnerError::NothingToScore`] for fewer than two ids or rows of length 0,
/// [`RunnerError::Model`] when a row does not fit the context or an id is not of the vocabulary.
pub fn score(model: &Gpt2, ids: &[u32], row_len: usize) -> Result<Score, RunnerError> {
    if ids.len() < 2 || row_len == 0 {
        return Err(RunnerError::NothingToScore { ids: ids.len(), row_len });
    }
    let vocab_size = model.config().vocab_size;
    if let Some(position) = ids.iter().position(|&id| id as usize >= vocab_size) {
        let token = ids[position];
        return Err(ModelError::TokenOutOfRange { token, position, vocab_size }.into());
    }
    let (inputs, targets) = (&ids[..ids.len() - 1], &ids[1..]);
    let mut sum = 0.0;
    for (inputs, targets) in inputs.chunks(row_len).zip(targets.chunks(row_len)) {
        if inputs.len() > model.config().n_positions {
            let n_positions = model.config().n_positions;
            return Err(ModelError::ContextFull { held: 0, new: inputs.len(), n_positions }.into());
        }
        let mut cache = KvCache::with_capacity(model.config(), inputs.len());
        for (inputs, targets) in inputs.chunks(CHUNK).zip(targets.chunks(CHUNK)) {
            let logits = model.forward(inputs, &mut cache, &mut ())?;
            for (logits, &target) in logits.rows().into_iter().zip(targets) {
                sum += cross_entropy(logits.iter().copied(), logits[target as usize]);
            }
        }
    }
    let mean = sum / inputs.len() as f64;
    Ok(Score {
        rows: inputs.len().div_ceil(row_len),
        tokens: inputs.len(),
        mean_cross_entropy: mean,
        perplexity: mean.exp(),
    })
}

/// `ln sum exp(logits) - logit`, in nats.
fn cross_entropy(logits: impl Iterator<Item = f32> + Clone, logit: f32) -> f64 {
    // `f32::max` passes over a NaN; the sum does not.
    let max = logits.clone().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = logits.map(|x| f64::from(x - max).exp()).sum();
    sum.ln() + f64::from(max) - f64::from(logit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cross_entropy_of_equal_logits_is_the_log_of_their_number() {
        let logits = [300.0_f32; 1024];
        let difference = cross_entropy(logits.iter().copied(), 300.0) - 1024.0_f64.ln();
        assert!(difference.abs() < 1e-12, "{difference}");
    }

    #[test]
    fn a_nan_is_not_passed_over() {
        assert!(cross_entropy([1.0, f32::NAN, 2.0].into_iter(), 1.0).is_nan());
    }
}
