use std::fmt;

use gpt2_weights::Gpt2Weights;
use serde::Serialize;

use super::Location;
use crate::compare::Problem;
use crate::isolated::{Tokens, isolated};
use crate::{Checkpoint, Difference, Entry, Place, Tensor, Tolerances, Trace, compare};

/// Against what our values are held.
#[derive(Clone, Copy, Debug)]
pub enum Mode<'a> {
    /// The reference, as the values flowed: an operation fed wrong values is wrong too.
    Cumulative,
    /// What the right operation makes of our own inputs, on these weights: only the operations that
    /// are themselves wrong are found.
    Isolated(&'a Gpt2Weights),
}

/// The search for the first operation that is wrong.
#[derive(Clone, Debug, Serialize)]
pub struct Search {
    /// The first, if there is one.
    pub divergence: Option<Divergence>,
    /// How many values the reference holds.
    pub expected: usize,
    /// How many of them were compared.
    pub compared: usize,
    /// Those that were not, in the order of the forward pass, and why not.
    pub not_compared: Vec<(String, String)>,
}

impl Search {
    /// Whether everything was compared and nothing diverges.
    pub fn agrees(&self) -> bool {
        self.divergence.is_none() && self.expected > 0 && self.compared == self.expected
    }
}

/// The first operation whose values are beyond the tolerance.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Divergence {
    /// The recorded name.
    pub name: String,
    /// 0 for the prompt, `n` for the pass that feeds the `n`-th decoded token.
    pub step: usize,
    /// The block, if it is in one.
    pub block: Option<usize>,
    /// The name within the step and the block; `output` for that of a block itself.
    pub tap: String,
    /// The checkpoint.
    pub checkpoint: Option<Checkpoint>,
    /// What is wrong with it.
    pub what: Wrong,
    /// How many values before it were right.
    pub agreed: usize,
    /// The last of them.
    pub just_before: Option<Right>,
}

/// What is wrong with a value.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Wrong {
    /// Elements are too far from the reference.
    Values {
        /// Where it is farthest.
        location: Location,
        /// Our value there.
        ours: f64,
        /// The reference's value there.
        reference: f64,
        /// How far they are apart.
        difference: f64,
        /// How far they may be.
        allowed: f64,
        /// How many elements are farther than that.
        beyond: usize,
        /// How many there are.
        elements: usize,
    },
    /// It cannot be compared.
    NotComparable(Problem),
}

/// A value that was still right.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Right {
    /// Its name.
    pub name: String,
    /// Its largest difference.
    pub max_abs: f64,
    /// What is allowed there.
    pub allowed: f64,
}

/// Finds the first operation of `ours` that is wrong, in the order of the forward pass.
///
/// What ours does not hold, or what cannot be recomputed, is listed in [`Search::not_compared`].
pub fn first_divergence(
    ours: &Trace,
    reference: &Trace,
    mode: Mode<'_>,
    tolerances: &Tolerances,
) -> Search {
    let mut not_compared = Vec::new();
    let recomputed;
    let expected = match mode {
        Mode::Cumulative => reference,
        Mode::Isolated(weights) => {
            let isolated = isolated(&expected_of(ours, reference), weights);
            let why = isolated.not_computable.into_iter();
            not_compared.extend(why.map(|(name, why)| (name, why.to_string())));
            recomputed = isolated.trace;
            &recomputed
        }
    };
    let entries = compare(ours, expected, None, tolerances);
    let mut search = search(&entries, ours, expected);
    if let Mode::Isolated(_) = mode {
        for name in reference.tensors.keys().filter(|name| !ours.tensors.contains_key(*name)) {
            not_compared.push((name.clone(), Problem::Missing.to_string()));
        }
    }
    search.not_compared.append(&mut not_compared);
    search.expected = reference.tensors.len();
    search
}

/// Of ours, what the reference holds too; with the reference's tokens if ours does not say.
fn expected_of(ours: &Trace, reference: &Trace) -> Trace {
    let mut trace = ours.clone();
    if trace.ids().is_none() {
        trace.metadata.clone_from(&reference.metadata);
    }
    trace
}

