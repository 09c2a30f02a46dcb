//! One virtual environment per engine, so that none imports what another brings.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::engines::succeed;

/// The Python of a virtual environment.
pub(crate) fn interpreter(venv: &Path) -> PathBuf {
    venv.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" })
}

/// The Python of `venv`, which is made first, with `packages` in the versions of `requirements`,
/// unless it is there already.
pub(crate) fn ready(venv: &Path, requirements: &Path, packages: &[&str]) -> Result<PathBuf> {
    let pins = std::fs::read_to_string(requirements)
        .with_context(|| requirements.display().to_string())?;
    let wanted = format!("{}\n{pins}", packages.join(" "));
    let stamp = venv.join("installed");
    let python = interpreter(venv);
    if python.exists() && std::fs::read_to_string(&stamp).is_ok_and(|is| is == wanted) {
        return Ok(python);
    }
    eprintln!("making {} with {}", venv.display(), packages.join(", "));
    let machine = std::env::var_os("PYTHON").unwrap_or_else(|| "python3".into());
    succeed(Command::new(machine).args(["-m", "venv", "--clear"]).arg(venv))?;
    let mut pip = Command::new(&python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--constraint"]);
    succeed(pip.arg(requirements).args(packages))?;
    std::fs::write(&stamp, wanted)?;
    Ok(python)
}
