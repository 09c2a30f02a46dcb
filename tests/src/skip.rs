//! Tests that need files which are not in the repository.

use std::fs::OpenOptions;
use std::io::Write;

/// Says that `test` did not run, and why: on stderr, which the test harness does not hide, and as a
/// line of the file named by `GPT2_SKIPPED_FILE`, which `cargo xtask test` prints at its end.
pub fn skipped(test: &str, why: &str) {
    let test = test.strip_prefix("suite::").unwrap_or(test);
    let line = format!("skipped: {test} because {why}\n");
    // Not `eprint!`, which is captured in a test that passes.
    let _ = std::io::stderr().write_all(line.as_bytes());
    let Some(path) = std::env::var_os("GPT2_SKIPPED_FILE") else { return };
    let file = OpenOptions::new().create(true).append(true).open(&path);
    let written = file.and_then(|mut file| file.write_all(line.as_bytes()));
    assert!(written.is_ok(), "{}: {written:?}", path.display());
}
