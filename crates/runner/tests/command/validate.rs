use serde_json::Value;

use crate::support::{arg, copy_of_demo, demo_reference, gpt2};

#[test]
fn the_demo_passes_twelve_checkpoints() {
    let ran = gpt2(&["validate"]).exits(0).says(&[
        "1,155,456 parameters",
        "transformers 5.",
        "in f32 and in f64",
        "PASS: agrees with HuggingFace at every checkpoint",
        "694 of 694 tensors agree",
    ]);
    let table = ran.stdout.lines().skip_while(|line| !line.contains("checkpoint")).skip(1);
    let rows: Vec<&str> = table.take_while(|line| line.starts_with("PASS ")).collect();
    assert_eq!(rows.len(), 14, "{}", ran.stdout);
    for number in 1..=12 {
        assert_eq!(
            rows.iter().filter(|row| row.starts_with(&format!("PASS {number:>2} "))).count(),
            1
        );
    }
    assert!(!ran.stdout.contains("FAIL"));
    for line in ran.stdout.lines() {
        assert!(line.chars().count() <= 100, "{line}");
    }
}

#[test]
fn the_json_report_says_the_same() {
    let ran = gpt2(&["validate", "--quick", "--json", "-"]).exits(0);
    let report: Value = serde_json::from_str(&ran.stdout).expect("JSON and nothing else");
    assert_eq!(report["schema"], "gpt2-validation/1");
    assert_eq!(report["verdict"], "pass");
    assert_eq!(report["model"]["parameters"]["total"], 1_155_456);
    assert_eq!(report["checkpoints"].as_array().map(Vec::len), Some(14));
    assert_eq!(report["cases"].as_array().map(Vec::len), Some(gpt2_demo::REFERENCES.len()));
    let entries = |case: &Value| case["entries"].as_array().map_or(0, Vec::len);
    let sum: usize = report["cases"].as_array().expect("cases").iter().map(entries).sum();
    assert_eq!(sum, 694);
}

#[test]
fn a_directory_brings_its_references() {
    let copy = copy_of_demo(&["one_token", "short"]);
    gpt2(&["validate", "--quick", "--model", arg(copy.path())]).exits(0).says(&[
        "a  one_token",
        "b  short",
        "PASS: agrees",
    ]);
}

#[test]
fn without_a_reference_it_says_how_to_make_one_and_fails() {
    let copy = copy_of_demo(&[]);
    let model = arg(copy.path());
    // Of the demo as it is, answers are known. Of this model, nothing is.
    let mut weights = gpt2_demo::MODEL_SAFETENSORS.to_vec();
    *weights.last_mut().expect("a byte") ^= 1;
    std::fs::write(copy.path().join("model.safetensors"), weights).expect("written");
    gpt2(&["validate", "--quick", "--model", model])
        .exits(1)
        .says(&["no reference to compare with", "cargo xtask reference --model"]);
    std::fs::remove_dir(copy.path().join("reference")).expect("removed");
    gpt2(&["validate", "--quick", "--model", model])
        .exits(1)
        .says(&["no reference to compare with"]);

    let json = gpt2(&["validate", "--quick", "--model", model, "--json", "-"]).exits(1);
    let report: Value = serde_json::from_str(&json.stdout).expect("JSON");
    assert_eq!(report["verdict"], "fail");
    assert_eq!(report["problems"][0], "there is no reference to compare with");
}

#[test]
fn a_reference_that_covers_too_little_fails() {
    gpt2(&["validate", "--quick", "--reference", &demo_reference("full_context")])
        .exits(1)
        .says(&["QKV projection: nothing was compared", "FAIL  2 QKV projection"]);
}

#[test]
fn a_reference_that_is_not_there_fails() {
    gpt2(&["validate", "--quick", "--reference", "/nonexistent.safetensors"])
        .exits(1)
        .says(&["/nonexistent.safetensors: No such file"]);
}

#[test]
fn an_own_trace_is_a_reference_too() {
    let copy = copy_of_demo(&[]);
    let out = copy.path().join("reference/own.safetensors");
    gpt2(&["trace", "--model", "demo", "--prompt", "ROMEO:", "--decode", "3", "--out", arg(&out)])
        .exits(0);
    gpt2(&["validate", "--quick", "--model", arg(copy.path())])
        .exits(0)
        .says(&["gpt2-model 0.1.0, in f32 alone"]);
}
