//! What a comparison and a validation have in common: cases, a row per checkpoint, failures.

use std::path::PathBuf;

use gpt2_trace::{Checkpoint, Difference, Entry, Problem, Summary, Tolerances, Trace};
use serde::Serialize;

use crate::Profile;

/// Whether the numbers agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Verdict {
    /// Everything that was expected was compared and lies within its tolerance.
    Pass,
    /// Something does not, or was not compared.
    Fail,
    /// Nothing is said: a checkpoint of which no reference holds anything although other things were
    /// compared, or a known answer for which something was missing.
    NotCompared,
}

impl Verdict {
    pub(crate) fn of(passes: bool) -> Self {
        if passes { Verdict::Pass } else { Verdict::Fail }
    }
}

/// One checkpoint over all cases.
#[derive(Clone, Debug, Serialize)]
pub struct CheckpointRow {
    /// 1 to 12, or `None` for the two that only feed a numbered one.
    pub number: Option<usize>,
    /// Its name for readers.
    pub title: String,
    /// Whether it passes.
    pub verdict: Verdict,
    /// The figures.
    #[serde(flatten)]
    pub summary: Summary,
}

impl CheckpointRow {
    /// A row for each checkpoint, in the order of the forward pass. A checkpoint of which the cases
    /// hold nothing gets the verdict `nothing`.
    pub(crate) fn all(
        cases: &[Case],
        tolerances: &Tolerances,
        nothing: Verdict,
    ) -> Vec<CheckpointRow> {
        let entries: Vec<(&str, &[Entry])> =
            cases.iter().map(|case| (case.name.as_str(), case.entries.as_slice())).collect();
        let row = |summary: Summary| CheckpointRow {
            number: summary.checkpoint.number(),
            title: summary.checkpoint.to_string(),
            verdict: if summary.expected == 0 { nothing } else { Verdict::of(summary.passes()) },
            summary,
        };
        Summary::of(&entries, tolerances).into_iter().map(row).collect()
    }
}

/// In one sentence at how many checkpoints, and in how many tensors, we agree with `whom`.
pub(crate) fn agreement(verdict: Verdict, rows: &[CheckpointRow], whom: &str) -> String {
    let sum = |count: fn(&Summary) -> usize| rows.iter().map(|row| count(&row.summary)).sum();
    let (passed, expected): (usize, usize) = (sum(|it| it.passed), sum(|it| it.expected));
    let held = rows.iter().filter(|row| row.verdict != Verdict::NotCompared).count();
    let mut failing = rows.iter().filter(|row| row.verdict == Verdict::Fail);
    match (verdict, failing.next()) {
        (Verdict::Pass, _) => {
            let held = match held {
                all if all == rows.len() => "every checkpoint".to_owned(),
                held => format!("the {held} checkpoints that it holds"),
            };
            format!("Agrees with {whom} at {held}: {passed} of {expected} tensors.")
        }
        (_, Some(first)) if expected > 0 => format!(
            "Does not agree with {whom} at {} of {held} checkpoints, the first is {}: {passed} of {expected} \
             tensors agree.",
            1 + failing.count(),
            first.title,
        ),
        _ => "Something is wrong: see the problems.".to_owned(),
    }
}

/// One reference trace, held against ours.
#[derive(Clone, Debug, Serialize)]
pub struct Case {
    /// The name of the file without its ending.
    pub name: String,
    /// The file; `None` if it is embedded.
    pub file: Option<PathBuf>,
    /// The prompt, if it was text.
    pub prompt: Option<String>,
    /// How many tokens the prompt has; 0 if it does not say.
    pub tokens: usize,
    /// Where hidden states went in and not tokens: what they are, metadata `input`.
    pub input: Option<String>,
    /// How many tokens were decoded.
    pub decode: usize,
    /// Who made it: metadata `transformers`, `torch`, ...; or `source` alone.
    pub made_by: Vec<(String, String)>,
    /// Whether the same run in f64 was there.
    pub truth: bool,
    /// The SHA-256 of the file in hex.
    pub sha256: Option<String>,
    /// The SHA-256 of the file with the f64 run in hex.
    pub truth_sha256: Option<String>,
    /// Why it could not be used, or which of its weights are not ours.
    pub problems: Vec<String>,
    /// Every tensor of the reference, in the order of the forward pass.
    pub entries: Vec<Entry>,
    /// Where the differences are.
    pub profile: Profile,
}

impl Case {
    pub(crate) fn new(name: &str, file: Option<PathBuf>) -> Self {
        Case {
            name: name.to_owned(),
            file,
            prompt: None,
            tokens: 0,
            input: None,
            decode: 0,
            made_by: Vec::new(),
            truth: false,
            sha256: None,
            truth_sha256: None,
            problems: Vec::new(),
            entries: Vec::new(),
            profile: Profile::default(),
        }
    }

    /// Takes over what the metadata says.
    pub(crate) fn describe(&mut self, reference: &Trace, truth: Option<&Trace>) {
        let get = |key: &str| reference.metadata.get(key).cloned();
        self.prompt = get("prompt");
        self.tokens = reference.ids().map_or(0, |ids| ids.len());
        self.input = get("input");
        self.decode = reference.decode();
        self.truth = truth.is_some();
        self.made_by = made_by(reference);
    }

    /// Whether it could be used, and every tensor of it agrees.
    pub fn passes(&self) -> bool {
        self.problems.is_empty()
            && !self.entries.is_empty()
            && self.entries.iter().all(Entry::passes)
    }
}

/// What the metadata says of who made a trace.
pub(crate) fn made_by(trace: &Trace) -> Vec<(String, String)> {
    ["source", "transformers", "torch", "python"]
        .iter()
        .filter_map(|key| Some(((*key).to_owned(), trace.metadata.get(*key)?.clone())))
        .collect()
}

/// A tensor that does not agree.
#[derive(Clone, Copy, Debug)]
pub struct Failure<'a> {
    /// The position of its case.
    pub case: usize,
    /// The recorded name.
    pub name: &'a str,
    /// The checkpoint it belongs to; `None` for a name that is not a tap.
    pub checkpoint: Option<Checkpoint>,
    /// How far off it is, or why it could not be compared.
    pub result: Result<&'a Difference, &'a Problem>,
}

/// The tensors that do not agree, each case in the order of the forward pass: the first one is where
/// to look.
pub fn failures(cases: &[Case]) -> Vec<Failure<'_>> {
    let mut failures = Vec::new();
    for (case, entries) in cases.iter().enumerate() {
        for entry in entries.entries.iter().filter(|entry| !entry.passes()) {
            failures.push(Failure {
                case,
                name: &entry.name,
                checkpoint: entry.checkpoint,
                result: entry.result.as_ref(),
            });
        }
    }
    failures
}
