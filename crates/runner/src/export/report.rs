use std::path::Path;

use gpt2_trace::Problem;
use serde::Serialize;

use crate::report::{Case, CheckpointRow, Verdict};
use crate::{Comparison, Validation};

/// A [`Validation`] or a [`Comparison`] as the exports see it: what both have, and which of them it is.
///
/// Serialised it is the one that it was made from.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub struct Report<'a> {
    pub(super) subject: Subject<'a>,
    /// What is judged.
    #[serde(skip)]
    pub(super) name: String,
    /// What it is held against.
    #[serde(skip)]
    pub(super) against: &'static str,
    #[serde(skip)]
    pub(super) schema: &'static str,
    #[serde(skip)]
    pub(super) version: &'static str,
    #[serde(skip)]
    pub(super) verdict: Verdict,
    /// The verdict in one sentence.
    #[serde(skip)]
    pub(super) sentence: String,
    /// What is wrong besides differences of tensors.
    #[serde(skip)]
    pub(super) problems: Vec<String>,
    #[serde(skip)]
    pub(super) checkpoints: &'a [CheckpointRow],
    #[serde(skip)]
    pub(super) cases: &'a [Case],
}

/// What a report is of, for what only one of them has.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Subject<'a> {
    Validation(&'a Validation),
    Comparison(&'a Comparison),
}

impl<'a> From<&'a Validation> for Report<'a> {
    fn from(it: &'a Validation) -> Self {
        Report {
            subject: Subject::Validation(it),
            name: it.model.name.clone(),
            against: "HuggingFace",
            schema: it.schema,
            version: it.version,
            verdict: it.verdict,
            sentence: it.sentence(),
            problems: it.problems.clone(),
            checkpoints: &it.checkpoints,
            cases: &it.cases,
        }
    }
}

impl<'a> From<&'a Comparison> for Report<'a> {
    fn from(it: &'a Comparison) -> Self {
        Report {
            subject: Subject::Comparison(it),
            name: file_name(&it.ours),
            against: "the reference",
            schema: it.schema,
            version: it.version,
            verdict: it.verdict,
            sentence: it.sentence(),
            problems: problems(it),
            checkpoints: &it.checkpoints,
            cases: &it.cases,
        }
    }
}

/// The last part of a path, or all of it if it has none.
pub(super) fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

fn problems(comparison: &Comparison) -> Vec<String> {
    let entries = || comparison.cases.iter().flat_map(|case| &case.entries);
    let unmatched = comparison.unmatched.iter();
    let mut problems: Vec<String> =
        unmatched.map(|name| format!("array `{name}` of ours means nothing here")).collect();
    let unknown = entries().filter(|entry| entry.checkpoint.is_none());
    problems.extend(unknown.map(|entry| format!("`{}` is not the name of any tap", entry.name)));
    let mut missing = entries().filter(|entry| entry.result == Err(Problem::Missing));
    if let Some(first) = missing.next() {
        let more = match missing.count() {
            0 => String::new(),
            n => format!(", and so are {n} more"),
        };
        problems.push(format!("`{}` is missing from ours{more}", first.name));
    }
    problems
}
