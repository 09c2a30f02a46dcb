//! Writing to the outside: results to stdout, errors once to stderr.

use std::io::{self, ErrorKind, Write};
use std::path::Path;

use anyhow::Context;
use serde::Serialize;

/// The exit code when the numbers disagree.
pub(crate) const DISAGREE: u8 = 1;
/// The exit code when it could not be done.
pub(crate) const COULD_NOT: u8 = 2;

/// Writes `text` to stdout. A reader who has gone away (`| head`) is no error, and changes nothing
/// about the exit code: that is the verdict.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error).context("stdout"),
        _ => Ok(()),
    }
}

/// Writes a piece of a text as it comes; `false` when nobody reads it any more.
pub(crate) fn stream(text: &str) -> bool {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_ok()
}

/// Writes `error: ...`, with every cause that is not already in the words of the one above.
pub(crate) fn error(error: &anyhow::Error) {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    // Nobody is left to tell if this fails.
    let _ = writeln!(io::stderr().lock(), "error: {text}");
}

/// Writes a JSON report to a file, or to stdout for `-`.
pub(crate) fn json(value: &impl Serialize, path: &Path) -> anyhow::Result<()> {
    let text = serde_json::to_string_pretty(value).context("the JSON report")? + "\n";
    if path == Path::new("-") {
        return print(&text);
    }
    file(&text, path)
}

/// Writes a report to a file.
pub(crate) fn file(text: &str, path: &Path) -> anyhow::Result<()> {
    std::fs::write(path, text).with_context(|| path.display().to_string())
}
