use std::process::ExitCode;

use anyhow::Result;

use crate::{model, process};

/// Hold every layer of a model against HuggingFace: the embedded one, or --model DIR
///
/// `gpt2 validate`, built in release; all arguments are its own (`cargo xtask validate --help`).
#[derive(clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Args {
    /// Arguments of `gpt2 validate`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
}

pub(crate) fn run(args: Args) -> Result<ExitCode> {
    let mut command = process::built("gpt2-runner", &model::features(&args.args))?;
    process::run(command.arg("validate").args(args.args))
}
