use std::fs;
use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::{openblas, process, python};

/// Where tests write, one line each, that they could not run and why.
const SKIPPED: &str = "GPT2_SKIPPED_FILE";

/// Run every test and doctest, and say which were skipped and why
///
/// Arguments are those of `cargo test`: `cargo xtask test -- checkpoint_04`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Arguments of `cargo test`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
}

pub(crate) fn run(args: Args) -> Result<ExitCode> {
    let target = target_directory().context("where cargo builds")?;
    fs::create_dir_all(&target).with_context(|| target.display().to_string())?;
    let list = target.join("skipped-tests.txt");
    fs::write(&list, "").with_context(|| list.display().to_string())?;

    let mut command = process::cargo("test");
    command
        .args(["--workspace", "--features", "gpt2-runner/hub", "--quiet", "--no-fail-fast"])
        .args(args.args)
        .env(SKIPPED, &list);
    let code = process::run(&mut command)?;

    let skipped = fs::read_to_string(&list).with_context(|| list.display().to_string())?;
    let mut lines: Vec<String> = skipped.lines().map(str::to_owned).collect();
    lines.sort();
    lines.dedup();
    lines.extend(not_built());
    if lines.is_empty() {
        lines.push("nothing was skipped".to_owned());
    }
    process::print(&format!("\n{}\n", lines.join("\n")))?;
    Ok(code)
}

/// What a plain build of the workspace never contains.
fn not_built() -> Vec<String> {
    let mut lines = Vec::new();
    let openblas = "skipped: the tests of the feature openblas because";
    if openblas::can_be_linked() {
        lines.push(format!("{openblas} they are a build of their own: cargo test -p gpt2-tensor -p gpt2-tests --features openblas"));
    } else {
        lines.push(format!("{openblas} there is no OpenBLAS to link (Debian: libopenblas-dev)"));
    }
    if python::state() != python::Venv::Ready {
        lines.push(
            "skipped: making references anew because there is no Python environment (.venv); the tests use those \
             of the repository"
                .to_owned(),
        );
    }
    lines
}

fn target_directory() -> Option<std::path::PathBuf> {
    let metadata =
        process::output(process::cargo("metadata").args(["--no-deps", "--format-version=1"]))?;
    let (_, rest) = metadata.split_once("\"target_directory\":\"")?;
    Some(rest.split('"').next()?.replace("\\\\", "\\").into())
}
