use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use gpt2_trace::{Recorder, fingerprint, record};

use crate::cli::{ComputeArgs, ModelName, PromptArgs};
use crate::output;

/// Run a model, and write every layer's values to a file
///
/// The file is safetensors: one tensor per tap (`h.0.attn.q`, `logits`, ...), with the prefix
/// `step.N.` for the pass that feeds the N-th decoded token. Hold it against one made by HuggingFace
/// with `gpt2 compare`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  gpt2 trace --model demo --prompt \"ROMEO:\" --decode 4 --out ours.safetensors
  gpt2 trace --model path/to/gpt2 --ids 15496,13 --out ours.safetensors")]
pub(crate) struct Args {
    /// `demo`, or a directory with config.json and model.safetensors
    #[arg(long, value_name = "MODEL")]
    model: ModelName,
    #[command(flatten)]
    prompt: PromptArgs,
    /// Greedy tokens to generate through the cache
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    decode: u32,
    /// The file to write
    #[arg(long, value_name = "FILE.safetensors")]
    out: PathBuf,
    #[command(flatten)]
    compute: ComputeArgs,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let source = args.model.resolve()?;
    let ids = args.prompt.ids(&source)?;
    let weights = source.weights()?;
    let model = args.compute.model(&weights)?;
    let mut trace = record(&model, &ids, args.decode as usize, Recorder::all())?;

    let digests = fingerprint(weights.checkpoint());
    let about = [
        ("model", Some(source.to_string())),
        ("prompt", args.prompt.prompt.clone()),
        ("weights", Some(serde_json::to_string(&digests).context("the digests of the weights")?)),
    ];
    for (key, value) in about {
        if let Some(value) = value {
            trace.metadata.insert(key.to_owned(), value);
        }
    }
    trace.save(&args.out)?;
    output::print(&format!(
        "{}: {} tensors, {} prompt tokens, {} decoded\n",
        args.out.display(),
        trace.tensors.len(),
        ids.len(),
        args.decode,
    ))?;
    Ok(ExitCode::SUCCESS)
}
