use std::collections::BTreeSet;

use gpt2_model::Site;

use super::distance::{distance, magnitude, rounding};
use super::{Explanation, Finding};
use crate::arithmetic::Forms;
use crate::isolated::{Missing, Parameters, Recompute, Tokens};
use crate::{Checkpoint, Mistake, Place, Tensor, Tolerances, Trace, catalogue};

/// How many near misses are shown.
const CLOSEST: usize = 3;
/// A mistake explains values that are this many times nearer to it than to the right answer.
const NEARER: f64 = 10.0;

/// Everything that an explanation is sought in.
pub(super) struct Case<'a> {
    pub(super) theirs: &'a Trace,
    pub(super) reference: &'a Trace,
    pub(super) weights: Parameters<'a>,
    pub(super) tolerances: &'a Tolerances,
    pub(super) tokens: Tokens,
    pub(super) reference_tokens: Tokens,
}

/// How far values are from an operation done in some way.
struct Tried {
    /// Over all values that the operation gives at once.
    distance: f64,
    /// How far they may be.
    allowed: f64,
}

impl<'a> Case<'a> {
    /// Their inputs first, then the reference's: a trace may be wrong in one operation alone.
    fn recomputations(&self, forms: &Forms) -> [Recompute<'_, 'a>; 2] {
        [(self.theirs, &self.tokens), (self.reference, &self.reference_tokens)].map(
            |(trace, tokens)| {
                Recompute::new(trace, tokens, &self.weights, forms.clone(), Missing::Recompute)
            },
        )
    }

    /// Holds their values at `places`, which one operation gives, against it done with `forms`:
    /// the nearer of both choices of inputs. `None` if it cannot be computed.
    fn try_forms(&self, places: &[Place], forms: &Forms) -> Option<(Tried, BTreeSet<Place>)> {
        let mut best: Option<Tried> = None;
        let mut used = BTreeSet::new();
        for recompute in self.recomputations(forms) {
            let mut tried = Tried { distance: 0.0, allowed: 0.0 };
            let mut complete = true;
            for &place in places {
                match (self.theirs.tensors.get(&place.to_string()), recompute.tensor(place)) {
                    (Some(theirs), Ok(expected)) => {
                        tried.distance = tried.distance.max(distance(theirs, &expected));
                        let allowed = self.allowed(place, &expected, forms);
                        tried.allowed = tried.allowed.max(allowed);
                    }
                    _ => complete = false,
                }
            }
            used.extend(recompute.recomputed());
            if complete && best.as_ref().is_none_or(|best| tried.distance < best.distance) {
                let near = tried.distance <= tried.allowed;
                best = Some(tried);
                if near {
                    break;
                }
            }
        }
        best.map(|best| (best, used))
    }

    fn allowed(&self, place: Place, expected: &Tensor, forms: &Forms) -> f64 {
        let magnitude = magnitude(expected);
        let tolerance = Checkpoint::of(&place.to_string())
            .map_or(0.0, |checkpoint| self.tolerances.of(checkpoint).allowed(magnitude));
        tolerance.max(rounding(magnitude)) + forms.precision.slack() * magnitude
    }

    /// Explains their value at `place`, done with `forms` as far as is known: `None` if that is
    /// already near enough, or if the operation cannot be recomputed.
    pub(super) fn explain(&self, place: Place, forms: &Forms) -> Option<Finding> {
        let name = place.to_string();
        let checkpoint = Checkpoint::of(&name)?;
        let places = self.siblings(place);
        let (right, used) = self.try_forms(&places, forms)?;
        if right.distance <= right.allowed {
            return None;
        }
        let concerned = |mistake: &&Mistake| used.iter().any(|place| mistake.concerns(place.site));
        let mut tried: Vec<(Explanation, bool)> = catalogue()
            .filter(concerned)
            .filter_map(|mistake| {
                let (tried, _) = self.try_forms(&places, &mistake.added_to(forms))?;
                let distance = tried.distance;
                let explains = distance <= tried.allowed && NEARER * distance <= right.distance;
                Some((Explanation { mistake, distance }, explains))
            })
            .collect();
        tried.sort_by(|(a, _), (b, _)| a.distance.total_cmp(&b.distance));
        let best = tried.iter().find(|(_, explains)| *explains).map(|(best, _)| best.distance);
        let floor = rounding(self.theirs.tensors.get(&name).map_or(0.0, magnitude));
        let same = |distance: f64| best.is_some_and(|best| distance <= (2.0 * best).max(floor));
        let explanations: Vec<Explanation> = tried
            .iter()
            .filter(|(tried, explains)| *explains && same(tried.distance))
            .map(|(tried, _)| *tried)
            .collect();
        let closest = if explanations.is_empty() { CLOSEST } else { 0 };
        Some(Finding {
            name,
            checkpoint,
            distance: right.distance,
            allowed: right.allowed,
            explanations,
            closest: tried.into_iter().take(closest).map(|(tried, _)| tried).collect(),
        })
    }

    /// The values that the operation of `place` gives at once and that they recorded: one of them
    /// alone may not tell two mistakes apart.
    fn siblings(&self, place: Place) -> Vec<Place> {
        let sites = match place.site {
            Site::Query(i) | Site::Key(i) | Site::Value(i) => {
                vec![Site::Query(i), Site::Key(i), Site::Value(i)]
            }
            Site::CacheKey(i) | Site::CacheValue(i) => vec![Site::CacheKey(i), Site::CacheValue(i)],
            site => vec![site],
        };
        let places = sites.into_iter().map(|site| place.at(site));
        places.filter(|place| self.theirs.tensors.contains_key(&place.to_string())).collect()
    }
}
