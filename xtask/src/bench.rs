use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::Result;

use crate::openblas::{self, OpenBlas};
use crate::process::{self, cargo, root, say};

/// Measure the model against the limits of this machine, or against other engines
///
/// With OpenBLAS beside it if it is installed. Results go to `target/bench`. The criterion benches
/// are `cargo bench`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// How many threads, separated by commas
    #[arg(long, default_value = "1,2")]
    threads: String,
    /// How often each thing is measured, all in turn
    #[arg(long, default_value = "5")]
    rounds: String,
    /// Run PyTorch, llama.cpp and others in turn with this model, on the same weights; downloads them
    #[arg(long)]
    peers: bool,
    /// With `--peers`: a virtual environment that has the engines, instead of making some
    #[arg(long, requires = "peers")]
    venv: Option<PathBuf>,
    /// With `--peers`: only these engines, separated by commas
    #[arg(long, requires = "peers")]
    only: Option<String>,
}

pub(crate) fn run(args: Args) -> Result<ExitCode> {
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    let mut bench = Command::new(build(&target, &[])?);
    bench.arg(if args.peers { "peers" } else { "roofline" });
    bench.args(["--threads", &args.threads, "--rounds", &args.rounds]);
    bench.arg("--out").arg(target.join("bench"));
    if openblas::can_be_linked() {
        // A build of its own: the native one must not even load it.
        let program = build(&target.join("openblas"), &["--features", "openblas"])?;
        bench.arg("--openblas").arg(program);
        if let Some(openblas) = OpenBlas::find() {
            say_core(&openblas);
            bench.args(openblas.better_core().into_iter().flat_map(|core| ["--better-core", core]));
            bench.args(openblas.core.iter().flat_map(|core| ["--core", core]));
        }
    } else {
        say("note: no OpenBLAS to compare with (Debian has it in libopenblas-dev)");
    }
    if args.peers {
        bench.arg("--scripts").arg(root().join("benches/peers"));
    }
    if let Some(venv) = args.venv {
        bench.arg("--venv").arg(venv);
    }
    if let Some(only) = args.only {
        bench.arg("--only").arg(only);
    }
    process::run(&mut bench)
}

fn say_core(openblas: &OpenBlas) {
    if let (Some(core), Some(better)) = (&openblas.core, openblas.better_core()) {
        say(&format!(
            "warning: OpenBLAS takes this CPU for a {core}, which wastes it. It is measured so, and with \
             OPENBLAS_CORETYPE={better}, which fits"
        ));
    }
}

fn build(target: &Path, features: &[&str]) -> Result<PathBuf> {
    let mut build = cargo("build");
    build.args(["--release", "--package", "gpt2-benches", "--bins", "--target-dir"]).arg(target);
    process::must(build.args(features))?;
    Ok(target.join("release").join(format!("gpt2-benches{}", std::env::consts::EXE_SUFFIX)))
}
