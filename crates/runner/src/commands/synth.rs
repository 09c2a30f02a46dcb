use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, ensure};
use gpt2_weights::{Access, Checkpoint, Config, Dtype, Synthetic};

use crate::{output, render};

/// The dtypes that checkpoints are stored in.
const DTYPES: [(&str, Dtype); 4] =
    [("f32", Dtype::F32), ("f16", Dtype::F16), ("bf16", Dtype::BF16), ("f64", Dtype::F64)];

/// Write a checkpoint of a published size with made-up weights
///
/// The weights are noise of the scale that training leaves, so that every number stays finite. The same
/// seed gives the same values on every machine, whatever the dtype and the number of shards. There is
/// no tokenizer: prompts are given as ids.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  gpt2 synth gpt2 --out /tmp/synthetic
  gpt2 synth gpt2-xl --dtype bf16 --shards 4 --out /tmp/xl
  gpt2 synth path/to/config.json --out /tmp/mine
  gpt2 generate --model /tmp/mine --ids 1,2,3")]
pub(crate) struct Args {
    /// gpt2, gpt2-medium, gpt2-large, gpt2-xl, distilgpt2, or a config.json
    #[arg(value_name = "SIZE", value_parser = shape)]
    config: Config,
    /// The directory to write to, which is made if it is missing
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// How to store the weights: f32, f16, bf16 or f64
    #[arg(long, value_name = "DTYPE", default_value = "f32", value_parser = dtype)]
    dtype: Dtype,
    /// Into how many files
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    shards: u16,
    /// Another seed gives other weights
    #[arg(long, value_name = "SEED", default_value_t = 0)]
    seed: u64,
    /// Replace the checkpoint that is there
    #[arg(long)]
    force: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let there = checkpoint_files(&args.out)?;
    if let Some(file) = there.first() {
        let (file, of) = (file.display(), there.len());
        ensure!(args.force, "{file} is there (one of {of} files): --force replaces them");
    }
    // A checkpoint in one file would hide one in shards.
    for file in &there {
        std::fs::remove_file(file).with_context(|| file.display().to_string())?;
    }
    Synthetic::new(args.config.clone(), args.seed).save(
        &args.out,
        args.dtype,
        args.shards.into(),
    )?;

    let checkpoint = Checkpoint::open(&args.out, Access::Mmap)?;
    let parameters: usize = checkpoint.iter().map(|t| t.shape.iter().product::<usize>()).sum();
    let bytes: usize = checkpoint.iter().map(|tensor| tensor.bytes.len()).sum();
    let files = checkpoint.files().count();
    output::print(&format!(
        "{}: {} parameters, {:?}, {} bytes, {files} {}\n",
        args.out.display(),
        render::thousands(parameters),
        args.dtype,
        render::thousands(bytes),
        if files == 1 { "file" } else { "files" },
    ))?;
    Ok(ExitCode::SUCCESS)
}

/// What a checkpoint in this directory consists of, sorted; nothing if there is no such directory.
fn checkpoint_files(directory: &Path) -> anyhow::Result<Vec<PathBuf>> {
    if !directory.exists() {
        return Ok(Vec::new());
    }
    let mut files = Vec::new();
    let entries = std::fs::read_dir(directory).with_context(|| directory.display().to_string())?;
    for entry in entries {
        let path = entry.with_context(|| directory.display().to_string())?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let is_weights = name.starts_with("model") && name.ends_with(".safetensors");
        if is_weights || name == "config.json" || name == "model.safetensors.index.json" {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn shape(name: &str) -> Result<Config, String> {
    match Config::preset(name) {
        Some(config) => Ok(config),
        None if Path::new(name).exists() => Config::open(name).map_err(|error| error.to_string()),
        None => Err(format!(
            "there is no such file; the sizes that need none are {}",
            Config::PRESETS.join(", ")
        )),
    }
}

fn dtype(name: &str) -> Result<Dtype, String> {
    let found = DTYPES.iter().find(|(known, _)| *known == name);
    found.map(|(_, dtype)| *dtype).ok_or_else(|| "expected f32, f16, bf16 or f64".to_owned())
}
