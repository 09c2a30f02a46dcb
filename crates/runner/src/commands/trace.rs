use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::str::FromStr;

use anyhow::bail;
use gpt2_runner::{Feed, Modules};
use gpt2_trace::{Recorder, Trace, fingerprint, record};

use crate::cli::{ComputeArgs, ModelName, PromptArgs};
use crate::output;

/// Run a model, and write every layer's values to a file
///
/// The file is safetensors: one tensor per tap (`h.0.attn.q`, `logits`, ...), with the prefix
/// `step.N.` for the pass that feeds the N-th decoded token. Hold it against one made by HuggingFace
/// with `gpt2 compare`.
///
/// With --inputs the checkpoint may hold only a part of the model: every LayerNorm and every attention
/// that it holds, and the reference holds values of, runs on the hidden states that the reference was
/// fed. Without a config.json beside the weights the config is that of GPT-2 124M.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  gpt2 trace --model demo --prompt \"ROMEO:\" --decode 4 --out ours.safetensors
  gpt2 trace --model path/to/gpt2 --ids 15496,13 --out ours.safetensors
  gpt2 trace --model attention.safetensors --inputs reference.safetensors --out ours.safetensors")]
pub(crate) struct Args {
    /// `demo`, or a directory with config.json and model.safetensors; with --inputs also a safetensors
    /// file
    #[arg(long, value_name = "MODEL")]
    model: Weights,
    #[command(flatten)]
    prompt: PromptArgs,
    /// In place of tokens: the trace whose `input` and `step.N.input`, hidden states, are to be fed
    #[arg(
        long,
        value_name = "REFERENCE.safetensors",
        group = "PromptArgs",
        conflicts_with = "decode"
    )]
    inputs: Option<PathBuf>,
    /// Greedy tokens to generate through the cache
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    decode: u32,
    /// The file to write
    #[arg(long, value_name = "FILE.safetensors")]
    out: PathBuf,
    #[command(flatten)]
    compute: ComputeArgs,
}

/// A model, or a file that may hold a part of one.
#[derive(Clone, Debug)]
enum Weights {
    Model(ModelName),
    File(PathBuf),
}

impl FromStr for Weights {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let path = Path::new(text);
        if path.is_file() && path.extension().is_some_and(|ending| ending == "safetensors") {
            return Ok(Weights::File(path.to_owned()));
        }
        text.parse().map(Weights::Model)
    }
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let (trace, of) = match &args.inputs {
        Some(reference) => of_modules(args, reference)?,
        None => of_tokens(args)?,
    };
    trace.save(&args.out)?;
    output::print(&format!("{}: {} tensors, {of}\n", args.out.display(), trace.tensors.len()))?;
    Ok(ExitCode::SUCCESS)
}

/// The trace of a whole model, and what it is of.
fn of_tokens(args: &Args) -> anyhow::Result<(Trace, String)> {
    let source = match &args.model {
        Weights::Model(name) => name.resolve()?,
        Weights::File(file) => bail!(
            "{}: tokens need a whole model, which is a directory with config.json and \
             model.safetensors; a file by itself is for --inputs",
            file.display()
        ),
    };
    let ids = args.prompt.ids(&source)?;
    let weights = source.weights()?;
    let model = args.compute.model(&weights)?;
    let mut trace = record(&model, &ids, args.decode as usize, Recorder::all())?;
    trace.set_weights(fingerprint(weights.checkpoint()));
    trace.metadata.insert("model".to_owned(), source.to_string());
    if let Some(prompt) = &args.prompt.prompt {
        trace.metadata.insert("prompt".to_owned(), prompt.clone());
    }
    Ok((trace, format!("{} prompt tokens, {} decoded", ids.len(), args.decode)))
}

/// The trace of the modules that a checkpoint holds, and what it is of.
fn of_modules(args: &Args, reference: &Path) -> anyhow::Result<(Trace, String)> {
    let (modules, name) = match &args.model {
        Weights::Model(name) => {
            let source = name.resolve()?;
            (source.modules()?, source.to_string())
        }
        Weights::File(file) => (Modules::open(file)?, file.display().to_string()),
    };
    let mut trace = modules.trace(reference, Feed::Ours, &args.compute.compute()?)?;
    trace.metadata.insert("model".to_owned(), name);
    Ok((trace, format!("on the inputs of {}", reference.display())))
}
