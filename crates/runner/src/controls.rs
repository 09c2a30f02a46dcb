use gpt2_trace::{Control, Tolerances, controls};
use serde::Serialize;

use crate::report::Verdict;
use crate::{ModelSource, Progress, RunnerError, Watch};

/// The reference of the embedded model that has every tap, several tokens and several decode steps.
const REFERENCE: &str = "short";

/// Known mistakes, injected into the embedded model: the proof that a comparison that passes means
/// something.
#[derive(Clone, Debug, Serialize)]
pub struct NegativeControls {
    /// Whether every mistake was caught and named.
    pub verdict: Verdict,
    /// Which model and reference the mistakes were injected into.
    pub injected_into: String,
    /// How many mistakes there are that this model and reference can be wrong in.
    pub total: usize,
    /// How many there are besides.
    pub not_applicable: usize,
    /// How many failed the comparison at their own checkpoint.
    pub caught: usize,
    /// How many the diagnosis named.
    pub named: usize,
    /// One for each mistake.
    pub controls: Vec<Control>,
}

impl NegativeControls {
    /// Injects every mistake that `gpt2-trace` knows into the embedded model. They prove the comparison
    /// and not a model, so they take the same short time whatever model is validated.
    ///
    /// # Errors
    ///
    /// [`RunnerError`] when the embedded model cannot be read, which tests rule out.
    pub fn run(tolerances: &Tolerances, watch: Watch<'_>) -> Result<Self, RunnerError> {
        watch(Progress {
            done: 0,
            total: 1,
            now: "negative controls: known mistakes are injected",
        });
        let weights = ModelSource::Demo.weights()?;
        let mut run = NegativeControls {
            verdict: Verdict::Fail,
            injected_into: format!("demo, {REFERENCE}"),
            total: 0,
            not_applicable: 0,
            caught: 0,
            named: 0,
            controls: Vec::new(),
        };
        let references = ModelSource::Demo.references()?;
        if let Some(reference) = references.iter().find(|it| it.name() == REFERENCE) {
            let found = controls(&reference.read()?.0, &weights, tolerances);
            run.verdict = Verdict::of(found.pass());
            (run.caught, run.named) = (found.caught(), found.named());
            run.total = found.applicable();
            run.not_applicable = found.controls.len() - run.total;
            run.controls = found.controls;
        }
        Ok(run)
    }

    /// One line for a terminal.
    pub fn line(&self) -> String {
        let NegativeControls { total, not_applicable, caught, named, .. } = self;
        let besides = match not_applicable {
            0 => String::new(),
            n => format!(", {n} not applicable"),
        };
        format!("negative controls: {caught}/{total} caught, {named}/{total} named{besides}")
    }
}