/// The first entry that is wrong, among those of `expected` that ours holds.
pub(super) fn search(entries: &[Entry], ours: &Trace, expected: &Trace) -> Search {
    let mut search =
        Search { divergence: None, expected: entries.len(), compared: 0, not_compared: Vec::new() };
    let (mut agreed, mut just_before) = (0, None);
    for entry in entries {
        let what = match &entry.result {
            Err(problem @ Problem::Missing) => {
                search.not_compared.push((entry.name.clone(), problem.to_string()));
                continue;
            }
            Err(problem) => Wrong::NotComparable(problem.clone()),
            Ok(difference) => {
                search.compared += 1;
                if entry.passes() {
                    if search.divergence.is_none() {
                        agreed += 1;
                        just_before = Some(Right {
                            name: entry.name.clone(),
                            max_abs: difference.max_abs,
                            allowed: difference.allowed,
                        });
                    }
                    continue;
                }
                wrong_values(entry, difference, ours, expected)
            }
        };
        if search.divergence.is_none() {
            search.divergence = Some(divergence(entry, what, agreed, just_before.take()));
        }
    }
    search
}

fn divergence(entry: &Entry, what: Wrong, agreed: usize, just_before: Option<Right>) -> Divergence {
    let place = Place::parse(&entry.name);
    let block = place.and_then(Place::block);
    let site = place.map_or(entry.name.clone(), |place| place.site.to_string());
    let tap = match block {
        Some(i) => match site.strip_prefix(&format!("h.{i}.")) {
            Some(tap) => tap.to_owned(),
            None => "output".to_owned(),
        },
        None => site,
    };
    Divergence {
        name: entry.name.clone(),
        step: place.map_or(0, |place| place.step),
        block,
        tap,
        checkpoint: entry.checkpoint,
        what,
        agreed,
        just_before,
    }
}

fn wrong_values(entry: &Entry, difference: &Difference, ours: &Trace, expected: &Trace) -> Wrong {
    let beyond = match (ours.tensors.get(&entry.name), expected.tensors.get(&entry.name)) {
        (Some(a), Some(b)) => beyond(a, b, difference.allowed),
        _ => 0,
    };
    let tokens = Tokens::of(expected).or_else(|| Tokens::of(ours)).unwrap_or_default();
    let location = Place::parse(&entry.name).map_or(Location::default(), |place| {
        Location::of(place, &difference.worst.index, tokens.past(place.step))
    });
    Wrong::Values {
        location,
        ours: difference.worst.ours,
        reference: difference.worst.reference,
        difference: difference.max_abs,
        allowed: difference.allowed,
        beyond,
        elements: difference.elements,
    }
}

fn beyond(a: &Tensor, b: &Tensor, allowed: f64) -> usize {
    let far = |&(a, b): &(f64, f64)| a != b && (a - b).abs() > allowed;
    a.values().zip(b.values()).filter(far).count()
}

impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "first divergence: {} (step {}", self.name, self.step)?;
        if let Some(block) = self.block {
            write!(f, ", block {block}")?;
        }
        write!(f, ", {})", self.tap)?;
        match &self.what {
            Wrong::NotComparable(problem) => write!(f, ": {problem}")?,
            Wrong::Values { location, ours, reference, difference, allowed, beyond, elements } => {
                write!(
                    f,
                    " at {location}: ours {ours:.8e}, reference {reference:.8e}, difference \
                     {difference:.1e}, tolerance {allowed:.1e}; {beyond} of {elements} values are \
                     beyond it"
                )?;
            }
        }
        match &self.just_before {
            Some(right) => write!(
                f,
                ". Just before, {} was right (difference {:.1e}, tolerance {:.1e}), as were all {} \
                 values up to there",
                right.name, right.max_abs, right.allowed, self.agreed
            ),
            None => f.write_str(". Nothing was compared before it"),
        }
    }
}
