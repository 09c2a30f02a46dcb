//! What must hold, and what must not.

use std::collections::BTreeSet;

use gpt2_model::Gpt2;
use gpt2_trace::{Checkpoint, Entry, Mistake, Summary, Trace, catalogue, compare, inject};

use crate::run::{References, Run, activations, demo_run, demo_weights, tolerances};

/// A line that `--nocapture` shows.
#[allow(clippy::print_stderr)]
pub fn say(line: &str) {
    eprintln!("{line}");
}

/// Every tensor that the references of `runs` hold for `checkpoint` was compared and is near
/// enough, over all of them we are near enough to f64, and there are `expected` of them.
pub fn assert_agrees(runs: &[Run], checkpoint: Checkpoint, expected: usize) {
    let cases: Vec<_> =
        runs.iter().map(|run| (run.name.as_str(), run.entries.as_slice())).collect();
    let summaries = Summary::of(&cases, tolerances());
    let summary = summaries.iter().find(|summary| summary.checkpoint == checkpoint);
    let summary = summary.unwrap_or_else(|| panic!("no summary for {checkpoint}"));
    let mut line = format!(
        "{checkpoint}: {} of {} tensors, {} elements, max abs {:.2e}",
        summary.compared, summary.expected, summary.elements, summary.max_abs
    );
    if let Some(nearest) = &summary.nearest_to_failing {
        let (margin, case, name) = (nearest.margin(), &nearest.case, &nearest.name);
        line += &format!(", margin {margin:.1} at {case} {name}");
    }
    if let Some(truth) = &summary.truth {
        let (ours, theirs) = (truth.ours_rms, truth.reference_rms);
        line += &format!(", rms to f64: ours {ours:.2e}, HuggingFace's {theirs:.2e}");
    }
    say(&line);
    for (case, entries) in &cases {
        for entry in entries.iter().filter(|entry| entry.checkpoint == Some(checkpoint)) {
            assert!(entry.passes(), "{case} {}: {:?}", entry.name, entry.result);
        }
    }
    assert_eq!((summary.compared, summary.expected), (expected, expected), "{line}");
    assert!(summary.elements > 0, "{line}");
    assert!(summary.passes(), "{line}");
}

/// [`assert_agrees`] at every checkpoint, none of which may be without tensors.
pub fn assert_agrees_everywhere(runs: &[Run]) {
    for checkpoint in Checkpoint::ALL {
        let of_it =
            |run: &Run| run.entries.iter().filter(|e| e.checkpoint == Some(checkpoint)).count();
        assert_agrees(runs, checkpoint, runs.iter().map(of_it).sum());
    }
}

/// No element of a checkpoint is farther than `bar` from HuggingFace in f32: per unit of the largest
/// magnitude in its tensor, where that is above 1.
pub fn assert_within(references: &References, run: &Run, checkpoint: Checkpoint, bar: f64) {
    let mut compared = 0;
    let (mut worst, mut at, mut largest) = (0.0_f64, "", 0.0_f64);
    for entry in run.entries.iter().filter(|entry| entry.checkpoint == Some(checkpoint)) {
        let difference = entry.result.as_ref().unwrap_or_else(|e| panic!("{}: {e}", entry.name));
        let reference = activations(&references.f32, &entry.name).iter();
        let unit = reference.fold(1.0, |max, x| f64::from(x.abs()).max(max));
        let off = difference.max_abs / unit;
        assert!(off <= bar, "{}: {off:e} per unit of {unit}, above {bar:e}", entry.name);
        if off >= worst {
            (worst, at) = (off, &entry.name);
        }
        largest = largest.max(difference.max_abs);
        compared += 1;
    }
    assert!(compared > 0, "nothing compared at {checkpoint}");
    let name = &run.name;
    say(&format!(
        "{checkpoint}, {name}: at most {worst:.3e} per unit (at {at}), bar {bar:.3e}; \
         at most {largest:.3e} in absolute terms"
    ));
}

/// The tensors `names` lie within `bar` of `reference`, whatever their magnitude.
pub fn assert_within_absolute(ours: &Trace, reference: &Trace, names: &[&str], bar: f64) {
    let entries = compare(ours, reference, None, tolerances());
    for name in names {
        let entry = entries.iter().find(|entry| entry.name == *name);
        let difference = entry.and_then(|entry| entry.result.as_ref().ok());
        let max_abs = difference.unwrap_or_else(|| panic!("{name} was not compared")).max_abs;
        say(&format!("{name}: {max_abs:.2e} of {bar:.2e}"));
        assert!(max_abs <= bar, "{name}: {max_abs:e}, the bar is {bar:e}");
    }
}

/// The tensor called `name` must not pass.
pub fn assert_fails_at(entries: &[Entry], name: &str) {
    let entry = entries.iter().find(|entry| entry.name == name);
    let entry = entry.unwrap_or_else(|| panic!("{name} is not in the reference"));
    assert!(!entry.passes(), "{name} passes with wrong arithmetic: {:?}", entry.result);
    say(&format!("{name}: {}", reason(entry)));
}

/// Each of these known mistakes, made on HuggingFace's own values, fails at `checkpoint`; and they are
/// all that the catalogue knows there.
pub fn assert_caught(checkpoint: Checkpoint, ids: &[&str]) {
    let known = catalogue().filter(|mistake| mistake.checkpoint == checkpoint);
    let known: BTreeSet<&str> = known.map(|mistake| mistake.id).collect();
    assert_eq!(BTreeSet::from_iter(ids.iter().copied()), known, "the catalogue has others");
    let (references, _) = demo_run("short");
    for id in ids {
        let mistake = Mistake::by_id(id).unwrap_or_else(|| panic!("{id} is not in the catalogue"));
        let theirs = inject(mistake, &references.f32, demo_weights());
        let theirs = theirs.unwrap_or_else(|error| panic!("{id}: {error}"));
        let entries = compare(&theirs, &references.f32, None, tolerances());
        let mut here = entries.iter().filter(|entry| entry.checkpoint == Some(checkpoint));
        let first = here.find(|entry| !entry.passes());
        let first = first.unwrap_or_else(|| panic!("{id} passes: {}", mistake.sentence));
        say(&format!("{id}: {} {}", first.name, reason(first)));
    }
}

/// A demo model with a mistake in it must fail, and the first tensor to fail must be `name`: what
/// comes before the mistake passes.
pub fn assert_fails_first(model: &Gpt2, name: &str) {
    let (references, _) = demo_run("short");
    let run = references.run(model);
    let first = run.entries.iter().find(|entry| !entry.passes());
    let first = first.unwrap_or_else(|| panic!("wrong arithmetic passes; expected {name} to fail"));
    assert_eq!(first.name, name, "{}", reason(first));
    say(&format!("{name}: {}", reason(first)));
}

/// How an entry fails.
fn reason(entry: &Entry) -> String {
    match &entry.result {
        Ok(it) => format!("{:.2e} off, {:.2e} is allowed", it.max_abs, it.allowed),
        Err(problem) => problem.to_string(),
    }
}
