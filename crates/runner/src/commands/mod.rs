//! One file per command.

mod compare;
mod diagnose;
#[cfg(feature = "hub")]
mod fetch;
mod generate;
mod inspect;
mod score;
mod synth;
mod trace;
mod validate;

use std::process::ExitCode;

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Validate(validate::Args),
    Generate(generate::Args),
    Inspect(inspect::Args),
    Trace(trace::Args),
    Compare(compare::Args),
    Diagnose(diagnose::Args),
    Score(score::Args),
    Synth(synth::Args),
    #[cfg(feature = "hub")]
    Fetch(fetch::Args),
}

/// Runs one command. `Err` is for what could not be done; a verdict is an exit code.
pub(crate) fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Validate(args) => validate::run(&args),
        Command::Generate(args) => generate::run(&args),
        Command::Inspect(args) => inspect::run(&args),
        Command::Trace(args) => trace::run(&args),
        Command::Compare(args) => compare::run(&args),
        Command::Diagnose(args) => diagnose::run(&args),
        Command::Score(args) => score::run(&args),
        Command::Synth(args) => synth::run(&args),
        #[cfg(feature = "hub")]
        Command::Fetch(args) => fetch::run(&args),
    }
}
