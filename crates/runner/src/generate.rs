use std::ops::ControlFlow;

use gpt2_model::Gpt2;
use serde::Serialize;

use crate::{RunnerError, Sampler, Sampling, TextStream, Tokenizer};

/// What to generate, and when to stop.
#[derive(Clone, Copy, Debug)]
pub struct GenerationOptions {
    /// At most this many tokens.
    pub n: usize,
    /// How each of them is chosen.
    pub sampling: Sampling,
    /// Whether the config's `eos_token_id` ends the text.
    pub stop_at_eos: bool,
}

/// Why a generation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Stop {
    /// All tokens that were asked for.
    Length,
    /// The model ended the text.
    EndOfText,
    /// The one who listened had enough.
    Cancelled,
}

/// A continuation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Generation {
    /// The tokens of the prompt.
    pub ids: Vec<u32>,
    /// The tokens that follow, with the end-of-text token if that ended it.
    pub generated: Vec<u32>,
    /// The text of `generated`, without the end-of-text token that ended it.
    pub text: String,
    /// Why it ended.
    pub stop: Stop,
}

/// Continues the prompt `ids`. `on_text` is shown the text as it comes, in whole characters, and may
/// end it.
///
/// ```
/// use std::ops::ControlFlow;
/// use gpt2_model::Gpt2;
/// use gpt2_runner::{GenerationOptions, ModelSource, Sampling, generate};
///
/// let model = Gpt2::new(&ModelSource::Demo.weights()?)?;
/// let tokenizer = ModelSource::Demo.tokenizer()?;
/// let options = GenerationOptions { n: 6, sampling: Sampling::default(), stop_at_eos: true };
/// let prompt = tokenizer.encode("ROMEO:")?;
/// let generation = generate(&model, &tokenizer, &prompt, options, |_| ControlFlow::Continue(()))?;
/// assert_eq!(generation.text, "\nI'll tell thee,");
/// # Ok::<(), gpt2_runner::RunnerError>(())
/// ```
///
/// # Errors
///
/// [`RunnerError::Model`] when the prompt is empty, is not of the vocabulary, or does not fit the
/// context together with what is asked for; [`RunnerError::Sampling`]; [`RunnerError::Tokenizer`].
pub fn generate(
    model: &Gpt2,
    tokenizer: &Tokenizer,
    ids: &[u32],
    options: GenerationOptions,
    mut on_text: impl FnMut(&str) -> ControlFlow<()>,
) -> Result<Generation, RunnerError> {
    let mut stream = TextStream::new(tokenizer);
    let mut text = String::new();
    let mut failure = None;
    let mut generation = generate_ids(model, ids, options, |id| match stream.push(id) {
        Err(error) => {
            failure = Some(error);
            ControlFlow::Break(())
        }
        Ok(new) if new.is_empty() => ControlFlow::Continue(()),
        Ok(new) => {
            text += &new;
            on_text(&new)
        }
    })?;
    if let Some(error) = failure {
        return Err(error.into());
    }
    generation.text = text;
    let rest = stream.finish()?;
    if !rest.is_empty() && generation.stop != Stop::Cancelled {
        // Nothing is left to stop.
        let _ = on_text(&rest);
    }
    generation.text += &rest;
    Ok(generation)
}

/// Continues the prompt `ids` without a tokenizer: [`Generation::text`] stays empty. `on_id` is shown
/// each token as it comes, except the end-of-text token that ends it, and may end it.
///
/// # Errors
///
/// [`RunnerError::Model`] and [`RunnerError::Sampling`] as for [`generate`].
pub fn generate_ids(
    model: &Gpt2,
    ids: &[u32],
    options: GenerationOptions,
    mut on_id: impl FnMut(u32) -> ControlFlow<()>,
) -> Result<Generation, RunnerError> {
    let eos = model.config().eos_token_id.filter(|_| options.stop_at_eos);
    let mut sampler = Sampler::new(options.sampling)?;
    let mut generation = Generation {
        ids: ids.to_vec(),
        generated: Vec::new(),
        text: String::new(),
        stop: Stop::Length,
    };
    model.decode(ids, options.n, &mut (), |logits| {
        let id = sampler.choose(&logits.to_vec())?;
        generation.generated.push(id);
        if Some(id) == eos {
            generation.stop = Stop::EndOfText;
            return None;
        }
        if on_id(id).is_break() {
            generation.stop = Stop::Cancelled;
            return None;
        }
        Some(id)
    })?;
    Ok(generation)
}
