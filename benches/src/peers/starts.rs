//! New processes: the time to the first token, and the memory that it takes.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};
use gpt2_benches::tokens;
use serde::Serialize;
use serde_json::json;

use super::agreement::vocab_size;
use super::engines::Engine;

/// Of one number of threads, all lists by engine.
#[derive(Debug, Serialize)]
pub(crate) struct Starts {
    pub(crate) threads: usize,
    pub(crate) engines: Vec<&'static str>,
    /// Of the weights as they are stored.
    pub(crate) weight_bytes: u64,
    /// From the start of the process to the first token of a prompt of 16, in each round.
    pub(crate) seconds: Vec<Vec<f64>>,
    /// The most that was resident until 64 tokens after 128 were decoded.
    pub(crate) peak_bytes: Vec<Option<u64>>,
}

pub(crate) fn measure(
    engines: &[Engine],
    model: &Path,
    threads: usize,
    rounds: usize,
) -> Result<Starts> {
    let vocab_size = vocab_size(model)?;
    let mut starts = Starts {
        threads,
        engines: engines.iter().map(|engine| engine.key).collect(),
        weight_bytes: model.join("model.safetensors").metadata()?.len(),
        seconds: vec![Vec::new(); engines.len()],
        peak_bytes: vec![None; engines.len()],
    };
    let first = json!({ "task": "prefill", "tokens": tokens(16, vocab_size) });
    let more = json!({ "task": "decode", "tokens": tokens(128, vocab_size), "n": 64 });
    // One round more: the first only fills the page cache.
    for round in 0..=rounds {
        eprintln!("new processes, {threads} threads: round {round} of {rounds}");
        for (i, engine) in engines.iter().enumerate() {
            let begin = Instant::now();
            let mut process = engine.spawn(model, threads)?;
            process.send(&first)?;
            process.wait_until_ready()?;
            process.read()?.get("token").context("no token")?;
            let seconds = begin.elapsed().as_secs_f64();
            if round > 0 {
                starts.seconds[i].push(seconds);
            } else {
                process.ask(&more)?;
                starts.peak_bytes[i] = process.peak_memory();
            }
        }
    }
    Ok(starts)
}
