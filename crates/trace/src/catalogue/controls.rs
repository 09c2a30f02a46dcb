use std::fmt;

use gpt2_weights::Gpt2Weights;
use serde::Serialize;

use super::{Mistake, catalogue, inject};
use crate::{Checkpoint, Tensor, Tolerances, Trace, compare, diagnose};

/// One mistake, injected.
#[derive(Clone, Debug, Serialize)]
pub struct Control {
    /// The mistake.
    #[serde(flatten)]
    pub mistake: &'static Mistake,
    /// Whether there is anything for it to be wrong in: another activation is no mistake where it is the config's.
    pub applies: bool,
    /// Whether comparing fails at the mistake's own checkpoint.
    pub caught: bool,
    /// Whether the diagnosis names it.
    pub named: bool,
    /// The mistakes that give the same numbers there, which no comparison can tell apart.
    pub same: Vec<&'static str>,
    /// What the diagnosis says, or why there is none.
    pub line: String,
}

/// The catalogue, injected one by one: the proof that the comparison catches what it should.
#[derive(Clone, Debug, Serialize)]
pub struct Controls {
    /// One for each mistake, in the order of the catalogue.
    pub controls: Vec<Control>,
}

impl Controls {
    /// How many mistakes there are that this model and this reference can be wrong in.
    pub fn applicable(&self) -> usize {
        self.controls.iter().filter(|control| control.applies).count()
    }

    /// How many were caught.
    pub fn caught(&self) -> usize {
        self.controls.iter().filter(|control| control.caught).count()
    }

    /// How many were named.
    pub fn named(&self) -> usize {
        self.controls.iter().filter(|control| control.named).count()
    }

    /// Whether all that apply were caught and named.
    pub fn pass(&self) -> bool {
        let n = self.applicable();
        n > 0 && self.caught() == n && self.named() == n
    }
}

/// `34/34 caught, 34/34 named`, and how many do not apply.
impl fmt::Display for Controls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let n = self.applicable();
        write!(f, "{}/{n} caught, {}/{n} named", self.caught(), self.named())?;
        match self.controls.len() - n {
            0 => Ok(()),
            1 => f.write_str(" (1 does not apply)"),
            others => write!(f, " ({others} do not apply)"),
        }
    }
}

/// Injects every mistake of the catalogue into the reference, holds the result against the reference
/// and has it diagnosed.
///
/// The reference should have several tokens, decode steps and every tap, or there is nothing for some
/// mistakes to be wrong in; those are counted apart, in the open.
pub fn controls(reference: &Trace, weights: &Gpt2Weights, tolerances: &Tolerances) -> Controls {
    let controls = catalogue().map(|mistake| control(mistake, reference, weights, tolerances));
    Controls { controls: controls.collect() }
}

fn control(
    mistake: &'static Mistake,
    reference: &Trace,
    weights: &Gpt2Weights,
    tolerances: &Tolerances,
) -> Control {
    let nothing = |line| Control {
        mistake,
        applies: true,
        caught: false,
        named: false,
        same: Vec::new(),
        line,
    };
    let mut theirs = match inject(mistake, reference, weights) {
        Ok(theirs) => theirs,
        Err(why) => return Control { applies: false, ..nothing(why.to_string()) },
    };
    for (name, tensor) in &mut theirs.tensors {
        if reference.tensors.get(name) != Some(tensor) {
            round_otherwise(name, tensor);
        }
    }
    let caught = compare(&theirs, reference, None, tolerances)
        .iter()
        .any(|entry| entry.checkpoint == Some(mistake.checkpoint) && !entry.passes());
    let diagnosis = diagnose(&theirs, weights, reference, tolerances);
    // One mistake was made: one must be found.
    let [finding] = diagnosis.findings.as_slice() else {
        return Control { caught, ..nothing(diagnosis.to_string()) };
    };
    let same = finding.explanations.iter().map(|explanation| explanation.mistake.id);
    Control {
        mistake,
        applies: true,
        caught,
        named: finding.names(mistake.id),
        same: same.filter(|id| *id != mistake.id).collect(),
        line: finding.to_string(),
    }
}

/// Moves each element as far as f32 rounding in another order may have, so that no diagnosis rests on
/// the catalogue having made the very bits. What is copied (embeddings, caches) is not rounded.
fn round_otherwise(name: &str, tensor: &mut Tensor) {
    let copied =
        matches!(Checkpoint::of(name), Some(Checkpoint::Embedding | Checkpoint::KvCache) | None);
    let Tensor::F32(x) = tensor else { return };
    if copied {
        return;
    }
    let largest = x.iter().filter(|x| x.is_finite()).fold(0.0_f32, |max, x| max.max(x.abs()));
    for (i, x) in x.iter_mut().enumerate() {
        // A multiplicative hash in place of a random number, in -1..1.
        let hash = (i as u32).wrapping_mul(2_654_435_761) >> 8;
        let noise = hash as f32 / (1 << 23) as f32 - 1.0;
        *x += noise * largest * f32::EPSILON;
    }
}
