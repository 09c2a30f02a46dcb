//! What one does with the repository: `cargo xtask COMMAND`.
//!
//! It starts cargo and Python and links nothing of the workspace, so it builds in a moment, with or
//! without OpenBLAS.

mod bench;
mod ci;
mod doctor;
mod fetch;
mod model;
mod openblas;
mod process;
mod python;
mod reference;
mod synth;
mod test;
mod validate;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(
    bin_name = "cargo xtask",
    about = "What one does with this repository",
    arg_required_else_help = true
)]
#[command(after_help = "\
Examples:
  cargo xtask validate                       every layer of the embedded model against HuggingFace
  cargo xtask validate --model path/to/gpt2
  cargo xtask test
  cargo xtask reference --model path/to/gpt2 --prompt \"Hello.\" --decode 8 \\
      --out path/to/gpt2/reference/hello.safetensors")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Validate(validate::Args),
    Test(test::Args),
    Bench(bench::Args),
    Fetch(fetch::Args),
    Synth(synth::Args),
    Reference(reference::Args),
    Doctor(doctor::Args),
    Ci(ci::Args),
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Validate(args) => validate::run(args),
        Command::Test(args) => test::run(args),
        Command::Bench(args) => bench::run(args),
        Command::Fetch(args) => fetch::run(args),
        Command::Synth(args) => synth::run(args),
        Command::Reference(args) => reference::run(args),
        Command::Doctor(args) => doctor::run(&args),
        Command::Ci(args) => ci::run(&args),
    };
    result.unwrap_or_else(|error| {
        process::say(&format!("error: {error:#}"));
        ExitCode::from(2)
    })
}
