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

/// What an engine makes of a short prompt.
pub(crate) struct Answer {
    tokens: Vec<f64>,
    logits: Vec<f64>,
}

pub(crate) fn ask(process: &mut Process, vocab_size: usize) -> Result<Answer> {
    let prompt = tokens(PROMPT, vocab_size);
    let decode = process.ask(&json!({ "task": "decode", "tokens": prompt, "n": STEPS }))?;
    let logits = process.ask(&json!({ "task": "logits", "tokens": prompt }))?;
    let answer =
        Answer { tokens: numbers(&decode["tokens"])?, logits: numbers(&logits["logits"])? };
    ensure!(answer.logits.len() == vocab_size, "{} logits of {vocab_size}", answer.logits.len());
    Ok(answer)
}

/// `theirs` against `ours`.
pub(crate) fn compare(ours: &Answer, theirs: &Answer) -> Agreement {
    let same = ours.tokens.iter().zip(&theirs.tokens).take_while(|(a, b)| a == b).count();
    let largest = ours.logits.iter().fold(0.0, |max: f64, x| max.max(x.abs()));
    let apart = ours.logits.iter().zip(&theirs.logits).map(|(a, b)| (a - b).abs());
    // Not `max`, which drops a NaN.
    let apart = apart.fold(0.0, |max, x| if x <= max { max } else { x });
    Agreement { tokens: same, of: ours.tokens.len(), logits: apart / largest }
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
