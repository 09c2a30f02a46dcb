use std::collections::BTreeSet;

use gpt2_model::Gpt2;
use gpt2_trace::{
    Recorder, Tolerances, Trace, compare, fingerprint, record, split_step, weights_differ,
};
use gpt2_weights::Gpt2Weights;
use serde::Serialize;

use crate::report::{Case, CheckpointRow, Verdict};
use crate::{Inspection, KnownResult, ReferenceSource, RunnerError};

/// A model run through every checkpoint and held against reference traces.
///
/// Serialised it is the JSON report; [`Validation::SCHEMA`] says which form it has. JSON has no
/// infinities: a number that is infinite or NaN is written as `null`.
#[derive(Clone, Debug, Serialize)]
pub struct Validation {
    /// [`Validation::SCHEMA`].
    pub schema: &'static str,
    /// The version of this crate.
    pub version: &'static str,
    /// Whether all is well.
    pub verdict: Verdict,
    /// Everything that is wrong besides numbers: references that cannot be used, weights that are
    /// not those of the reference, checkpoints of which nothing was compared.
    pub problems: Vec<String>,
    /// The model.
    pub model: Inspection,
    /// Who multiplied the matrices.
    pub backend: String,
    /// One row per checkpoint, in the order of the forward pass.
    pub checkpoints: Vec<CheckpointRow>,
    /// One case per reference.
    pub cases: Vec<Case>,
    /// What is known of this model from elsewhere, held against ours.
    pub known_answers: Vec<KnownResult>,
}

impl Validation {
    /// The name and the version of the form of the JSON report.
    pub const SCHEMA: &'static str = "gpt2-validation/1";

    /// Runs `model`, which was made from `weights`, over the tokens of every reference.
    ///
    /// Each reference must have been made from the same weights: it carries their SHA-256. What a
    /// reference holds and we lack, a checkpoint that no reference covers, a reference that cannot be
    /// read, and weights that are not finite are failures.
    ///
    /// ```
    /// use gpt2_model::Gpt2;
    /// use gpt2_runner::{Inspection, ModelSource, Validation, Verdict};
    /// use gpt2_trace::Tolerances;
    ///
    /// let source = ModelSource::Demo;
    /// let weights = source.weights()?;
    /// let model = Gpt2::new(&weights)?;
    /// let facts = Inspection::new("demo", &weights, None);
    /// let references = source.references()?;
    /// let validation = Validation::run(&model, &weights, facts, &references, &Tolerances::builtin()?);
    /// assert_eq!(validation.verdict, Verdict::Pass);
    /// # Ok::<(), gpt2_runner::RunnerError>(())
    /// ```
    pub fn run(
        model: &Gpt2,
        weights: &Gpt2Weights,
        facts: Inspection,
        references: &[ReferenceSource],
        tolerances: &Tolerances,
    ) -> Validation {
        let digests = fingerprint(weights.checkpoint());
        let mut cases = Vec::new();
        for reference in references {
            let mut case = Case::new(reference.name(), reference.path().map(Into::into));
            let checked = reference.read().map_err(RunnerError::from).and_then(|(trace, truth)| {
                case.describe(&trace, truth.as_ref());
                case.problems = provenance(&trace, truth.as_ref(), &digests);
                if case.problems.is_empty() {
                    let ours = record_like(model, &trace)?;
                    case.entries = compare(&ours, &trace, truth.as_ref(), tolerances);
                }
                Ok(())
            });
            if let Err(error) = checked {
                case.problems.push(error.to_string());
            }
            cases.push(case);
        }
        let checkpoints = CheckpointRow::all(&cases, tolerances, Verdict::Fail);
        let mut validation = Validation {
            schema: Validation::SCHEMA,
            version: env!("CARGO_PKG_VERSION"),
            verdict: Verdict::Fail,
            problems: Vec::new(),
            model: facts,
            backend: model.compute().backend().name().to_owned(),
            checkpoints,
            cases,
            known_answers: Vec::new(),
        };
        validation.judge();
        validation
    }

    /// Takes the known answers into the verdict: one that differs is a failure. One that could not be
    /// asked is none, and does not count as asked either.
    ///
    /// Without any reference, known answers that agree are enough to pass. The checkpoints then say
    /// [`Verdict::NotCompared`].
    #[must_use]
    pub fn with_known_answers(mut self, known_answers: Vec<KnownResult>) -> Self {
        self.known_answers = known_answers;
        self.judge();
        self
    }

