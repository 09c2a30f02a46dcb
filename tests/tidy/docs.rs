//! What the documents say, held against what is there.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use gpt2_tests::{demo_run, root};
use gpt2_trace::Checkpoint;

use super::{assert_none, files};

fn document(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// A row of the table in `.docs/checkpoints.md`: number and name, and its taps.
struct Row {
    numbered: String,
    taps: Vec<String>,
}

fn checkpoint_table() -> Vec<Row> {
    let text = document(".docs/checkpoints.md");
    let rows = text.lines().filter(|line| line.starts_with('|')).skip(2);
    rows.map(|line| {
        let mut cells = line.trim_matches('|').split('|').map(str::trim);
        let numbered = cells.next().unwrap_or_default().to_owned();
        let mut taps: Vec<String> = Vec::new();
        for tap in cells.next().unwrap_or_default().split('`').skip(1).step_by(2) {
            // `.k` stands for the tap before with another last part.
            let stem = taps.last().and_then(|last| Some(last.rsplit_once('.')?.0.to_owned()));
            let full =
                if tap.starts_with('.') { stem.unwrap_or_default() + tap } else { tap.into() };
            taps.push(full);
        }
        Row { numbered, taps }
    })
    .collect()
}

#[test]
fn the_table_of_checkpoints_is_that_of_the_code() {
    let mut in_table = BTreeSet::new();
    for row in checkpoint_table() {
        assert!(!row.taps.is_empty(), "no tap at {:?}", row.numbered);
        for tap in &row.taps {
            let checkpoint = Checkpoint::of(&tap.replace("{i}", "7"));
            let checkpoint = checkpoint.unwrap_or_else(|| panic!("`{tap}` is no tap"));
            let numbered = checkpoint.number().map(|number| format!("{number} {checkpoint}"));
            assert_eq!(row.numbered, numbered.unwrap_or_default(), "`{tap}`");
            in_table.insert(checkpoint);
        }
    }
    assert_eq!(in_table, BTreeSet::from(Checkpoint::ALL));
}

/// What the model records is what the table lists, no more and no less.
#[test]
fn the_table_of_checkpoints_lists_every_tap() {
    let listed: BTreeSet<String> =
        checkpoint_table().into_iter().flat_map(|row| row.taps).collect();
    let recorded = demo_run("one_token").1.ours.tensors.keys().filter_map(|name| {
        if name.starts_with("step.") {
            return None;
        }
        let Some(rest) = name.strip_prefix("h.") else { return Some(name.clone()) };
        let site = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        Some(format!("h.{{i}}{site}"))
    });
    assert_eq!(listed, recorded.collect());
}

/// One test file per checkpoint, each in the program.
#[test]
fn every_checkpoint_has_its_test_file() {
    let suite = document("tests/suite.rs");
    for checkpoint in Checkpoint::ALL {
        let Some(number) = checkpoint.number() else { continue };
        let prefix = format!("mod checkpoint_{number:02}_");
        assert_eq!(suite.matches(&prefix).count(), 1, "tests/suite.rs: {prefix}");
    }
    let folder = fs::read_dir(root().join("tests")).expect("the tests");
    for entry in folder {
        let path = entry.expect("a directory entry").path();
        let stem = path.file_stem().expect("a name").to_string_lossy().into_owned();
        let is_test = path.extension().is_some_and(|ending| ending == "rs") && stem != "suite";
        let listed = suite.lines().any(|line| line == format!("mod {stem};"));
        assert!(listed || !is_test, "tests/{stem}.rs is not in tests/suite.rs, so it never runs");
    }
}

/// The code map has every crate, and no other.
#[test]
fn the_code_map_is_that_of_the_folders() {
    let text = document(".docs/architecture.md");
    let map = text.split("\n## ").find(|section| section.starts_with("Code map"));
    let mapped: BTreeSet<String> = map
        .expect("a section `Code map`")
        .lines()
        .filter_map(|line| {
            let (folder, rest) = line.trim().split_once("/ ")?;
            rest.trim().starts_with(&format!("gpt2-{folder}")).then(|| folder.to_owned())
        })
        .collect();
    let folders = fs::read_dir(root().join("crates")).expect("the crates");
    let folders = folders.map(|entry| entry.expect("a directory entry").file_name());
    assert_eq!(mapped, folders.map(|name| name.to_string_lossy().into_owned()).collect());
}

#[test]
fn links_lead_somewhere() {
    let mut problems = Vec::new();
    for (name, text) in files(&[".md"]) {
        let folder = root().join(&name);
        let folder = folder.parent().unwrap_or(root());
        for part in text.split("](").skip(1) {
            let target = part.split(')').next().unwrap_or_default();
            let path = target.split('#').next().unwrap_or_default();
            // Other sites, places on the same page, items of Rust.
            if path.is_empty()
                || path.contains("://")
                || path.contains("::")
                || path.starts_with("mailto:")
            {
                continue;
            }
            if !folder.join(path).exists() {
                problems.push(format!("{name}: a link to {target}"));
            }
        }
    }
    assert_none(&problems);
}

/// Files that documents speak of in backticks, with or without the ending `.rs`.
#[test]
fn files_that_are_named_exist() {
    let tops = ["crates/", "tests/", "benches/", "xtask/", ".docs/", ".ci/", ".cargo/"];
    let mut problems = Vec::new();
    for (name, text) in files(&[".md"]) {
        for path in text.split('`').skip(1).step_by(2) {
            let plain = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
            if !tops.iter().any(|top| path.starts_with(top)) || !path.chars().all(plain) {
                continue;
            }
            let full = root().join(path);
            if !full.exists() && !Path::new(&format!("{}.rs", full.display())).exists() {
                problems.push(format!("{name}: `{path}` is not there"));
            }
        }
    }
    assert_none(&problems);
}
