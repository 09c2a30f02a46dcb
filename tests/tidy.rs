//! The rules of `.docs/architecture.md` that a program can check: no network, no compiler.

mod docs;
mod manifests;

use std::fs;
use std::path::{Path, PathBuf};

use gpt2_tests::root;

/// A file read in one sitting.
const MAX_LINES: usize = 500;

/// Where `unsafe` may be: the kernels and their threads, the mapping of files, and the allocator
/// that measures memory in a test.
const UNSAFE: [&str; 3] = [
    "crates/tensor/src/kernels/",
    "crates/weights/src/file.rs",
    "crates/weights/tests/refuse/memory.rs",
];

/// The crates that neither print nor read the environment.
const QUIET: [&str; 6] = ["demo", "hub", "model", "tensor", "trace", "weights"];

/// All files of the repository with one of these endings, by their path from the root.
fn files(endings: &[&str]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    visit(root(), &mut found);
    let wanted = |path: &Path| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        name.is_some_and(|name| endings.iter().any(|ending| name.ends_with(ending)))
    };
    found.retain(|path| wanted(path));
    found.sort();
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let name = path.strip_prefix(root()).expect("it is below the root");
        (name.to_string_lossy().replace('\\', "/"), text)
    };
    found.into_iter().map(read).collect()
}

fn visit(directory: &Path, found: &mut Vec<PathBuf>) {
    let entries =
        fs::read_dir(directory).unwrap_or_else(|e| panic!("{}: {e}", directory.display()));
    for entry in entries {
        let path = entry.expect("a directory entry").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        let hidden =
            name.starts_with('.') && ![".docs", ".ci", ".cargo", ".github"].contains(&&*name);
        if hidden || name == "target" || name == "__pycache__" {
            continue;
        }
        // What is generated or data is judged elsewhere.
        if path == root().join("tests/data") || path == root().join("crates/demo/model") {
            continue;
        }
        if path.is_dir() {
            visit(&path, found);
        } else {
            found.push(path);
        }
    }
}

/// Fails with all problems at once.
fn assert_none(problems: &[String]) {
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

/// The lines of Rust that are code, by number.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.lines().enumerate().map(|(i, line)| (i + 1, line.trim()));
    lines.filter(|(_, line)| !line.starts_with("//"))
}

/// Whether `line` has `word` that is not part of a longer one.
fn has_word(line: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        !before.is_some_and(is_part) && !after.is_some_and(is_part)
    })
}

#[test]
fn files_are_found() {
    let names: Vec<_> = files(&[".rs"]).into_iter().map(|(name, _)| name).collect();
    for known in ["tests/tidy.rs", "crates/model/src/block.rs", "xtask/src/main.rs"] {
        assert!(names.iter().any(|name| name == known), "{known} is not in {names:?}");
    }
}

#[test]
fn files_are_short() {
    let too_long = files(&[".rs", ".py"]).into_iter().filter_map(|(name, text)| {
        let lines = text.lines().count();
        (lines > MAX_LINES).then(|| format!("{name}: {lines} lines, at most {MAX_LINES}"))
    });
    assert_none(&too_long.collect::<Vec<_>>());
}

#[test]
fn unsafe_is_where_it_may_be() {
    let mut problems = Vec::new();
    for (name, text) in files(&[".rs"]) {
        // This file has the word in its own rules.
        if UNSAFE.iter().any(|allowed| name.starts_with(allowed)) || name == "tests/tidy.rs" {
            continue;
        }
        for (number, line) in code(&text) {
            if has_word(line, "unsafe") {
                problems.push(format!("{name}:{number}: unsafe code outside of {UNSAFE:?}"));
            }
        }
    }
    assert_none(&problems);
}

#[test]
fn libraries_are_quiet() {
    let forbidden = ["println!", "eprintln!", "print!", "eprint!", "dbg!", "env::var", "env::vars"];
    let mut problems = Vec::new();
    for (name, text) in files(&[".rs"]) {
        if !QUIET.iter().any(|quiet| name.starts_with(&format!("crates/{quiet}/src/"))) {
            continue;
        }
        // Tests may say what they measured.
        let shipped = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
        for (number, line) in code(shipped) {
            for word in forbidden.iter().filter(|word| has_word(line, word)) {
                problems.push(format!("{name}:{number}: `{word}` in a library"));
            }
        }
    }
    assert_none(&problems);
}

#[test]
fn only_the_hub_knows_the_network() {
    let mut problems = Vec::new();
    for (name, text) in files(&[".rs"]) {
        let library = name.starts_with("crates/") && name.contains("/src/");
        if !library || name.starts_with("crates/hub/") {
            continue;
        }
        for (number, line) in code(&text) {
            if ["std::net", "TcpStream", "ureq"].iter().any(|word| has_word(line, word)) {
                problems.push(format!("{name}:{number}: the network outside of crates/hub"));
            }
        }
    }
    assert_none(&problems);
}

#[test]
fn text_files_are_clean() {
    let mut problems = Vec::new();
    for (name, text) in files(&[".md", ".toml", ".py", ".rs", "run"]) {
        if !text.ends_with('\n') || text.ends_with("\n\n") {
            problems.push(format!("{name}: does not end with one newline"));
        }
        let trailing = |line: &str| line != line.trim_end();
        if let Some(number) = text.lines().position(trailing) {
            problems.push(format!("{name}:{}: white space at the end", number + 1));
        }
    }
    assert_none(&problems);
}
