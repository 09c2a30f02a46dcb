//! A trace held against another.

mod layout;
mod summary;
mod tolerances;

pub use summary::{Nearest, Summary};
pub use tolerances::{Tolerance, Tolerances, TruthTolerance};

use serde::Serialize;

use crate::checkpoint::forward_order;
use crate::{Checkpoint, Tensor, Trace};

/// One tensor of the reference, held against ours.
#[derive(Clone, Debug, Serialize)]
pub struct Entry {
    /// The recorded name.
    pub name: String,
    /// The checkpoint it belongs to; `None` for a name that is not a tap.
    pub checkpoint: Option<Checkpoint>,
    /// How far apart they are, or why they could not be compared.
    pub result: Result<Difference, Problem>,
}

impl Entry {
    /// Whether the tensors were compared and are near enough.
    pub fn passes(&self) -> bool {
        self.result.as_ref().is_ok_and(Difference::passes)
    }
}

/// How far our tensor is from the reference.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// How many elements were compared.
    pub elements: usize,
    /// The largest `|ours - reference|`.
    pub max_abs: f64,
    /// The largest `|ours - reference|` relative to the larger of the two magnitudes.
    pub max_rel: f64,
    /// The mean `|ours - reference|`.
    pub mean_abs: f64,
    /// The largest `|ours - reference|` that the tolerance allows in this tensor.
    pub allowed: f64,
    /// Where the largest difference is.
    pub worst: Worst,
    /// Both distances to the f64 reference, where there is one.
    pub truth: Option<Truth>,
}

impl Difference {
    /// Whether every element is within the tolerance. Distances to f64 are judged over a whole
    /// checkpoint, by [`crate::Summary`]: one small tensor may be lucky.
    pub fn passes(&self) -> bool {
        self.max_abs <= self.allowed
    }

    /// The part of the tolerance that is used up: 0 is equality, above 1 fails.
    pub fn used(&self) -> f64 {
        if self.max_abs == 0.0 { 0.0 } else { self.max_abs / self.allowed }
    }
}

/// The element that differs most.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Worst {
    /// Its index in the tensor.
    pub index: Vec<usize>,
    /// Our value there.
    pub ours: f64,
    /// The reference's value there.
    pub reference: f64,
}

/// Who is nearer to the same weights run in f64.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Truth {
    /// Root mean square of ours minus f64.
    pub ours_rms: f64,
    /// Root mean square of the f32 reference minus f64.
    pub reference_rms: f64,
    /// Root mean square of f64 itself, where it is finite.
    pub scale_rms: f64,
}

impl Truth {
    /// Our error over the reference's, below 1 when we are nearer; `None` when the reference is
    /// exact.
    pub fn ratio(&self) -> Option<f64> {
        (self.reference_rms > 0.0).then(|| self.ours_rms / self.reference_rms)
    }
}

/// Why a tensor could not be compared. Each of them fails.
#[derive(Clone, Debug, PartialEq, Serialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Problem {
    /// We have no such tensor.
    #[error("missing from ours")]
    Missing,
    /// The f64 reference has no such tensor.
    #[error("missing from the f64 reference")]
    MissingTruth,
    /// The reference has a name that no tap has.
    #[error("not the name of any tap")]
    UnknownName,
    /// The shapes differ.
    #[error("shape {ours:?}, the reference has {reference:?}")]
    Shape {
        /// Of our tensor.
        ours: Vec<usize>,
        /// Of the reference.
        reference: Vec<usize>,
    },
    /// One holds token ids, the other activations.
    #[error("one holds token ids, the other activations")]
    Dtype,
    /// There is no element.
    #[error("no element to compare")]
    Empty,
    /// A NaN, in ours or in the reference.
    #[error("NaN at {index:?} of {whose}")]
    NotANumber {
        /// `ours`, `the reference`, `the f64 reference`.
        whose: &'static str,
        /// Where.
        index: Vec<usize>,
    },
    /// Our cache does not hold our own keys or values.
    #[error("cache row {position} is not, bit for bit, the {what} of that position")]
    CacheLayout {
        /// The position in the cache.
        position: usize,
        /// `key` or `value`.
        what: &'static str,
    },
}

