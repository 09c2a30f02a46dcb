//! The Python that asks HuggingFace: a virtual environment in `.venv`, with pinned packages.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process::{self, root, say};

/// What is known of the virtual environment.
#[derive(PartialEq, Eq)]
pub(crate) enum Venv {
    /// It is not there.
    Missing,
    /// It was made from other requirements than those of now.
    Stale,
    /// It can be used.
    Ready,
}

/// The state of `.venv`.
pub(crate) fn state() -> Venv {
    if !interpreter().is_file() {
        Venv::Missing
    } else if fs::read(stamp()).ok() == fs::read(requirements()).ok() {
        Venv::Ready
    } else {
        Venv::Stale
    }
}

/// The Python of `.venv`, which is made first if it is missing or stale.
pub(crate) fn ready() -> Result<PathBuf> {
    if state() != Venv::Ready {
        make()?;
    }
    Ok(interpreter())
}

/// A Python 3 of this machine and its version.
pub(crate) fn of_the_machine() -> Option<(OsString, String)> {
    let named = std::env::var_os("PYTHON");
    let usual = ["python3.11", "python3", "python"].into_iter().map(OsString::from);
    named.into_iter().chain(usual).find_map(|name| {
        let version = process::output(Command::new(&name).arg("--version"))?;
        version.starts_with("Python 3.").then_some((name, version))
    })
}

fn make() -> Result<()> {
    let Some((python, version)) = of_the_machine() else {
        bail!(
            "references are made by HuggingFace's Python, and there is no Python 3 here: install \
             python3 and python3-venv, or name one with PYTHON=/path/to/python3. Everything else \
             (validate, test, generate, ...) needs no Python"
        );
    };
    let venv = root().join(".venv");
    say(&format!(
        "Making {} with {version} (torch and transformers are downloaded, this takes minutes)",
        venv.display()
    ));
    process::must(Command::new(python).args(["-m", "venv", "--clear"]).arg(&venv))
        .context("the virtual environment (Debian has it in the package python3-venv)")?;
    let mut pip = Command::new(interpreter());
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"]);
    process::must(pip.arg(requirements())).context("installing the Python packages")?;
    fs::copy(requirements(), stamp()).context("the virtual environment")?;
    Ok(())
}

fn interpreter() -> PathBuf {
    root().join(if cfg!(windows) { ".venv/Scripts/python.exe" } else { ".venv/bin/python" })
}

/// A copy of the requirements that the environment was made from.
fn stamp() -> PathBuf {
    root().join(".venv/requirements.txt")
}

fn requirements() -> PathBuf {
    scripts().join("requirements.txt")
}

/// The folder with the scripts.
pub(crate) fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("reference")
}
