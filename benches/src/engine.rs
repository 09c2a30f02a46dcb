//! This model behind the protocol of `benches/peers/protocol.py`.

use std::io::{BufRead, Write};
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result};
use gpt2_model::{Gpt2, greedy};
use gpt2_tensor::Compute;
use gpt2_weights::Gpt2Weights;
use ndarray::Array1;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::limits::Probe;
use crate::measure::backend;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// A HuggingFace GPT-2 directory.
    #[arg(long)]
    model: PathBuf,
    #[arg(long)]
    threads: usize,
    #[arg(long, default_value = "native")]
    backend: String,
}

#[derive(Deserialize)]
#[serde(tag = "task", rename_all = "snake_case")]
enum Request {
    Prefill {
        tokens: Vec<u32>,
    },
    Decode {
        tokens: Vec<u32>,
        n: usize,
    },
    Logits {
        tokens: Vec<u32>,
    },
    /// Ours alone: what the memory gives in this round.
    Bandwidth,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let compute =
        Compute::builder().backend(backend(&args.backend)?).threads(args.threads).build()?;
    let model = Gpt2::with_compute(&Gpt2Weights::open(&args.model)?, compute)?;
    let mut engine = Engine { model, threads: args.threads, probe: None };
    let name = format!("gpt2-rs, {}", args.backend);
    let mut reply = json!({
        "ready": true,
        "engine": name,
        "version": env!("CARGO_PKG_VERSION"),
    });
    let mut out = std::io::stdout().lock();
    let mut lines = std::io::stdin().lock().lines();
    loop {
        writeln!(out, "{reply}")?;
        out.flush()?;
        let Some(line) = lines.next() else { return Ok(()) };
        reply = engine.answer(serde_json::from_str(&line?)?)?;
    }
}

struct Engine {
    model: Gpt2,
    threads: usize,
    /// Made when asked for: its memory is not the model's.
    probe: Option<Probe>,
}

impl Engine {
    fn answer(&mut self, request: Request) -> Result<Value> {
        let model = &self.model;
        Ok(match request {
            Request::Prefill { tokens } => {
                let begin = Instant::now();
                let token = choose(&self.start(&tokens)?)?;
                json!({ "seconds": begin.elapsed().as_secs_f64(), "token": token })
            }
            Request::Decode { tokens, n } => {
                let mut cache = model.new_cache();
                let mut logits = model.next_logits(&tokens, &mut cache, &mut ())?;
                let mut generated = vec![choose(&logits)?];
                let begin = Instant::now();
                for _ in 0..n {
                    let last = generated[generated.len() - 1];
                    logits = model.next_logits(&[last], &mut cache, &mut ())?;
                    generated.push(choose(&logits)?);
                }
                json!({ "seconds": begin.elapsed().as_secs_f64(), "tokens": generated })
            }
            Request::Logits { tokens } => json!({ "logits": self.start(&tokens)?.to_vec() }),
            Request::Bandwidth => {
                let probe = match &mut self.probe {
                    Some(probe) => probe,
                    none => none.insert(Probe::new(self.threads)?),
                };
                json!({ "bytes_per_second": probe.bytes()? })
            }
        })
    }

    fn start(&self, tokens: &[u32]) -> Result<Array1<f32>> {
        Ok(self.model.next_logits(tokens, &mut self.model.new_cache(), &mut ())?)
    }
}

fn choose(logits: &Array1<f32>) -> Result<u32> {
    greedy(logits.view()).context("no finite logit")
}