/// Holds every tensor of `reference` against ours, in the order of the forward pass.
///
/// The reference says what is expected: what it holds and we lack is a failure, what we hold
/// besides is not looked at. `truth` is the same run in f64. Where ours holds a cache and its keys
/// and values, that each lies at its own position is checked bit for bit.
pub fn compare(
    ours: &Trace,
    reference: &Trace,
    truth: Option<&Trace>,
    tolerances: &Tolerances,
) -> Vec<Entry> {
    let mut entries: Vec<Entry> = reference
        .tensors
        .keys()
        .map(|name| Entry {
            name: name.clone(),
            checkpoint: Checkpoint::of(name),
            result: compare_one(name, ours, reference, truth, tolerances),
        })
        .collect();
    entries.sort_by_cached_key(|entry| forward_order(&entry.name));
    entries
}

fn compare_one(
    name: &str,
    ours: &Trace,
    reference: &Trace,
    truth: Option<&Trace>,
    tolerances: &Tolerances,
) -> Result<Difference, Problem> {
    let checkpoint = Checkpoint::of(name).ok_or(Problem::UnknownName)?;
    let a = ours.tensors.get(name).ok_or(Problem::Missing)?;
    let b = &reference.tensors[name];
    check_comparable(a, b)?;
    layout::check(ours, name)?;
    let mut difference = difference(a, b)?;
    difference.allowed = tolerances.of(checkpoint).allowed(max_magnitude(b));
    // Token ids of the f64 run may differ where two logits are nearly equal; they are no truth.
    if let (Some(truth), false) = (truth, matches!(b, Tensor::I64(_))) {
        let c = truth.tensors.get(name).ok_or(Problem::MissingTruth)?;
        check_comparable(c, b)?;
        difference.truth = Some(distances(a, b, c)?);
    }
    Ok(difference)
}

fn check_comparable(ours: &Tensor, reference: &Tensor) -> Result<(), Problem> {
    if ours.shape() != reference.shape() {
        let (ours, reference) = (ours.shape().to_vec(), reference.shape().to_vec());
        return Err(Problem::Shape { ours, reference });
    }
    if matches!(ours, Tensor::I64(_)) != matches!(reference, Tensor::I64(_)) {
        return Err(Problem::Dtype);
    }
    if ours.is_empty() {
        return Err(Problem::Empty);
    }
    Ok(())
}

/// Everything but the tolerance and the truth.
fn difference(ours: &Tensor, reference: &Tensor) -> Result<Difference, Problem> {
    let (mut sum, mut max_rel) = (0.0, 0.0_f64);
    let (mut worst, mut max_abs) = ((0, 0.0, 0.0), -1.0);
    for (i, (a, b)) in ours.values().zip(reference.values()).enumerate() {
        for (value, whose, tensor) in [(a, "ours", ours), (b, "the reference", reference)] {
            if value.is_nan() {
                return Err(Problem::NotANumber { whose, index: tensor.index_of(i) });
            }
        }
        let abs = difference_of((a, b)).abs();
        sum += abs;
        if abs > 0.0 {
            max_rel = max_rel.max(abs / a.abs().max(b.abs()));
        }
        if abs > max_abs {
            (max_abs, worst) = (abs, (i, a, b));
        }
    }
    Ok(Difference {
        elements: ours.len(),
        max_abs,
        max_rel,
        mean_abs: sum / ours.len() as f64,
        allowed: 0.0,
        worst: Worst { index: ours.index_of(worst.0), ours: worst.1, reference: worst.2 },
        truth: None,
    })
}

fn distances(ours: &Tensor, reference: &Tensor, truth: &Tensor) -> Result<Truth, Problem> {
    if let Some(i) = truth.values().position(f64::is_nan) {
        let (whose, index) = ("the f64 reference", truth.index_of(i));
        return Err(Problem::NotANumber { whose, index });
    }
    let to_truth = |tensor: &Tensor| rms(tensor.values().zip(truth.values()).map(difference_of));
    Ok(Truth {
        ours_rms: to_truth(ours),
        reference_rms: to_truth(reference),
        scale_rms: rms(truth.values().filter(|x| x.is_finite())),
    })
}

/// Equal infinities differ by 0, which subtracting them would not say.
fn difference_of((a, b): (f64, f64)) -> f64 {
    if a == b { 0.0 } else { a - b }
}

fn rms(values: impl Iterator<Item = f64>) -> f64 {
    let (n, sum) = values.fold((0, 0.0), |(n, sum), x| (n + 1, sum + x * x));
    if n == 0 { 0.0 } else { (sum / f64::from(n)).sqrt() }
}

fn max_magnitude(tensor: &Tensor) -> f64 {
    tensor.values().filter(|x| x.is_finite()).fold(0.0, |max, x| max.max(x.abs()))
}
