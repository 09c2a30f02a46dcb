//! What the verdict of a validation is, and why.

use crate::Validation;
use crate::report::{Case, Verdict, agreement};

impl Validation {
    /// Sets the verdict and the problems after something was added.
    pub(crate) fn judge(&mut self) {
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

    /// The verdict in one sentence.
    pub fn sentence(&self) -> String {
        if self.verdict == Verdict::Pass && self.cases.is_empty() {
            return "Gives the answers that are known of it; there is no reference trace."
                .to_owned();
        }
        agreement(self.verdict, &self.checkpoints, "HuggingFace")
    }
}

fn problems(validation: &Validation, by_answers_alone: bool) -> Vec<String> {
    let Validation {
        model, cases, checkpoints, known_answers, determinism, negative_controls, ..
    } = validation;
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
    if let Some(determinism) = determinism
        && determinism.verdict == Verdict::Fail
    {
        problems.push(determinism.line());
    }
    if let Some(controls) = negative_controls
        && controls.verdict == Verdict::Fail
    {
        problems.push(controls.line());
    }
    problems
}

#[cfg(test)]
mod tests {
    use gpt2_model::Gpt2;
    use gpt2_trace::Tolerances;

    use super::*;
    use crate::{Determinism, Inspection, ModelSource, NegativeControls, Outcome, RunnerError};

    #[test]
    fn one_bit_that_differs_fails_and_so_does_one_mistake_that_is_not_caught()
    -> Result<(), RunnerError> {
        let source = ModelSource::Demo;
        let weights = source.weights()?;
        let model = Gpt2::new(&weights)?;
        let facts = Inspection::new("demo", &weights, None);
        let tolerances = Tolerances::builtin()?;
        let references = source.references()?;
        let passes = Validation::run(&model, &weights, facts, &references, &tolerances);
        assert_eq!(passes.verdict, Verdict::Pass, "{:?}", passes.problems);

        let mut determinism = Determinism::check(&model, &weights, &mut |_| {})?;
        let mut controls = NegativeControls::run(&tolerances, &mut |_| {})?;
        let all = passes
            .clone()
            .with_determinism(determinism.clone())
            .with_negative_controls(controls.clone());
        assert_eq!(all.verdict, Verdict::Pass, "{:?}", all.problems);

        determinism.ways[0].cells[0] = Outcome::Differs { logits: 9, differing: 1, max_abs: 0.0 };
        determinism.count();
        let fails = passes.clone().with_determinism(determinism);
        assert_eq!(fails.verdict, Verdict::Fail);
        assert!(fails.problems[0].starts_with("determinism: "), "{:?}", fails.problems);

        controls.verdict = Verdict::Fail;
        let fails = passes.with_negative_controls(controls);
        assert_eq!(fails.verdict, Verdict::Fail);
        assert!(fails.problems[0].starts_with("negative controls: "), "{:?}", fails.problems);
        Ok(())
    }
}
