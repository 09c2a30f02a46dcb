//! The files that `gpt2 validate` and `gpt2 compare` write besides their summary.

use std::path::Path;

use quick_junit::{Report, TestCaseStatus};
use serde_json::Value;

use crate::support::{Safetensors, arg, copy_of_demo, demo_reference, gpt2, reference};

/// Runs a command, and gives the summary, the page, the JSON, the `JUnit` report, the Markdown.
fn reports(args: &[&str], into: &Path, code: i32) -> (String, String, Value, Report, String) {
    let file = |name: &str| into.join(name);
    let (html, json, junit, markdown) =
        (file("r.html"), file("r.json"), file("r.xml"), file("r.md"));
    let files = [
        ["--html", arg(&html)],
        ["--json", arg(&json)],
        ["--junit", arg(&junit)],
        ["--markdown", arg(&markdown)],
    ];
    let ran = gpt2(&[args, files.as_flattened()].concat()).exits(code);
    assert_eq!(ran.stderr, "", "progress is for terminals");
    let read = |path: &Path| std::fs::read_to_string(path).expect("a report");
    let json = serde_json::from_str(&read(&json)).expect("JSON");
    let junit = Report::deserialize_from_str(&read(&junit)).expect("JUnit XML");
    (ran.stdout, read(&html), json, junit, read(&markdown))
}

/// The report in a page.
fn embedded(html: &str) -> Value {
    let (_, rest) = html.split_once("id=\"report\">").expect("a report in the page");
    let (json, _) = rest.split_once("</script>").expect("its end");
    serde_json::from_str(json).expect("JSON")
}

/// The suites and names of the test cases that fail.
fn failing(junit: &Report) -> Vec<(&str, &str)> {
    junit
        .test_suites
        .iter()
        .flat_map(|suite| suite.test_cases.iter().map(move |test| (suite, test)))
        .filter(|(_, test)| matches!(test.status, TestCaseStatus::NonSuccess { .. }))
        .map(|(suite, test)| (suite.name.as_str(), test.name.as_str()))
        .collect()
}

#[test]
fn a_model_that_passes_passes_in_every_report() {
    let folder = tempfile::tempdir().expect("a directory");
    let (stdout, html, json, junit, markdown) =
        reports(&["validate", "--model", "demo"], folder.path(), 0);

    assert!(stdout.lines().count() <= 40, "{stdout}");
    assert!(stdout.lines().all(|line| line.chars().count() <= 100), "{stdout}");
    assert!(stdout.contains("\ndeterminism: "), "{stdout}");
    assert!(stdout.contains("\nnegative controls: "), "{stdout}");

    assert_eq!(embedded(&html), json);

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
    let args = ["validate", "--model", arg(copy.path())];
    let (stdout, html, json, junit, markdown) = reports(&args, copy.path(), 1);

    assert!(stdout.contains("FAIL  6 FFN output"), "{stdout}");
    assert!(html.contains("<h1><span class=\"badge fail\">FAIL</span>"));
    assert_eq!(json["verdict"], "fail");
    assert_eq!(failing(&junit), [("short", "06 FFN output"), ("all references", "06 FFN output")]);
    assert_eq!(markdown.matches("| ❌ | 6 FFN output |").count(), 1, "{markdown}");
    assert!(markdown.contains("- `short: h.2.mlp [0, 0]: ours"), "{markdown}");
}

#[test]
fn two_traces_that_agree_agree_in_every_report() {
    let folder = tempfile::tempdir().expect("a directory");
    let ours = folder.path().join("ours.safetensors");
    let ids = "814,26,199,450,366,70,84";
    gpt2(&["trace", "--model", "demo", "--ids", ids, "--decode", "4", "--out", arg(&ours)])
        .exits(0);
    let args = ["compare", arg(&ours), &demo_reference("short")];
    let (stdout, html, json, junit, markdown) = reports(&args, folder.path(), 0);
    assert!(stdout.contains("PASS: agrees with the reference at every checkpoint"), "{stdout}");
    assert_eq!(embedded(&html), json);
    assert_eq!((&json["schema"], &json["verdict"]), (&"gpt2-comparison/2".into(), &"pass".into()));
    assert_eq!(json["cases"].as_array().map(Vec::len), Some(1));
    let digests =
        [&json["ours_sha256"], &json["cases"][0]["sha256"], &json["cases"][0]["truth_sha256"]];
    assert!(digests.iter().all(|it| it.as_str().map(str::len) == Some(64)), "{digests:?}");
    assert_eq!(json["ours_made_by"][0][0], "source");
    assert!(html.contains("Agrees with the reference at every checkpoint: 265 of 265 tensors."));
    assert!(!html.contains("Where they part") && !html.contains("What was run on what"));
    assert_eq!((failing(&junit), junit.tests > 14), (Vec::new(), true));
    assert!(!markdown.contains('❌') && !markdown.contains("divergence"), "{markdown}");
}

#[test]
fn two_traces_that_part_say_where_and_why_in_every_report() {
    let folder = tempfile::tempdir().expect("a directory");
    let wrong = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/wrong_gpt2.npz");
    let reference = demo_reference("short");
    let args = ["compare", arg(&wrong), &reference, "--model", "demo"];
    let (_, html, json, junit, markdown) = reports(&args, folder.path(), 1);
    assert_eq!(embedded(&html), json);
    assert_eq!(json["divergence"]["name"], "h.0.ln_1");
    assert_eq!(json["isolated"]["name"], "h.0.ln_1");
    let place = ["First divergence", "First that is wrong on its own inputs"];
    assert!(place.iter().all(|title| html.contains(&format!("<h3>{title}</h3>"))), "{html}");
    let junit = junit.to_string().expect("XML");
    for text in ["First divergence", "unbiased-variance", "scale-by-head-dim"] {
        assert!(html.contains(text) && junit.contains(text) && markdown.contains(text), "{text}");
    }
    assert!(failing(&Report::deserialize_from_str(&junit).expect("XML")).len() > 20, "{junit}");
    assert!(markdown.contains("- **First divergence**: `h.0.ln_1 (step 0, block 0, ln_1)"));
    let missing = "`h.0.attn.cache.k` is missing from ours, and so are 211 more";
    assert!(html.contains(missing) && junit.contains(missing), "{missing}");
    assert!(html.contains("3 notes on names and shapes"));
}

#[test]
fn a_report_that_cannot_be_written_is_an_error() {
    for option in ["--html", "--junit", "--markdown", "--json"] {
        let folder = tempfile::tempdir().expect("a directory");
        let file = folder.path().join("no/such/folder/report");
        let short = demo_reference("short");
        for command in [&["validate", "--quick"][..], &["compare", &short, &short]] {
            gpt2(&[command, &[option, arg(&file)]].concat())
                .exits(2)
                .says(&["error: ", "no/such/folder/report"]);
        }
    }
}
