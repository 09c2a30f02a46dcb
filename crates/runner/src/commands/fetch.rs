use std::fmt::Write;
use std::process::ExitCode;

use gpt2_hub::{ModelId, Proof};

use crate::{fetch, output};

/// Download a model from the HuggingFace hub
///
/// Into the cache that Python uses as well, so that neither downloads what the other has. What is
/// there is not downloaded again, what was cut goes on where it was, and every file is checked.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  gpt2 fetch gpt2                     gpt2-medium, gpt2-large, gpt2-xl and distilgpt2 are known as well
  gpt2 fetch OWNER/NAME@REVISION
  gpt2 generate --model gpt2 --prompt \"Hello.\"        fetches it too, if it has to

HF_HOME, HF_HUB_CACHE, HF_ENDPOINT, HF_TOKEN and HF_HUB_OFFLINE mean what they mean to Python.")]
pub(crate) struct Args {
    /// `gpt2`, or OWNER/NAME, with @REVISION if it is not `main`
    #[arg(value_name = "NAME")]
    name: ModelId,
    /// Ask the hub for a newer revision, even if the model is in the cache
    #[arg(long)]
    refresh: bool,
    /// Hash the files that are in the cache as well
    #[arg(long)]
    verify: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let directory = fetch::fetch(&args.name, args.refresh)?;
    let mut text = String::new();
    if args.verify {
        for file in fetch::hub()?.verify(&args.name)? {
            // Writing to a String does not fail.
            let proof = match file.proof {
                Proof::Pinned => "the published SHA-256",
                Proof::Hub => "the hash that the hub gave",
                _ => "not checked: it is no link to a blob",
            };
            let _ = writeln!(text, "{:28} {:>13} bytes  {proof}", file.file, file.size);
        }
    }
    let _ = writeln!(text, "{}", directory.display());
    output::print(&text)?;
    Ok(ExitCode::SUCCESS)
}
