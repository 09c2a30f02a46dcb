//! GPT-2 on candle, behind the protocol of `../protocol.py`. Candle ships no GPT-2; this one is
//! written with its fused LayerNorm and softmax and its preallocated key-value cache.

mod model;

use std::io::{BufRead, Write};
use std::time::Instant;

use anyhow::{Context, Result};
use candle_core::{Tensor, D};
use serde_json::{json, Value};

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().collect();
    let option = |name: &str| {
        let at = args.iter().position(|arg| arg == name);
        at.and_then(|i| args.get(i + 1)).with_context(|| format!("{name} is missing"))
    };
    // Candle asks rayon's variable, both for its pool and for how to cut a product.
    std::env::set_var("RAYON_NUM_THREADS", option("--threads")?);
    let mut model = model::Gpt2::load(option("--model")?.as_ref())?;
    let mut reply = json!({ "ready": true, "engine": "candle", "version": "0.11.1" });
    let mut out = std::io::stdout().lock();
    let mut lines = std::io::stdin().lock().lines();
    loop {
        writeln!(out, "{reply}")?;
        out.flush()?;
        let Some(line) = lines.next() else { return Ok(()) };
        reply = answer(&mut model, &serde_json::from_str(&line?)?)?;
    }
}

fn answer(model: &mut model::Gpt2, request: &Value) -> Result<Value> {
    let tokens = request["tokens"].as_array().context("no tokens")?;
    let tokens: Vec<u32> = tokens.iter().filter_map(|id| Some(id.as_u64()? as u32)).collect();
    let begin = Instant::now();
    let logits = model.start(&tokens)?;
    match request["task"].as_str().unwrap_or_default() {
        "prefill" => {
            let token = argmax(&logits)?;
            Ok(json!({ "seconds": begin.elapsed().as_secs_f64(), "token": token }))
        }
        "decode" => {
            let mut generated = vec![argmax(&logits)?];
            let begin = Instant::now();
            for _ in 0..request["n"].as_u64().context("no n")? {
                let logits = model.forward(&generated[generated.len() - 1..])?;
                generated.push(argmax(&logits)?);
            }
            Ok(json!({ "seconds": begin.elapsed().as_secs_f64(), "tokens": generated }))
        }
        "logits" => Ok(json!({ "logits": logits.to_vec1::<f32>()? })),
        task => anyhow::bail!("no task {task}"),
    }
}

fn argmax(logits: &Tensor) -> Result<u32> {
    Ok(logits.argmax(D::Minus1)?.to_scalar()?)
}
