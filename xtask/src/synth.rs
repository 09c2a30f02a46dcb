use std::process::ExitCode;

use anyhow::Result;

use crate::process;

/// Write a checkpoint of a published size with made-up weights, for tests and benches
///
/// `gpt2 synth`, built in release; all arguments are its own (`cargo xtask synth --help`).
#[derive(clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Args {
    /// Arguments of `gpt2 synth`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
}

pub(crate) fn run(args: Args) -> Result<ExitCode> {
    process::run(process::built("gpt2-runner", &[])?.arg("synth").args(args.args))
}
