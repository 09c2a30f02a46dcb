use std::collections::BTreeSet;

use gpt2_model::Gpt2;
use gpt2_trace::{
    Recorder, Tolerances, Trace, compare, fingerprint, record, split_step, weights_differ,
};
use gpt2_weights::Gpt2Weights;
use serde::Serialize;

use crate::report::{Case, CheckpointRow, Verdict};
use crate::{
    Determinism, Environment, Inspection, KnownResult, NegativeControls, Profile, Progress,
    ReferenceSource, RunnerError, Watch,
};

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
    /// What was run on what.
    pub environment: Environment,
    /// That the way of computing changes no bit; `None` if it was not looked at.
    pub determinism: Option<Determinism>,
    /// That the comparison catches known mistakes; `None` if it was not looked at.
    pub negative_controls: Option<NegativeControls>,
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
        Validation::watched(model, weights, facts, references, tolerances, &mut |_| {})
    }

    /// [`Validation::run`], which tells `watch` which reference comes next.
    pub fn watched(
        model: &Gpt2,
        weights: &Gpt2Weights,
        facts: Inspection,
        references: &[ReferenceSource],
        tolerances: &Tolerances,
        watch: Watch<'_>,
    ) -> Validation {
        let digests = fingerprint(weights.checkpoint());
        let mut cases = Vec::new();
        for (done, reference) in references.iter().enumerate() {
            let now = format!("comparing with {}", reference.name());
            watch(Progress { done, total: references.len(), now: &now });
            let mut case = Case::new(reference.name(), reference.path().map(Into::into));
            (case.sha256, case.truth_sha256) = reference.digests();
            let checked = reference.read().map_err(RunnerError::from).and_then(|(trace, truth)| {
                case.describe(&trace, truth.as_ref());
                case.problems = provenance(&trace, truth.as_ref(), &digests);
                if case.problems.is_empty() {
                    let ours = record_like(model, &trace)?;
                    case.entries = compare(&ours, &trace, truth.as_ref(), tolerances);
                    case.profile = Profile::new(&case.entries, &ours, &trace, tolerances);
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
            environment: Environment::new(model.compute(), &digests),
            determinism: None,
            negative_controls: None,
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

    /// Takes what [`Determinism::check`] found into the verdict: a result that differs is a failure.
    #[must_use]
    pub fn with_determinism(mut self, determinism: Determinism) -> Self {
        self.determinism = Some(determinism);
        self.judge();
        self
    }

    /// Takes what [`NegativeControls::run`] found into the verdict: a mistake that was not caught, or
    /// not named, is a failure.
    #[must_use]
    pub fn with_negative_controls(mut self, controls: NegativeControls) -> Self {
        self.negative_controls = Some(controls);
        self.judge();
        self
    }

    /// How many known answers agree, and how many could be asked.
    pub fn known_answers_asked(&self) -> (usize, usize) {
        let count = |verdict| self.known_answers.iter().filter(|it| it.verdict == verdict).count();
        (count(Verdict::Pass), count(Verdict::Pass) + count(Verdict::Fail))
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
