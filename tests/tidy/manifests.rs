//! Manifests: floors, licences, lints, front pages, flags.

use std::collections::BTreeMap;
use std::fs;

use gpt2_tests::root;

use super::{assert_none, files};

/// The manifests of the members by the name of the folder.
fn members() -> BTreeMap<String, String> {
    let members: BTreeMap<_, _> = files(&["Cargo.toml"])
        .into_iter()
        .filter_map(|(name, text)| {
            let folder = name.strip_suffix("/Cargo.toml")?;
            // What has a workspace of its own is not a member.
            (!text.contains("[workspace]")).then(|| (folder.to_owned(), text))
        })
        .collect();
    assert!(members.len() >= 10, "only {:?}", members.keys());
    members
}

/// The block under `## Floors` of the architecture: names by floor, the highest first.
fn floors() -> BTreeMap<String, usize> {
    let path = root().join(".docs/architecture.md");
    let text = fs::read_to_string(path).expect(".docs/architecture.md");
    let section = text.split("\n## ").find(|section| section.starts_with("Floors"));
    let lines =
        section.expect("a section `Floors`").lines().filter(|line| line.starts_with("    "));
    let mut floors = BTreeMap::new();
    for (floor, line) in lines.enumerate() {
        let words = line.split('(').flat_map(|part| part.rsplit(')').next()).collect::<String>();
        for name in words.split_whitespace() {
            floors.insert(name.to_owned(), floor);
        }
    }
    floors
}

/// The crates of this workspace that a manifest imports, except for its tests.
fn imports(manifest: &str) -> Vec<&str> {
    let mut imports = Vec::new();
    let mut counts = false;
    for line in manifest.lines() {
        if line.starts_with('[') {
            counts = line.ends_with("dependencies]") && !line.contains("dev-dependencies");
        } else if let (true, Some(rest)) = (counts, line.strip_prefix("gpt2-")) {
            imports.extend(rest.split(['.', ' ', '=']).next());
        }
    }
    imports
}

#[test]
fn crates_import_only_from_floors_below() {
    let floors = floors();
    let mut problems = Vec::new();
    let mut checked = 0;
    for (folder, manifest) in members() {
        let name = folder.rsplit('/').next().unwrap_or(&folder);
        let Some(floor) = floors.get(name) else {
            problems.push(format!("{folder} is on no floor of .docs/architecture.md: {floors:?}"));
            continue;
        };
        for import in imports(&manifest) {
            checked += 1;
            match floors.get(import) {
                Some(below) if below > floor => {}
                _ => problems.push(format!("{folder} imports {import}, which is not below it")),
            }
        }
    }
    assert_none(&problems);
    assert!(checked >= 10, "only {checked} imports were found");
}

#[test]
fn every_crate_has_a_licence_and_the_lints() {
    let root_manifest = fs::read_to_string(root().join("Cargo.toml")).expect("the root");
    assert!(root_manifest.contains("license = \"MIT OR Apache-2.0\""));
    for licence in ["LICENSE-MIT", "LICENSE-APACHE"] {
        assert!(root().join(licence).is_file(), "{licence} is missing");
    }
    let mut problems = Vec::new();
    for (folder, manifest) in members() {
        for line in [
            "license.workspace = true",
            "rust-version.workspace = true",
            "[lints]\nworkspace = true",
        ] {
            if !manifest.contains(line) {
                problems.push(format!("{folder}/Cargo.toml: no `{line}`"));
            }
        }
        let published = folder.starts_with("crates/");
        if published == manifest.contains("publish = false") {
            problems.push(format!("{folder}/Cargo.toml: crates are published, the rest is not"));
        }
        if published && !manifest.contains("\ndescription = ") {
            problems.push(format!("{folder}/Cargo.toml: no description"));
        }
    }
    assert_none(&problems);
}

/// A crate's README is its front page, and what it shows is compiled and run.
#[test]
fn every_crate_has_a_front_page_with_an_example() {
    let mut problems = Vec::new();
    for folder in members().keys().filter(|folder| folder.starts_with("crates/")) {
        let readme = fs::read_to_string(root().join(folder).join("README.md")).unwrap_or_default();
        if readme.lines().count() < 10 || !readme.contains("```") {
            problems.push(format!("{folder}/README.md: no example"));
        }
        let lib = fs::read_to_string(root().join(folder).join("src/lib.rs")).expect("a library");
        if !lib.contains("#![doc = include_str!(\"../README.md\")]") {
            problems.push(format!("{folder}/src/lib.rs: the README is not its documentation"));
        }
    }
    assert_none(&problems);
}

/// One build runs everywhere: kernels are chosen when the program runs.
#[test]
fn no_flags_for_one_cpu() {
    let mut problems = Vec::new();
    for (name, text) in files(&[".toml", "build.rs", "run"]) {
        for flag in ["target-cpu", "target-feature"] {
            if text.contains(flag) {
                problems.push(format!("{name}: {flag}"));
            }
        }
    }
    assert_none(&problems);
}

/// Versions are in one table.
#[test]
fn versions_are_in_the_workspace() {
    let mut problems = Vec::new();
    for (folder, manifest) in members() {
        let mut dependencies = false;
        for line in manifest.lines() {
            if line.starts_with('[') {
                dependencies = line.ends_with("dependencies]");
            } else if dependencies && line.contains('=') && !line.starts_with('#') {
                let inherited = line.contains("workspace = true") || line.contains(".workspace");
                if !inherited {
                    problems.push(format!("{folder}/Cargo.toml: `{line}` has its own version"));
                }
            }
        }
    }
    assert_none(&problems);
}
