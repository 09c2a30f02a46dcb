use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

use crate::{model, process, python};

/// Ask HuggingFace what is right: a reference trace for any GPT-2 and any prompt
///
/// Runs xtask/reference/trace.py in a virtual environment, which is made in .venv the first time. It
/// writes FILE.safetensors and, from the same weights in f64, FILE.f64.safetensors beside it.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask reference --model path/to/gpt2 --prompt \"Hello.\" --decode 8 \\
      --out path/to/gpt2/reference/hello.safetensors
  cargo xtask validate --model path/to/gpt2")]
pub(crate) struct Args {
    /// `demo`, a directory with config.json and model.safetensors, or the name of a model on the hub
    #[arg(long, value_name = "MODEL")]
    model: String,
    /// The prompt as text, for the model's own tokenizer
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true, conflicts_with = "ids")]
    prompt: Option<String>,
    /// The prompt as token ids
    #[arg(long, value_name = "1,2,3", required_unless_present = "prompt")]
    ids: Option<String>,
    /// Greedy tokens to generate through HuggingFace's cache
    #[arg(long, value_name = "N", default_value_t = 1)]
    decode: u32,
    /// Record these taps only; `*` matches anything
    #[arg(long, value_name = "GLOB", num_args = 1..)]
    taps: Vec<String>,
    /// Record these taps of the decode steps [default: as --taps]
    #[arg(long, value_name = "GLOB", num_args = 1..)]
    step_taps: Vec<String>,
    /// The file to write
    #[arg(long, value_name = "FILE.safetensors")]
    out: PathBuf,
    /// A Python that has the packages already, instead of .venv
    #[arg(long, value_name = "PATH")]
    python: Option<PathBuf>,
}

pub(crate) fn run(args: Args) -> Result<ExitCode> {
    let interpreter = match args.python {
        Some(path) => path,
        None => python::ready()?,
    };
    if let Some(folder) = args.out.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    let mut command = Command::new(interpreter);
    command.arg(python::scripts().join("trace.py"));
    command.arg("--model").arg(directory(&args.model)?);
    match (args.prompt, args.ids) {
        // With `=`, a text that begins with a hyphen is still a text.
        (Some(text), _) => command.arg(format!("--prompt={text}")),
        (None, ids) => command.arg(format!("--ids={}", ids.unwrap_or_default())),
    };
    command.args(["--decode", &args.decode.to_string()]);
    for (key, globs) in [("--taps", args.taps), ("--step-taps", args.step_taps)] {
        if !globs.is_empty() {
            command.arg(key).args(globs);
        }
    }
    process::run(command.arg("--out").arg(args.out))
}

/// Where the files of a model are; one of the hub is fetched first.
fn directory(model: &str) -> Result<PathBuf> {
    if model == "demo" {
        return Ok(process::root().join("crates/demo/model"));
    }
    if !model::is_on_the_hub(model) {
        return Ok(PathBuf::from(model));
    }
    let output = process::built("gpt2-runner", &["hub"])?
        .args(["fetch", model])
        .stderr(std::process::Stdio::inherit())
        .output()
        .context("cannot start cargo")?;
    anyhow::ensure!(output.status.success(), "`{model}` is no directory, and could not be fetched");
    let text = String::from_utf8(output.stdout).context("the folder of the model")?;
    Ok(PathBuf::from(text.trim()))
}
