//! The command `gpt2`.

mod cli;
mod commands;
#[cfg(feature = "hub")]
mod fetch;
mod output;
mod progress_line;
mod render;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let command = cli::Cli::parse().command;
    match commands::run(command) {
        Ok(code) => code,
        Err(error) => {
            output::error(&error);
            ExitCode::from(output::COULD_NOT)
        }
    }
}
