//! Everything that `cargo xtask bench` measures beyond the criterion benches: the limits of this
//! machine, how near to them the model comes, and how other engines do.

#![allow(clippy::print_stdout, clippy::print_stderr)]

mod engine;
mod limits;
mod machine;
mod measure;
mod peers;
mod roofline;
mod stats;
mod svg;

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(about = "Measures this machine, this model and other engines")]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Print the FMA peak and the read bandwidth of this machine.
    Limits(limits::Args),
    /// Measure one backend on one number of threads; prints JSON.
    Measure(measure::Args),
    /// Measure all, each as a fraction of its limit: a table and a picture.
    Roofline(roofline::Args),
    /// Answer the protocol of benches/peers/protocol.py.
    Engine(engine::Args),
    /// Run other engines in turn with this one, on the same weights.
    Peers(peers::Args),
}

fn main() -> Result<()> {
    match Args::parse().command {
        Command::Limits(args) => limits::run(&args),
        Command::Measure(args) => measure::run(&args),
        Command::Roofline(args) => roofline::run(&args),
        Command::Engine(args) => engine::run(&args),
        Command::Peers(args) => peers::run(&args),
    }
}
