use serde::Serialize;

use crate::compare::{Truth, Worst};
use crate::{Checkpoint, Entry, Tolerances, TruthTolerance};

/// One line of a report: everything compared at one checkpoint.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// The checkpoint.
    pub checkpoint: Checkpoint,
    /// How many tensors the references hold for it.
    pub expected: usize,
    /// How many of them could be compared.
    pub compared: usize,
    /// How many of them pass.
    pub passed: usize,
    /// How many numbers were compared.
    pub elements: usize,
    /// The largest absolute difference.
    pub max_abs: f64,
    /// The largest relative difference.
    pub max_rel: f64,
    /// The mean absolute difference over all elements.
    pub mean_abs: f64,
    /// The tensor that uses most of its tolerance.
    pub nearest_to_failing: Option<Nearest>,
    /// The distances to f64 over all elements of the checkpoint; `None` without an f64 reference.
    /// With a [`Truth::ratio`] below 1 we are nearer to the truth than the f32 reference.
    pub truth: Option<Truth>,
    /// The largest [`Truth::ours_rms`] that passes.
    pub truth_allowed: f64,
}

/// The tensor of a checkpoint that uses most of its tolerance.
#[derive(Clone, Debug, Serialize)]
pub struct Nearest {
    /// The trace it is from.
    pub case: String,
    /// Its name.
    pub name: String,
    /// Its largest absolute difference.
    pub max_abs: f64,
    /// What is allowed there.
    pub allowed: f64,
    /// Where, and both values.
    pub worst: Worst,
}

impl Nearest {
    /// How many times the difference fits into the tolerance; infinite for equality.
    pub fn margin(&self) -> f64 {
        if self.max_abs == 0.0 { f64::INFINITY } else { self.allowed / self.max_abs }
    }
}

impl Summary {
    /// Whether something was expected, all of it passed, and we are near enough to f64.
    pub fn passes(&self) -> bool {
        let near = self.truth.as_ref().is_none_or(|truth| truth.ours_rms <= self.truth_allowed);
        self.expected > 0 && self.passed == self.expected && near
    }

    /// Sums up every checkpoint over the entries of any number of named traces.
    pub fn of(cases: &[(&str, &[Entry])], tolerances: &Tolerances) -> Vec<Summary> {
        let summary = |checkpoint| Summary::of_one(checkpoint, cases, tolerances.truth());
        Checkpoint::ALL.into_iter().map(summary).collect()
    }

    fn of_one(
        checkpoint: Checkpoint,
        cases: &[(&str, &[Entry])],
        tolerance: &TruthTolerance,
    ) -> Summary {
        let mut summary = Summary {
            checkpoint,
            expected: 0,
            compared: 0,
            passed: 0,
            elements: 0,
            max_abs: 0.0,
            max_rel: 0.0,
            mean_abs: 0.0,
            nearest_to_failing: None,
            truth: None,
            truth_allowed: 0.0,
        };
        let (mut most_used, mut sum_abs, mut pool) = (-1.0, 0.0, Pool::default());
        for &(case, entries) in cases {
            for entry in entries.iter().filter(|entry| entry.checkpoint == Some(checkpoint)) {
                summary.expected += 1;
                summary.passed += usize::from(entry.passes());
                let Ok(difference) = &entry.result else { continue };
                summary.compared += 1;
                summary.elements += difference.elements;
                summary.max_abs = summary.max_abs.max(difference.max_abs);
                summary.max_rel = summary.max_rel.max(difference.max_rel);
                sum_abs += difference.mean_abs * difference.elements as f64;
                if difference.used() > most_used {
                    most_used = difference.used();
                    summary.nearest_to_failing = Some(Nearest {
                        case: case.to_owned(),
                        name: entry.name.clone(),
                        max_abs: difference.max_abs,
                        allowed: difference.allowed,
                        worst: difference.worst.clone(),
                    });
                }
                if let Some(truth) = &difference.truth {
                    pool.add(truth, difference.elements);
                }
            }
        }
        summary.mean_abs = sum_abs / summary.elements.max(1) as f64;
        if let Some(truth) = pool.truth() {
            summary.truth_allowed = tolerance.allowed(truth.reference_rms, truth.scale_rms);
            summary.truth = Some(truth);
        }
        summary
    }
}

/// Sums of squares over tensors.
#[derive(Default)]
struct Pool {
    elements: f64,
    ours: f64,
    reference: f64,
    scale: f64,
}

impl Pool {
    fn add(&mut self, truth: &Truth, elements: usize) {
        let n = elements as f64;
        self.elements += n;
        self.ours += n * truth.ours_rms.powi(2);
        self.reference += n * truth.reference_rms.powi(2);
        self.scale += n * truth.scale_rms.powi(2);
    }

    fn truth(&self) -> Option<Truth> {
        let rms = |sum: f64| (sum / self.elements).sqrt();
        (self.elements > 0.0).then(|| Truth {
            ours_rms: rms(self.ours),
            reference_rms: rms(self.reference),
            scale_rms: rms(self.scale),
        })
    }
}
