use std::process::{Command, ExitCode};

use anyhow::Result;

use crate::process;

/// Everything that must pass before a change is merged: .ci/run
#[derive(clap::Args)]
pub(crate) struct Args {}

pub(crate) fn run(_: &Args) -> Result<ExitCode> {
    let root = process::root();
    process::run(Command::new("bash").arg(root.join(".ci/run")).current_dir(root))
}
