//! Tests that need files which are not in the repository.

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::Write;
use std::sync::{Mutex, PoisonError};

/// Says, once, that `test` did not run, and why: as a line of the file named by `GPT2_SKIPPED_FILE`,
/// which `cargo xtask test` prints at its end, else on stderr past the test harness, which would hide
/// it.
pub fn skipped(test: &str, why: &str) {
    static SAID: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let test = test.strip_prefix("suite::").unwrap_or(test);
    let line = format!("skipped: {test} because {why}\n");
    if !SAID.lock().unwrap_or_else(PoisonError::into_inner).insert(line.clone()) {
        return;
    }
    let Some(path) = std::env::var_os("GPT2_SKIPPED_FILE") else {
        // Not `eprint!`, which is captured in a test that passes.
        let _ = std::io::stderr().write_all(format!("\n{line}").as_bytes());
        return;
    };
    let file = OpenOptions::new().create(true).append(true).open(&path);
    let written = file.and_then(|mut file| file.write_all(line.as_bytes()));
    assert!(written.is_ok(), "{}: {written:?}", path.display());
}
