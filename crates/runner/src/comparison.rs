use std::path::{Path, PathBuf};

use gpt2_trace::{Tolerances, Trace, compare};
use serde::Serialize;

use crate::report::{Case, CheckpointRow, Verdict};
use crate::{ReferenceSource, RunnerError};

/// Two trace files, whoever made them, held against each other.
///
/// Serialised it is the JSON report; [`Comparison::SCHEMA`] says which form it has. JSON has no
/// infinities: a number that is infinite or NaN is written as `null`.
#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    /// [`Comparison::SCHEMA`].
    pub schema: &'static str,
    /// The version of this crate.
    pub version: &'static str,
    /// Whether everything that the reference holds is there and agrees.
    pub verdict: Verdict,
    /// The trace that is judged.
    pub ours: PathBuf,
    /// The f64 run of the reference.
    pub truth: Option<PathBuf>,
    /// One row per checkpoint, in the order of the forward pass.
    pub checkpoints: Vec<CheckpointRow>,
    /// The reference.
    pub case: Case,
}

impl Comparison {
    /// The name and the version of the form of the JSON report.
    pub const SCHEMA: &'static str = "gpt2-comparison/1";

    /// Holds the trace `ours` against `reference`: what that holds is what is expected.
    ///
    /// # Errors
    ///
    /// [`RunnerError::Trace`] when a file cannot be read, [`RunnerError::DifferentRuns`] when both
    /// say which tokens went in, or which weights made them, and differ;
    /// [`RunnerError::NothingToCompare`].
    pub fn of_files(
        ours: &Path,
        reference: &Path,
        truth: Option<&Path>,
        tolerances: &Tolerances,
    ) -> Result<Comparison, RunnerError> {
        let our_trace = Trace::open(ours)?;
        let trace = Trace::open(reference)?;
        let truth_trace = truth.map(Trace::open).transpose()?;
        same_run(&our_trace, &trace)?;
        if let Some(truth) = &truth_trace {
            same_run(truth, &trace)?;
        }
        if trace.tensors.is_empty() {
            return Err(RunnerError::NothingToCompare {
                reference: reference.display().to_string(),
            });
        }

        let source = ReferenceSource::file(reference);
        let mut case = Case::new(source.name(), Some(reference.to_owned()));
        case.describe(&trace, truth_trace.as_ref());
        case.entries = compare(&our_trace, &trace, truth_trace.as_ref(), tolerances);
        let checkpoints =
            CheckpointRow::all(std::slice::from_ref(&case), tolerances, Verdict::NotCompared);
        let passes = case.passes() && checkpoints.iter().all(|row| row.verdict != Verdict::Fail);
        Ok(Comparison {
            schema: Comparison::SCHEMA,
            version: env!("CARGO_PKG_VERSION"),
            verdict: Verdict::of(passes),
            ours: ours.to_owned(),
            truth: truth.map(Path::to_owned),
            checkpoints,
            case,
        })
    }
}

/// Whether two traces are of the same tokens and weights, as far as both say so.
fn same_run(ours: &Trace, reference: &Trace) -> Result<(), RunnerError> {
    if let (Some(a), Some(b)) = (ours.ids(), reference.ids())
        && a != b
    {
        let (ours, reference) = (format!("{a:?}"), format!("{b:?}"));
        return Err(RunnerError::DifferentRuns { key: "ids", ours, reference });
    }
    if let (Some(a), Some(b)) = (ours.weights(), reference.weights())
        && let Some((name, theirs)) = b.iter().find(|(name, digest)| a.get(*name) != Some(digest))
    {
        let ours = a
            .get(name)
            .map_or("missing".to_owned(), |digest| format!("`{name}` with SHA-256 {digest}"));
        let reference = format!("`{name}` with SHA-256 {theirs}");
        return Err(RunnerError::DifferentRuns { key: "weights", ours, reference });
    }
    Ok(())
}
