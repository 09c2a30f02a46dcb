//! Starting other programs, cargo above all.

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask).to_owned()
}

/// A line on stderr, for the person who waits.
pub(crate) fn say(text: &str) {
    // Nobody is left to tell if this fails.
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Text on stdout; that nobody reads it is no error.
pub(crate) fn print(text: &str) -> Result<()> {
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error).context("stdout"),
        _ => Ok(()),
    }
}

/// `cargo SUBCOMMAND` for the workspace, wherever we were called from.
pub(crate) fn cargo(subcommand: &str) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.arg(subcommand).arg("--manifest-path").arg(root().join("Cargo.toml"));
    command
}

/// Runs to the end, and gives its exit code as ours.
pub(crate) fn run(command: &mut Command) -> Result<ExitCode> {
    let status = command.status().with_context(|| cannot_start(command))?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(ExitCode::from(code.unwrap_or(u8::from(!status.success()))))
}

/// Runs to the end; `Err` if it fails.
pub(crate) fn must(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| cannot_start(command))?;
    anyhow::ensure!(status.success(), "{} failed: {status}", name(command));
    Ok(())
}

/// What it prints on stdout, if it can be started and succeeds.
pub(crate) fn output(command: &mut Command) -> Option<String> {
    let output = command.output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// A command of `package` that is built with these features, ready for its arguments. Cargo shows its
/// progress if somebody looks, and is quiet otherwise.
pub(crate) fn built(package: &str, features: &[&str]) -> Result<Command> {
    let with_features = |command: &mut Command| {
        command.args(["--release", "--package", package]);
        if !features.is_empty() {
            command.arg("--features").arg(features.join(","));
        }
    };
    if io::stderr().is_terminal() {
        let mut build = cargo("build");
        with_features(&mut build);
        must(&mut build)?;
    }
    let mut command = cargo("run");
    command.arg("--quiet");
    with_features(&mut command);
    if features.contains(&"openblas") {
        crate::openblas::choose_core(&mut command);
    }
    command.arg("--");
    Ok(command)
}

fn cannot_start(command: &Command) -> String {
    format!("cannot start {}", name(command))
}

fn name(command: &Command) -> String {
    Path::new(command.get_program()).file_name().unwrap_or_default().display().to_string()
}