    /// How many known answers agree, and how many could be asked.
    pub fn known_answers_asked(&self) -> (usize, usize) {
        let count = |verdict| self.known_answers.iter().filter(|it| it.verdict == verdict).count();
        (count(Verdict::Pass), count(Verdict::Pass) + count(Verdict::Fail))
    }

    fn judge(&mut self) {
        let (agree, asked) = self.known_answers_asked();
        let by_answers_alone = self.cases.is_empty() && asked > 0;
        if by_answers_alone {
            for row in &mut self.checkpoints {
                row.verdict = Verdict::NotCompared;
            }
        }
        self.problems = problems(self, by_answers_alone);
        let compared = by_answers_alone
            || self.cases.iter().all(Case::passes)
                && self.checkpoints.iter().all(|row| row.verdict == Verdict::Pass);
        self.verdict = Verdict::of(self.problems.is_empty() && compared && agree == asked);
    }
}

/// Whether a reference, and its f64 run, are of these weights and of one run.
fn provenance(
    trace: &Trace,
    truth: Option<&Trace>,
    ours: &std::collections::BTreeMap<String, String>,
) -> Vec<String> {
    let mut problems = Vec::new();
    match trace.weights() {
        Some(theirs) => problems.extend(weights_differ(ours, &theirs)),
        None => {
            problems.push("it does not say which weights made it (metadata `weights`)".to_owned())
        }
    }
    if trace.ids().is_none() {
        problems.push("it does not say which tokens went in (metadata `ids`)".to_owned());
    }
    if let Some(truth) = truth {
        for key in ["weights", "ids", "decode"] {
            if truth.metadata.get(key) != trace.metadata.get(key) {
                problems.push(format!("its f64 run is another one: metadata `{key}` differs"));
            }
        }
        // What the f64 run lacks is found by comparing; what it holds besides was lost here.
        for name in truth.tensors.keys().filter(|name| !trace.tensors.contains_key(*name)) {
            problems.push(format!("tensor `{name}` is missing, its f64 run has it"));
        }
    }
    problems
}

/// Our trace of the same tokens: what the reference holds, and what the check of the cache needs.
fn record_like(model: &Gpt2, reference: &Trace) -> Result<Trace, RunnerError> {
    let mut names: BTreeSet<String> = reference.tensors.keys().cloned().collect();
    for name in reference.tensors.keys() {
        let Some((step, site)) = split_step(name) else { continue };
        let Some((stem, kind)) = site.split_once(".cache.") else { continue };
        let at = |step: usize, site: &str| {
            if step == 0 { site.to_owned() } else { format!("step.{step}.{site}") }
        };
        names.insert(at(step, &format!("{stem}.{kind}")));
        if step > 0 {
            names.insert(at(step - 1, site));
        }
    }
    let ids = reference.ids().unwrap_or_default();
    Ok(record(model, &ids, reference.decode(), Recorder::only(names))?)
}

fn problems(validation: &Validation, by_answers_alone: bool) -> Vec<String> {
    let Validation { model, cases, checkpoints, known_answers, .. } = validation;
    let mut problems = Vec::new();
    for tensor in &model.non_finite {
        problems.push(format!(
            "weight `{}` has {} elements that are NaN or infinite",
            tensor.tensor, tensor.count
        ));
    }
    for answer in known_answers.iter().filter(|answer| answer.verdict == Verdict::Fail) {
        let why = answer.problem.as_deref().unwrap_or("it differs");
        problems.push(format!("known answer: {}: {why}", answer.name));
    }
    if cases.is_empty() && !by_answers_alone {
        problems.push("there is no reference to compare with".to_owned());
    }
    for case in cases {
        problems.extend(case.problems.iter().map(|problem| format!("{}: {problem}", case.name)));
        if case.problems.is_empty() && case.entries.is_empty() {
            problems.push(format!("{}: it holds no tensor", case.name));
        }
        for entry in case.entries.iter().filter(|entry| entry.checkpoint.is_none()) {
            problems.push(format!("{}: `{}` is not the name of any tap", case.name, entry.name));
        }
    }
    if !cases.is_empty() {
        for row in checkpoints.iter().filter(|row| row.summary.compared == 0) {
            problems.push(format!("{}: nothing was compared", row.title));
        }
    }
    problems
}
