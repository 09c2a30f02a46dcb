//! The pages that `gpt2 validate --html` and `gpt2 compare --html` write, opened in a real browser.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use gpt2_runner::{
    Comparison, Determinism, Inspection, ModelSource, NegativeControls, Validation, Verdict, export,
};
use gpt2_tests::{demo_model, demo_run, demo_weights, root, say, skipped};
use gpt2_trace::{Tensor, Tolerances, Trace};
use serde_json::Value;

/// What the browser runs inside the page; it writes what it found into the page.
const CHECK: &str = include_str!("data/report_page_check.js");
/// Catches what goes wrong before `CHECK` runs.
const LISTEN: &str = "<script>window.errors = []; \
    addEventListener('error', (e) => errors.push(e.message)); \
    console.error = (...it) => errors.push(it.join(' '));</script>";

/// The demo model with everything that `gpt2 validate` looks at.
static VALIDATION: LazyLock<Validation> = LazyLock::new(|| {
    let tolerances = Tolerances::builtin().expect("the tolerances");
    let (model, weights) = (demo_model(), demo_weights());
    let references = ModelSource::Demo.references().expect("the references");
    let facts = Inspection::new("demo", weights, None);
    Validation::run(model, weights, facts, &references, &tolerances)
        .with_determinism(Determinism::check(model, weights, &mut |_| {}).expect("the matrix"))
        .with_negative_controls(NegativeControls::run(&tolerances, &mut |_| {}).expect("controls"))
});

fn page(validation: &Validation) -> String {
    export::html(validation).expect("a page")
}

/// The report that is embedded in a page, as JSON. Not parsed here: `serde_json` may be off by the last
/// bit of a number when it reads.
fn embedded(page: &str) -> String {
    let (_, rest) = page.split_once("id=\"report\">").expect("a report in the page");
    let (json, _) = rest.split_once("</script>").expect("its end");
    json.replace("\\u003c", "<")
}

#[test]
fn the_page_holds_the_report_and_needs_nothing_else() {
    assert_eq!(VALIDATION.verdict, Verdict::Pass, "{:?}", VALIDATION.problems);
    let page = page(&VALIDATION);
    assert!(embedded(&page) == serde_json::to_string(&*VALIDATION).expect("JSON"));
    assert!(page.len() < 1_000_000, "{} bytes", page.len());
    say(&format!("page: {} bytes", page.len()));
    for outside in
        ["src=", "@import", "url(", "fetch(", "XMLHttpRequest", "<link rel=\"stylesheet\""]
    {
        assert!(!page.contains(outside), "{outside}");
    }
}

#[test]
fn text_of_a_report_cannot_become_markup() {
    let mut validation = VALIDATION.clone();
    validation.cases[0].name = "</script><b id=\"inside\">&".to_owned();
    validation.problems.push("<img src=x onerror=alert(1)>".to_owned());
    let page = page(&validation);
    assert!(!page.contains("<b id=\"inside\">") && !page.contains("<img"));
    assert!(embedded(&page) == serde_json::to_string(&validation).expect("JSON"));
}

#[test]
fn in_a_browser_the_page_has_no_errors_sorts_filters_and_shows_the_numbers_of_the_report() {
    let Some(browser) = browser_or_skip("report_page::in_a_browser") else { return };
    let page = page(&VALIDATION);
    let found = run(&browser, &page);
    say(&format!("{found}"));
    assert_eq!(found["errors"], Value::Array(Vec::new()), "{found}");
    assert!(found["numbers"].as_u64() > Some(500), "{found}");
    assert_eq!(found["tensors"], 694, "{found}");

    // The check itself must be able to fail: one digit changed in one place.
    let at = "/checkpoints/1/nearest_to_failing/max_abs\" value=\"";
    let wrong = page.replacen(at, &format!("{at}9"), 1);
    assert_ne!(page, wrong);
    let found = run(&browser, &wrong);
    let errors = found["errors"].to_string();
    assert!(errors.contains("/checkpoints/1/nearest_to_failing"), "{found}");
}

/// Our trace of the demo's `short` reference after `change`, held against that.
fn comparison(change: impl FnOnce(&mut Trace)) -> Comparison {
    let mut ours = demo_run("short").1.ours.clone();
    change(&mut ours);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("ours.safetensors");
    ours.save(&file).expect("saved");
    let reference = root().join("crates/demo/model/reference/short.safetensors");
    let truth = reference.with_extension("f64.safetensors");
    let tolerances = Tolerances::builtin().expect("the tolerances");
    Comparison::of_files(&file, &reference, Some(&truth), Some(demo_weights()), &tolerances)
        .expect("a comparison")
}

