use std::process::ExitCode;

use anyhow::Result;

use crate::process;

/// Download a model from the HuggingFace hub: gpt2, gpt2-xl, OWNER/NAME
///
/// `gpt2 fetch`, built with the feature `hub`; all arguments are its own.
#[derive(clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Args {
    /// Arguments of `gpt2 fetch`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
}

pub(crate) fn run(args: Args) -> Result<ExitCode> {
    process::run(process::built("gpt2-runner", &["hub"])?.arg("fetch").args(args.args))
}
