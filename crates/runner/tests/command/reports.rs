//! The files that `gpt2 validate` writes besides its summary.

use std::path::Path;

use quick_junit::{Report, TestCaseStatus};
use serde_json::Value;

use crate::support::{Safetensors, arg, copy_of_demo, gpt2, reference};

/// Runs `validate` on a model, and gives the summary, the page, the JSON, the `JUnit` report, the Markdown.
fn reports(model: &str, into: &Path, code: i32) -> (String, String, Value, Report, String) {
    let file = |name: &str| into.join(name);
    let (html, json, junit, markdown) =
        (file("r.html"), file("r.json"), file("r.xml"), file("r.md"));
    let ran = gpt2(&[
        "validate",
        "--model",
        model,
        "--html",
        arg(&html),
        "--json",
        arg(&json),
        "--junit",
        arg(&junit),
        "--markdown",
        arg(&markdown),
    ])
    .exits(code);
    assert_eq!(ran.stderr, "", "progress is for terminals");
    let read = |path: &Path| std::fs::read_to_string(path).expect("a report");
    let json = serde_json::from_str(&read(&json)).expect("JSON");
    let junit = Report::deserialize_from_str(&read(&junit)).expect("JUnit XML");
    (ran.stdout, read(&html), json, junit, read(&markdown))
}

#[test]
fn a_model_that_passes_passes_in_every_report() {
    let folder = tempfile::tempdir().expect("a directory");
    let (stdout, html, json, junit, markdown) = reports("demo", folder.path(), 0);

    assert!(stdout.lines().count() <= 40, "{stdout}");
    assert!(stdout.lines().all(|line| line.chars().count() <= 100), "{stdout}");
    assert!(stdout.contains("\ndeterminism: "), "{stdout}");
    assert!(stdout.contains("\nnegative controls: "), "{stdout}");

    let (_, rest) = html.split_once("id=\"report\">").expect("a report in the page");
    let (embedded, _) = rest.split_once("</script>").expect("its end");
    assert_eq!(serde_json::from_str::<Value>(embedded).expect("JSON"), json);

    assert_eq!(
        (json["verdict"].as_str(), &json["determinism"]["verdict"]),
        (Some("pass"), &"pass".into())
    );
    let controls = &json["negative_controls"];
    assert!(controls["total"].as_u64() >= Some(30), "{controls}");
    assert_eq!(controls["caught"], controls["total"]);
    assert_eq!(controls["named"], controls["total"]);
    assert_eq!(json["environment"]["weights_sha256"].as_str().map(str::len), Some(64));
    let digests = |case: &Value| case["sha256"].as_str().map(str::len) == Some(64);
    assert!(json["cases"].as_array().expect("cases").iter().all(digests));

    let tests = || junit.test_suites.iter().flat_map(|suite| &suite.test_cases);
    assert!(tests().count() > 14 + 74, "{}", tests().count());
    assert!(tests().all(|test| matches!(test.status, TestCaseStatus::Success { .. })));
    assert_eq!((junit.failures, junit.errors), (0, 0));

    assert_eq!(
        markdown.lines().filter(|line| line.starts_with("| ✅ |")).count(),
        14,
        "{markdown}"
    );
    assert!(!markdown.contains('❌'), "{markdown}");
}

#[test]
fn a_model_that_fails_fails_in_every_report() {
    let copy = copy_of_demo(&["short"]);
    let path = reference(copy.path(), "short");
    let mut trace = Safetensors::read(&path);
    trace.forget_digests();
    let range = trace.range("h.2.mlp");
    trace.data[range][..4].copy_from_slice(&1.0_f32.to_le_bytes());
    trace.write(&path);
    let (stdout, html, json, junit, markdown) = reports(arg(copy.path()), copy.path(), 1);

    assert!(stdout.contains("FAIL  6 FFN output"), "{stdout}");
    assert!(html.contains("<h1><span class=\"badge fail\">FAIL</span>"));
    assert_eq!(json["verdict"], "fail");
    let failing: Vec<(&str, &str)> = junit
        .test_suites
        .iter()
        .flat_map(|suite| suite.test_cases.iter().map(move |test| (suite, test)))
        .filter(|(_, test)| matches!(test.status, TestCaseStatus::NonSuccess { .. }))
        .map(|(suite, test)| (suite.name.as_str(), test.name.as_str()))
        .collect();
    assert_eq!(failing, [("short", "06 FFN output"), ("all references", "06 FFN output")]);
    assert_eq!(markdown.matches("| ❌ | 6 FFN output |").count(), 1, "{markdown}");
    assert!(markdown.contains("- `short: h.2.mlp [0, 0]: ours"), "{markdown}");
}

#[test]
fn a_report_that_cannot_be_written_is_an_error() {
    for option in ["--html", "--junit", "--markdown", "--json"] {
        let folder = tempfile::tempdir().expect("a directory");
        let file = folder.path().join("no/such/folder/report");
        gpt2(&["validate", "--quick", option, arg(&file)])
            .exits(2)
            .says(&["error: ", "no/such/folder/report"]);
    }
}