/// One of each kind: an operation that is wrong, a number that JSON cannot hold, what cannot be compared.
fn damage(trace: &mut Trace) {
    for (name, by) in [("h.1.ln_2", 0.5), ("h.3.mlp", f32::INFINITY)] {
        match trace.tensors.get_mut(name) {
            Some(Tensor::F32(x)) => x[[1, 2]] += by,
            other => panic!("{name}: {other:?}"),
        }
    }
    let scores = trace.tensors["h.4.attn.scores"].clone();
    trace.tensors.insert("h.4.attn.q".to_owned(), scores);
    trace.tensors.remove("probs").expect("it was there");
}

#[test]
fn the_page_of_a_comparison_holds_it_and_says_where_the_two_part() {
    for (comparison, parts) in [(comparison(|_| {}), false), (comparison(damage), true)] {
        assert_eq!(comparison.verdict == Verdict::Fail, parts, "{}", comparison.sentence());
        let page = export::html(&comparison).expect("a page");
        assert!(embedded(&page) == serde_json::to_string(&comparison).expect("JSON"));
        assert_eq!(page.contains("id=\"divergence\""), parts);
        assert_eq!(page.contains("`probs` is missing from ours"), parts);
        say(&format!("page of a comparison: {} bytes", page.len()));
    }
}

#[test]
fn in_a_browser_the_page_of_a_comparison_does_the_same_and_shows_where_the_two_part() {
    let Some(browser) = browser_or_skip("report_page::of_a_comparison") else { return };
    for (comparison, failing) in [(comparison(|_| {}), 0), (comparison(damage), 4)] {
        let page = export::html(&comparison).expect("a page");
        let found = run(&browser, &page);
        assert_eq!(found["errors"], Value::Array(Vec::new()), "{found}");
        assert!(found["numbers"].as_u64() > Some(400), "{found}");
        assert_eq!(
            (&found["tensors"], &found["failing"]),
            (&265.into(), &failing.into()),
            "{found}"
        );
        let headings = found["headings"].as_array().expect("a list");
        for title in ["Where they part", "First divergence", "Diagnosis"] {
            assert_eq!(headings.contains(&title.into()), failing > 0, "{title}: {found}");
        }
    }
    // The number that matters most is checked too.
    let page = export::html(&comparison(damage)).expect("a page");
    let at = "/divergence/what/values/difference\" value=\"";
    let wrong = page.replacen(at, &format!("{at}9"), 1);
    assert_ne!(page, wrong);
    assert!(run(&browser, &wrong)["errors"].to_string().contains("/divergence/what"));
}

/// Opens `page` with the check in it, and gives what that found.
fn run(browser: &Path, page: &str) -> Value {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("page.html");
    let checked = page.replacen("<head>", &format!("<head>{LISTEN}"), 1).replacen(
        "</body>",
        &format!("<script>{CHECK}</script></body>"),
        1,
    );
    fs::write(&file, checked).expect("the page");
    let output = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .args(["--disable-dev-shm-usage", "--enable-logging=stderr", "--window-size=1280,2400"])
        .arg(format!("--user-data-dir={}", folder.path().join("profile").display()))
        .arg("--dump-dom")
        .arg(format!("file://{}", file.display()))
        .stdin(Stdio::null())
        .output()
        .expect("the browser");
    let log = String::from_utf8_lossy(&output.stderr);
    let console: Vec<&str> = log.lines().filter(|line| line.contains(":CONSOLE")).collect();
    assert!(console.is_empty(), "the page writes to the console: {console:?}");
    let dom = String::from_utf8_lossy(&output.stdout);
    let found =
        dom.rsplit_once("<pre id=\"found\">").and_then(|(_, rest)| rest.split_once("</pre>"));
    let (found, _) = found.unwrap_or_else(|| panic!("{}: no result:\n{log}", output.status));
    serde_json::from_str(&found.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))
        .unwrap_or_else(|error| panic!("{error}: {found}"))
}

/// The browser; if there is none, `test` is reported as skipped.
fn browser_or_skip(test: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let mut places = std::env::split_paths(&path).flat_map(|it| names.map(|name| it.join(name)));
    let found = places.find(|file| file.is_file());
    if found.is_none() {
        skipped(test, "there is no chromium, chromium-browser or google-chrome in PATH");
    }
    found
}
