use gpt2_weights::Gpt2Weights;

use super::Mistake;
use crate::arithmetic::Forms;
use crate::diagnose::distance::{distance, magnitude, rounding};
use crate::isolated::{Missing, Parameters, Place, Recompute, Tokens};
use crate::{Trace, TraceError};

/// The trace that an implementation with this mistake, fed the reference's own values at every
/// operation, would have given: what the mistake changes is recomputed from the inputs that
/// `reference` recorded, the rest is the reference's.
///
/// So a mistake stays at its own checkpoint; nothing after it is wrong because of it.
///
/// # Errors
///
/// [`TraceError::NotInjected`] when the mistake changes nothing that the reference recorded: a wrong
/// cache needs a decode step, a wrong mask more than one token.
pub fn inject(
    mistake: &Mistake,
    reference: &Trace,
    weights: &Gpt2Weights,
) -> Result<Trace, TraceError> {
    let right = Forms::right(weights.config());
    let wrong = mistake.added_to(&right);
    let (tokens, parameters) =
        (Tokens::of(reference).unwrap_or_default(), Parameters::new(weights));
    let [right, wrong] = [right, wrong]
        .map(|forms| Recompute::new(reference, &tokens, &parameters, forms, Missing::Refuse));
    let mut trace = reference.clone();
    let mut reason = "it changes nothing that the reference recorded".to_owned();
    let mut injected = 0;
    for (name, tensor) in &mut trace.tensors {
        let Some(place) = Place::parse(name).filter(|place| mistake.concerns(place.site)) else {
            continue;
        };
        match (right.tensor(place), wrong.tensor(place)) {
            (Ok(right), Ok(wrong)) if distance(&right, &wrong) <= rounding(magnitude(&right)) => {}
            (_, Ok(wrong)) => {
                *tensor = wrong;
                injected += 1;
            }
            // In one step, or in one block, it may make no difference.
            (_, Err(why)) => reason = format!("{name}: {why}"),
        }
    }
    if injected == 0 {
        return Err(TraceError::NotInjected { mistake: mistake.id, reason });
    }
    trace.metadata.insert("mistake".to_owned(), mistake.id.to_owned());
    Ok(trace)
}

/// The trace of a whole implementation with these mistakes: everything that `reference` recorded,
/// computed in f64 from the tokens up, each value flowing on. With no mistake it is the right one.
///
/// The tokens fed are those of the reference, whatever the mistakes would have chosen. A value that
/// cannot be computed with the mistakes (the logits before the last of a single token) is left out, as
/// such an implementation would have stopped there.
pub fn imitate(mistakes: &[&Mistake], reference: &Trace, weights: &Gpt2Weights) -> Trace {
    let right = Forms::right(weights.config());
    let forms = mistakes.iter().fold(right, |forms, mistake| mistake.added_to(&forms));
    let (tokens, parameters) =
        (Tokens::of(reference).unwrap_or_default(), Parameters::new(weights));
    let nothing = Trace::default();
    let recompute = Recompute::new(&nothing, &tokens, &parameters, forms, Missing::Recompute);
    let computed = reference.tensors.keys().filter_map(|name| {
        let tensor = recompute.tensor(Place::parse(name)?).ok()?;
        Some((name.clone(), tensor))
    });
    Trace { tensors: computed.collect(), metadata: reference.metadata.clone() }
}
