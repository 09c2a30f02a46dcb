use std::collections::BTreeMap;

use gpt2_trace::{Checkpoint, Entry};
use quick_junit::{
    NonSuccessKind, Report as Suites, TestCase, TestCaseStatus, TestSuite, XmlString,
};

use super::Report;
use super::report::Subject;
use super::text::why;
use crate::report::{Case, Verdict};
use crate::{Comparison, Determinism, NegativeControls, Outcome};

/// How many failing tensors a test case lists.
const SHOWN: usize = 20;

/// `JUnit` XML, as CI systems read it: a suite for each reference with a test case for each checkpoint,
/// one over all of them; of a validation also for determinism and negative controls, of a comparison for where
/// the two part.
///
/// What was not compared is skipped or failed, never passed.
pub fn junit<'a>(report: impl Into<Report<'a>>) -> String {
    let report = &report.into();
    let (command, own) = match report.subject {
        Subject::Validation(it) => {
            let determinism = it.determinism.as_ref().map(determinism);
            let controls = it.negative_controls.as_ref().map(controls);
            ("validate", [determinism, controls].into_iter().flatten().collect())
        }
        Subject::Comparison(it) => ("compare", vec![divergence(it)]),
    };
    let mut suites = Suites::new(format!("gpt2 {command} {}", report.name));
    suites.add_test_suites(report.cases.iter().map(reference));
    suites.add_test_suite(over_all(report));
    suites.add_test_suites(own);
    // Fails only for what XML cannot hold, which `XmlString` has removed.
    suites.to_string().unwrap_or_default()
}

fn determinism(determinism: &Determinism) -> TestSuite {
    let mut suite = TestSuite::new("determinism");
    for row in &determinism.ways {
        let mut failures = Vec::new();
        let mut compared = 0;
        for (setup, outcome) in determinism.setups.iter().zip(&row.cells) {
            match outcome {
                Outcome::Identical { .. } => compared += 1,
                Outcome::Differs { logits, differing, max_abs } => failures.push(format!(
                    "{} on {} threads: {differing} of {logits} logits differ, by up to {max_abs:e}",
                    setup.isa, setup.threads
                )),
                Outcome::NotRun { .. } => {}
            }
        }
        let nothing = (compared == 0).then_some("not run");
        suite.add_test_case(test(row.name, "determinism", &failures, nothing));
    }
    suite
}

fn controls(controls: &NegativeControls) -> TestSuite {
    let mut suite = TestSuite::new("negative controls");
    for control in &controls.controls {
        let mut failures = Vec::new();
        if control.applies && !control.caught {
            failures.push(format!("not caught: {}", control.line));
        } else if control.applies && !control.named {
            failures.push(format!("not named: {}", control.line));
        }
        let nothing = (!control.applies).then_some(control.line.as_str());
        suite.add_test_case(test(control.mistake.id, "negative controls", &failures, nothing));
    }
    suite
}

/// Where two traces part: one test case, with all that is known of it.
fn divergence(comparison: &Comparison) -> TestSuite {
    let mut suite = TestSuite::new("divergence");
    let parting = comparison.parting().into_iter();
    let failures: Vec<String> = parting.map(|(title, what)| format!("{title}: {what}")).collect();
    suite.add_test_case(test("they do not part", "divergence", &failures, None));
    suite
}

/// One reference: a test case for each checkpoint that it holds something of.
fn reference(case: &Case) -> TestSuite {
    let mut suite = TestSuite::new(case.name.as_str());
    let mut by_checkpoint: BTreeMap<Option<Checkpoint>, Vec<&Entry>> = BTreeMap::new();
    for entry in &case.entries {
        by_checkpoint.entry(entry.checkpoint).or_default().push(entry);
    }
    for (checkpoint, entries) in by_checkpoint {
        let failing: Vec<String> =
            entries.iter().filter(|entry| !entry.passes()).map(|entry| why(entry)).collect();
        let name = match checkpoint {
            Some(checkpoint) => numbered(checkpoint),
            None => "names of no tap".to_owned(),
        };
        suite.add_test_case(test(&name, &case.name, &failing, None));
    }
    if !case.problems.is_empty() || case.entries.is_empty() {
        let mut problems = case.problems.clone();
        if case.entries.is_empty() {
            problems.push("nothing was compared".to_owned());
        }
        suite.add_test_case(test("the reference can be used", &case.name, &problems, None));
    }
    suite
}

/// What is judged over all references: distances to f64, and whether each checkpoint was compared.
fn over_all(report: &Report<'_>) -> TestSuite {
    let mut suite = TestSuite::new("all references");
    for row in report.checkpoints {
        let mut failures = Vec::new();
        let nothing = (row.verdict == Verdict::NotCompared).then_some("nothing to compare");
        if row.verdict == Verdict::Fail {
            let summary = &row.summary;
            failures.push(format!("{} of {} tensors agree", summary.passed, summary.expected));
            if let Some(truth) =
                summary.truth.as_ref().filter(|it| it.ours_rms > summary.truth_allowed)
            {
                failures.push(format!(
                    "our rms error to f64 is {:e}, the reference's own is {:e}, allowed {:e}",
                    truth.ours_rms, truth.reference_rms, summary.truth_allowed
                ));
            }
        }
        suite.add_test_case(test(
            &numbered(row.summary.checkpoint),
            "all references",
            &failures,
            nothing,
        ));
    }
    suite.add_test_case(test("no problems", "all references", &report.problems, None));
    suite
}

/// `01 LayerNorm`: sorted by name is in the order of the forward pass.
fn numbered(checkpoint: Checkpoint) -> String {
    checkpoint.number().map_or(checkpoint.to_string(), |number| format!("{number:02} {checkpoint}"))
}

/// A test case that fails with these sentences, is skipped for a reason, or passes.
fn test(name: &str, class: &str, failures: &[String], skipped: Option<&str>) -> TestCase {
    let status = match (failures, skipped) {
        ([], None) => TestCaseStatus::success(),
        ([], Some(reason)) => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(reason);
            status
        }
        ([first, ..], _) => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            let mut text = failures.iter().take(SHOWN).cloned().collect::<Vec<_>>().join("\n");
            if failures.len() > SHOWN {
                text += &format!("\nand {} more", failures.len() - SHOWN);
            }
            status.set_message(first.as_str()).set_description(text);
            status
        }
    };
    let mut test = TestCase::new(name, status);
    test.set_classname(XmlString::new(class));
    test
}
