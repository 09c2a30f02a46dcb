//! What `.docs/diagnosis.md` says of the known mistakes, and of the example, is what is found.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use gpt2_runner::{ModelSource, diagnose_file};
use gpt2_tests::{demo_run, demo_weights, root, skipped};
use gpt2_trace::{Diagnosis, Tolerances, controls};

const DOC: &str = ".docs/diagnosis.md";

#[test]
fn the_table_of_mistakes() {
    let reference = &demo_run("short").0.f32;
    let controls = controls(reference, demo_weights(), &tolerances());
    let mut table = "| mistake | checkpoint | diagnosis |\n| --- | --- | --- |\n".to_owned();
    for control in &controls.controls {
        let (id, checkpoint) = (control.mistake.id, control.mistake.checkpoint);
        table += &format!("| `{id}` | {checkpoint} | {} |\n", control.line.trim_end());
    }
    assert!(controls.pass(), "{controls}");
    hold_section("controls", &table);
}

#[test]
fn the_example() {
    let diagnosis = diagnose(&root().join("tests/data/wrong_gpt2.npz"));
    for id in ["unbiased-variance", "scale-by-head-dim"] {
        assert!(diagnosis.findings.iter().any(|finding| finding.names(id)), "{id} is not found");
    }
    assert_eq!(diagnosis.findings.len(), 2);
    hold_section("example", &lines_of(&diagnosis));
}

/// The committed arrays are those that the script writes.
#[test]
fn the_script_of_the_example() {
    let python = ["python3", "python"].into_iter().find(|python| {
        let imports = Command::new(python).args(["-c", "import numpy, safetensors"]).output();
        imports.is_ok_and(|output| output.status.success())
    });
    let Some(python) = python else {
        return skipped(module_path!(), "there is no Python with numpy and safetensors");
    };
    let out = std::env::temp_dir().join(format!("wrong-gpt2-{}.npz", std::process::id()));
    let status = Command::new(python)
        .arg(root().join(".docs/examples/wrong_gpt2.py"))
        .arg(root().join("crates/demo/model"))
        .arg(&out)
        .arg("814,26,199,450,366,70,84")
        .status()
        .expect("Python was there a moment ago");
    assert!(status.success());
    let diagnosis = diagnose(&out);
    let _ = fs::remove_file(&out);
    hold_section("example", &lines_of(&diagnosis));
}

fn diagnose(theirs: &Path) -> Diagnosis {
    let source = ModelSource::Demo;
    let diagnosed = diagnose_file(theirs, &source, demo_weights(), None, &tolerances());
    diagnosed.unwrap_or_else(|error| panic!("{error}")).diagnosis
}

fn lines_of(diagnosis: &Diagnosis) -> String {
    let findings = diagnosis.findings.iter().map(|finding| format!("> {finding}\n>\n"));
    findings.collect::<String>().trim_end_matches(">\n").to_owned()
}

fn tolerances() -> Tolerances {
    Tolerances::builtin().unwrap_or_else(|error| panic!("{error}"))
}

/// Holds what stands between `<!-- name -->` and `<!-- end -->` against `expected`, but for its numbers,
/// whose last digits may depend on the system's math library.
fn hold_section(name: &str, expected: &str) {
    let path: PathBuf = root().join(DOC);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{DOC}: {error}"));
    let marker = format!("<!-- {name} -->\n");
    let start =
        text.find(&marker).unwrap_or_else(|| panic!("{DOC} has no {marker}")) + marker.len();
    let end =
        start + text[start..].find("<!-- end -->").unwrap_or_else(|| panic!("{name}: no end"));
    if std::env::var_os("GPT2_UPDATE_DOCS").is_some() {
        let new = format!("{}{expected}{}", &text[..start], &text[end..]);
        return fs::write(&path, new).unwrap_or_else(|error| panic!("{DOC}: {error}"));
    }
    let words = |text: &str| text.replace(|c: char| c.is_ascii_digit(), "");
    assert_eq!(
        words(&text[start..end]),
        words(expected),
        "{DOC} is not what is found: GPT2_UPDATE_DOCS=1 writes it anew"
    );
}
