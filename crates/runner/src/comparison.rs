use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use gpt2_trace::{
    Diagnosis, Divergence, Foreign, Mode, Tensor, Tolerances, Trace, compare, diagnose,
    first_divergence,
};
use gpt2_weights::Gpt2Weights;
use serde::Serialize;

use crate::environment::sha256_of_file;
use crate::report::{Case, CheckpointRow, Verdict, agreement, made_by};
use crate::{Profile, ReferenceSource, RunnerError};

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
    /// Its SHA-256 in hex; `None` for a folder.
    pub ours_sha256: Option<String>,
    /// Who made it, as far as it says.
    pub ours_made_by: Vec<(String, String)>,
    /// How the names and shapes of a trace from elsewhere were read.
    pub notes: Vec<String>,
    /// Arrays of that trace that mean nothing here. They fail.
    pub unmatched: Vec<String>,
    /// The f64 run of the reference.
    pub truth: Option<PathBuf>,
    /// One row per checkpoint, in the order of the forward pass.
    pub checkpoints: Vec<CheckpointRow>,
    /// The reference: one case, in a list as in a [`crate::Validation`].
    pub cases: [Case; 1],
    /// The first value that leaves the reference, in the order of the forward pass.
    pub divergence: Option<Divergence>,
    /// With the model at hand: the first operation that is wrong by itself, held against what its own
    /// inputs should have given.
    pub isolated: Option<Divergence>,
    /// With the model at hand, and where something differs: the known mistakes that explain it.
    pub diagnosis: Option<Diagnosis>,
}

impl Comparison {
    /// The name and the version of the form of the JSON report.
    pub const SCHEMA: &'static str = "gpt2-comparison/2";

    /// Holds the trace `ours` against `reference`: what that holds is what is expected.
    ///
    /// `ours` may be from elsewhere, as [`Foreign::open`] reads it. With the `weights` of the model,
    /// a difference is followed to the operation that makes it, and to the mistake.
    ///
    /// # Errors
    ///
    /// [`RunnerError::Trace`] when a file cannot be read, [`RunnerError::DifferentRuns`] when both
    /// say which tokens or hidden states went in, or which weights made them, and differ;
    /// [`RunnerError::NothingToCompare`].
    pub fn of_files(
        ours: &Path,
        reference: &Path,
        truth: Option<&Path>,
        weights: Option<&Gpt2Weights>,
        tolerances: &Tolerances,
    ) -> Result<Comparison, RunnerError> {
        let mut trace = Trace::open(reference)?;
        let inputs = trace.take_inputs();
        let Foreign { trace: mut our_trace, mut notes, unmatched } = Foreign::open(ours, &trace)?;
        let mut truth_trace = truth.map(Trace::open).transpose()?;
        let both = [("ours", Some(&mut our_trace)), ("the f64 run", truth_trace.as_mut())];
        for (whose, other) in both {
            let Some(other) = other else { continue };
            same_run(other, &trace)?;
            let fed = other.take_inputs();
            if fed.is_empty() && !inputs.is_empty() {
                notes.push(format!("{whose} does not say `input`; taken to be the reference's"));
            } else {
                same_inputs(&fed, &inputs)?;
            }
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
        case.profile = Profile::new(&case.entries, &our_trace, &trace, tolerances);
        case.sha256 = sha256_of_file(reference);
        case.truth_sha256 = truth.and_then(sha256_of_file);
        let cases = [case];
        let checkpoints = CheckpointRow::all(&cases, tolerances, Verdict::NotCompared);
        let passes = cases[0].passes()
            && unmatched.is_empty()
            && checkpoints.iter().all(|row| row.verdict != Verdict::Fail);
        let first = |mode| first_divergence(&our_trace, &trace, mode, tolerances).divergence;
        let divergence = first(Mode::Cumulative);
        let differs = weights.filter(|_| divergence.is_some());
        Ok(Comparison {
            schema: Comparison::SCHEMA,
            version: env!("CARGO_PKG_VERSION"),
            verdict: Verdict::of(passes),
            ours: ours.to_owned(),
            ours_sha256: sha256_of_file(ours),
            ours_made_by: made_by(&our_trace),
            notes,
            unmatched,
            truth: truth.map(Path::to_owned),
            checkpoints,
            cases,
            isolated: differs.and_then(|weights| first(Mode::Isolated(weights))),
            diagnosis: differs.map(|weights| diagnose(&our_trace, weights, &trace, tolerances)),
            divergence,
        })
    }

    /// Where the two part, and why: titles with a sentence each, none where they do not.
    pub fn parting(&self) -> Vec<(&'static str, String)> {
        // The title says it already.
        let place = |it: &Divergence| it.to_string().replacen("first divergence: ", "", 1);
        let first = self.divergence.iter().map(|it| ("First divergence", place(it)));
        let title = "First operation that is wrong by itself, on its own inputs";
        let isolated = self.isolated.iter().map(|it| (title, place(it)));
        let diagnosis = self.diagnosis.iter().flat_map(Diagnosis::sentences);
        first.chain(isolated).chain(diagnosis.map(|it| ("Diagnosis", it))).collect()
    }

    /// The verdict in one sentence.
    pub fn sentence(&self) -> String {
        agreement(self.verdict, &self.checkpoints, "the reference")
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

/// Whether the hidden states that both were fed are the same, to the last bit.
fn same_inputs(
    ours: &BTreeMap<String, Tensor>,
    reference: &BTreeMap<String, Tensor>,
) -> Result<(), RunnerError> {
    let shape = |tensor: &Tensor| format!("of shape {:?}", tensor.shape());
    let or_missing = |tensor: Option<&Tensor>| tensor.map_or("missing".to_owned(), shape);
    for name in ours.keys().chain(reference.keys()) {
        let (a, b) = match (ours.get(name), reference.get(name)) {
            (Some(a), Some(b)) if a.shape() == b.shape() => {
                let mut pairs = a.values().zip(b.values()).enumerate();
                let Some((i, (x, y))) = pairs.find(|(_, (x, y))| x != y) else { continue };
                let index = a.index_of(i);
                (format!("{x:e} at {index:?}"), format!("{y:e} at {index:?}"))
            }
            (a, b) => (or_missing(a), or_missing(b)),
        };
        let (ours, reference) = (format!("`{name}` {a}"), format!("`{name}` {b}"));
        return Err(RunnerError::DifferentRuns { key: "input", ours, reference });
    }
    Ok(())
}
