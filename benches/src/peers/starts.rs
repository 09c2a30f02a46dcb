//! New processes: the time to the first token, and the memory that it takes.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};
use gpt2_benches::tokens;
use serde::Serialize;
use serde_json::json;

use super::agreement::vocab_size;
use super::engines::Engine;
use super::process::Process;

/// Of one number of threads, all lists by engine.
#[derive(Debug, Serialize)]
pub(crate) struct Starts {
    pub(crate) threads: usize,
    pub(crate) engines: Vec<&'static str>,
    /// Of the weights as they are stored.
    pub(crate) weight_bytes: u64,
    /// From the start of the process to the first token of a prompt of 16, in each round: of the
    /// second of two processes, so that the files are in the page cache and the memory that the
    /// process takes is that of the one before.
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
    let start = |engine: &Engine| -> Result<(Process, f64)> {
        let begin = Instant::now();
        let mut process = engine.spawn(model, threads)?;
        process.send(&first)?;
        process.wait_until_ready()?;
        process.read()?.get("token").context("no token")?;
        Ok((process, begin.elapsed().as_secs_f64()))
    };
    for round in 0..rounds {
        eprintln!("new processes, {threads} threads: round {} of {rounds}", round + 1);
        for (i, engine) in engines.iter().enumerate() {
            let (mut process, _) = start(engine)?;
            if round == 0 {
                process.ask(&more)?;
                starts.peak_bytes[i] = process.peak_memory();
            }
            drop(process);
            starts.seconds[i].push(start(engine)?.1);
        }
    }
    Ok(starts)
}
