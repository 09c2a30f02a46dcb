//! That the way of computing does not change one bit of the result, shown on the model itself.

mod ways;

use gpt2_model::Gpt2;
use gpt2_tensor::{Backend, Compute, Isa};
use gpt2_weights::Gpt2Weights;
use serde::Serialize;

use crate::report::Verdict;
use crate::{Progress, RunnerError, Watch};
use ways::{Baseline, Way};

/// Models with more parameters run fewer tokens, and where the portable path is not the fast one, that
/// path only once.
const LARGE: usize = 20_000_000;
/// Models with more parameters are not copied: only the setup in use is checked.
const HUGE: usize = 400_000_000;
/// The numbers of threads with the fastest instructions.
const THREADS: [usize; 5] = [1, 2, 3, 4, 8];
/// The numbers of threads with the others.
const FEW_THREADS: [usize; 2] = [1, 3];

/// The same tokens computed in every way on every setup, each held bit for bit against one baseline.
#[derive(Clone, Debug, Serialize)]
pub struct Determinism {
    /// Whether every cell that was run is identical to the baseline.
    pub verdict: Verdict,
    /// What everything is held against.
    pub baseline: String,
    /// How many tokens were run.
    pub tokens: usize,
    /// How many cells were run.
    pub compared: usize,
    /// How many of them are identical.
    pub identical: usize,
    /// How many could not be run here, or would take too long; each says why.
    pub not_run: usize,
    /// The columns.
    pub setups: Vec<Setup>,
    /// The rows.
    pub ways: Vec<WayRow>,
}

/// Which instructions, on how many threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Setup {
    /// `avx512`, `avx2` or `portable`.
    pub isa: &'static str,
    /// How many threads.
    pub threads: usize,
}

/// One way of running the tokens, on every setup.
#[derive(Clone, Debug, Serialize)]
pub struct WayRow {
    /// Its name.
    pub name: &'static str,
    /// What is done.
    pub what: &'static str,
    /// One for each of [`Determinism::setups`].
    pub cells: Vec<Outcome>,
}

/// What came of one way on one setup.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "result", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Outcome {
    /// Every bit is the same.
    Identical {
        /// How many logits were compared.
        logits: usize,
    },
    /// Not every bit is.
    Differs {
        /// How many logits were compared.
        logits: usize,
        /// How many of them differ.
        differing: usize,
        /// The largest absolute difference.
        max_abs: f64,
    },
    /// It could not be run, or was left out.
    NotRun {
        /// Why.
        reason: String,
    },
}

