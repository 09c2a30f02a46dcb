//! Whether an engine computes the same model: times of different results are not compared.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use gpt2_benches::tokens;
use serde::Serialize;
use serde_json::{Value, json};

use super::process::Process;

const PROMPT: usize = 16;
const STEPS: usize = 32;

/// How near an engine is to ours.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Agreement {
    /// Greedy tokens that are the same, counted up to the first that is not.
    pub(crate) tokens: usize,
    /// Of so many.
    pub(crate) of: usize,
    /// The largest difference of two logits, over the largest logit.
    pub(crate) logits: f64,
}

/// Each engine against the first, which is ours.
pub(crate) fn check(running: &mut [Process], vocab_size: usize) -> Result<Vec<Agreement>> {
    let prompt = tokens(PROMPT, vocab_size);
    let mut answers = Vec::new();
    for process in running {
        let reply = process.ask(&json!({ "task": "decode", "tokens": prompt, "n": STEPS }))?;
        let generated = numbers(&reply["tokens"])?;
        let reply = process.ask(&json!({ "task": "logits", "tokens": prompt }))?;
        answers.push((generated, numbers(&reply["logits"])?));
    }
    let (our_tokens, our_logits) = answers.first().context("no engine")?;
    let largest = our_logits.iter().fold(0.0, |max: f64, x| max.max(x.abs()));
    answers
        .iter()
        .map(|(generated, logits)| {
            ensure!(logits.len() == our_logits.len(), "another number of logits");
            let same = our_tokens.iter().zip(generated).take_while(|(a, b)| a == b).count();
            let apart = our_logits.iter().zip(logits).map(|(a, b)| (a - b).abs());
            // Not `max`, which drops a NaN.
            let apart = apart.fold(0.0, |max, x| if x <= max { max } else { x });
            Ok(Agreement { tokens: same, of: our_tokens.len(), logits: apart / largest })
        })
        .collect()
}

fn numbers(values: &Value) -> Result<Vec<f64>> {
    let values = values.as_array().context("not a list of numbers")?;
    values.iter().map(|x| x.as_f64().context("not a number")).collect()
}

/// The size of the vocabulary of the model in `directory`.
pub(crate) fn vocab_size(directory: &Path) -> Result<usize> {
    let config = std::fs::read_to_string(directory.join("config.json"))?;
    let config: Value = serde_json::from_str(&config)?;
    config["vocab_size"].as_u64().map(|n| n as usize).context("vocab_size")
}
