use std::path::PathBuf;
use std::process::ExitCode;

use gpt2_runner::{ModelSource, diagnose_file};
use gpt2_trace::Tolerances;

use crate::cli::ModelName;
use crate::{output, render};

/// Which mistake makes a trace differ from GPT-2?
///
/// THEIRS is a trace of your own implementation: safetensors, `.npz` or a folder of `.npy`, with the
/// names of HuggingFace, TransformerLens or nanoGPT. It is followed to the first operation that is
/// wrong by itself, and a catalogue of known mistakes is tried there; each one found is taken for
/// granted from there on, so a second one is found as well.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  gpt2 diagnose theirs.npz --model path/to/gpt2 --reference hello.safetensors

Exit codes: 0 it agrees with the reference; 1 it does not; 2 it could not be read, or is of other
tokens.")]
pub(crate) struct Args {
    /// The trace to explain
    #[arg(value_name = "THEIRS")]
    theirs: PathBuf,
    /// The model that it ran: `demo`, or a directory
    #[arg(long, value_name = "MODEL")]
    model: ModelName,
    /// The trace that is right [default: the model's own reference of the same tokens, or else our
    /// own run of them]
    #[arg(long, value_name = "FILE.safetensors")]
    reference: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let source: ModelSource = args.model.resolve()?;
    let weights = source.weights()?;
    let told = diagnose_file(
        &args.theirs,
        &source,
        &weights,
        args.reference.as_deref(),
        &Tolerances::builtin()?,
    )?;
    let mut text = format!("theirs     {}\nreference  {}\n", args.theirs.display(), told.reference);
    text += &render::matched(&told.notes, &told.unmatched);
    match &told.diagnosis.divergence {
        Some(divergence) => {
            text += &format!("\nFirst divergence\n  {divergence}\n");
            text += &render::findings(&told.diagnosis);
        }
        None => text += "\nIt agrees with the reference, within the tolerances.\n",
    }
    output::print(&text)?;
    Ok(if told.agrees() { ExitCode::SUCCESS } else { ExitCode::from(output::DISAGREE) })
}