impl Determinism {
    /// Runs a few tokens through `weights` in every way, on every setup of this CPU.
    ///
    /// Each setup needs its own copy of the weights, one at a time. Models above 400 million parameters
    /// are run on the setup of `model` alone; above 20 million with fewer tokens, and the portable path,
    /// where it is there for tests only, with one way alone. What is left out is in the result.
    ///
    /// With another backend than the native one nothing is run: it does not promise the same bits. The
    /// verdict is then [`Verdict::NotCompared`].
    ///
    /// ```
    /// use gpt2_model::Gpt2;
    /// use gpt2_runner::{Determinism, ModelSource, Verdict};
    ///
    /// let weights = ModelSource::Demo.weights()?;
    /// let determinism = Determinism::check(&Gpt2::new(&weights)?, &weights, &mut |_| {})?;
    /// assert_eq!(determinism.verdict, Verdict::Pass);
    /// assert_eq!(determinism.identical, determinism.compared);
    /// # Ok::<(), gpt2_runner::RunnerError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`RunnerError::Model`] when the model cannot be prepared or refuses the tokens.
    pub fn check(
        model: &Gpt2,
        weights: &Gpt2Weights,
        watch: Watch<'_>,
    ) -> Result<Self, RunnerError> {
        let parameters = parameters(weights);
        let n = if parameters > LARGE { 6 } else { 12 };
        let ids = tokens(n.min(model.config().n_positions), model.config().vocab_size);
        let mut matrix = Determinism {
            verdict: Verdict::NotCompared,
            baseline: String::new(),
            tokens: ids.len(),
            compared: 0,
            identical: 0,
            not_run: 0,
            setups: Vec::new(),
            ways: Way::ALL
                .map(|way| WayRow { name: way.name(), what: way.what(), cells: Vec::new() })
                .into(),
        };
        if model.compute().backend() != Backend::Native {
            let name = model.compute().backend().name();
            matrix.baseline = format!("none: the backend {name} does not promise the same bits");
            return Ok(matrix);
        }
        let own = (model.compute().isa(), model.compute().threads());
        let plan = if parameters > HUGE { vec![own] } else { plan() };
        let mut baseline = None;
        for (i, &(isa, threads)) in plan.iter().enumerate() {
            let now = format!("determinism: {}, threads: {threads}", isa.name());
            watch(Progress { done: i, total: plan.len(), now: &now });
            matrix.setups.push(Setup { isa: isa.name(), threads });
            if !isa.is_available() {
                matrix.not_run(&format!("this CPU has no {}", isa.name()));
                continue;
            }
            let copy;
            let model = if parameters > HUGE {
                model
            } else {
                let compute = Compute::builder().isa(isa).threads(threads).build();
                copy = Gpt2::with_compute(weights, compute.map_err(gpt2_model::ModelError::from)?)?;
                &copy
            };
            let baseline = match &mut baseline {
                Some(baseline) => baseline,
                none => {
                    let threads = if threads == 1 { "thread" } else { "threads" };
                    matrix.baseline = format!(
                        "the whole prompt at once, alone, {} on {} {threads}",
                        isa.name(),
                        model.compute().threads(),
                    );
                    none.insert(Baseline::new(model, ids.clone())?)
                }
            };
            let slow = isa == Isa::Portable && Isa::detect() != Isa::Portable && parameters > LARGE;
            for (row, way) in matrix.ways.iter_mut().zip(Way::ALL) {
                row.cells.push(if slow && way != Way::Whole {
                    Outcome::NotRun { reason: "too slow for a model of this size".to_owned() }
                } else {
                    way.run(model, baseline)?
                });
            }
        }
        matrix.count();
        Ok(matrix)
    }

    /// A column of which nothing can be run.
    fn not_run(&mut self, reason: &str) {
        for row in &mut self.ways {
            row.cells.push(Outcome::NotRun { reason: reason.to_owned() });
        }
    }

    pub(crate) fn count(&mut self) {
        let cells = || self.ways.iter().flat_map(|row| &row.cells);
        let all = cells().count();
        self.not_run = cells().filter(|cell| matches!(cell, Outcome::NotRun { .. })).count();
        self.identical = cells().filter(|cell| matches!(cell, Outcome::Identical { .. })).count();
        self.compared = all - self.not_run;
        self.verdict = Verdict::of(self.compared > 0 && self.identical == self.compared);
    }

    /// One line for a terminal.
    pub fn line(&self) -> String {
        let Determinism { identical, compared, not_run, .. } = self;
        if self.verdict == Verdict::NotCompared {
            return format!("determinism: not checked, {}", self.baseline);
        }
        let left_out = match not_run {
            0 => String::new(),
            n => format!(", {n} not run here"),
        };
        format!("determinism: {identical}/{compared} ways to compute give the same bits{left_out}")
    }
}

/// Setups in the order of the report. The first one is available.
fn plan() -> Vec<(Isa, usize)> {
    let fastest = Isa::detect();
    let others = Isa::ALL.iter().copied().filter(|isa| *isa != fastest);
    let others = others.flat_map(|isa| FEW_THREADS.map(|threads| (isa, threads)));
    THREADS.map(|threads| (fastest, threads)).into_iter().chain(others).collect()
}

fn parameters(weights: &Gpt2Weights) -> usize {
    let count =
        |name: &String| Some(weights.checkpoint().raw(name)?.shape.iter().product::<usize>());
    weights.names().filter_map(|name| count(&name)).sum()
}

/// Tokens from all over the vocabulary; no tokenizer is needed.
fn tokens(n: usize, vocab_size: usize) -> Vec<u32> {
    (0..n).map(|i| ((i * 7919 + 13) % vocab_size) as u32).collect()
}
