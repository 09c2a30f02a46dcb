use std::fmt;

use gpt2_model::Site;
use serde::Serialize;

use crate::Place;

/// Where an element of a recorded value is, in words of the model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Location {
    /// The position in the sequence, counted from its beginning.
    pub position: Option<usize>,
    /// The attention head.
    pub head: Option<usize>,
    /// For scores and weights: the position that is attended to.
    pub key: Option<usize>,
    /// The channel, within its head where there is one.
    pub channel: Option<usize>,
    /// For logits and probabilities: the token id.
    pub token: Option<usize>,
}

impl Location {
    /// The element at `index` of the value at `place`, whose pass came after `past` tokens.
    pub(crate) fn of(place: Place, index: &[usize], past: usize) -> Location {
        let mut location = Location::default();
        match (place.site, index) {
            (Site::Query(_) | Site::Key(_) | Site::Value(_), &[t, h, d]) => {
                (location.position, location.head) = (Some(past + t), Some(h));
                location.channel = Some(d);
            }
            (Site::CacheKey(_) | Site::CacheValue(_), &[s, h, d]) => {
                (location.position, location.head) = (Some(s), Some(h));
                location.channel = Some(d);
            }
            (Site::Scores(_) | Site::AttentionWeights(_), &[h, t, s]) => {
                (location.head, location.position) = (Some(h), Some(past + t));
                location.key = Some(s);
            }
            (Site::Logits, &[t, v]) => {
                (location.position, location.token) = (Some(past + t), Some(v));
            }
            (Site::LastLogits | Site::Probs, &[v]) => location.token = Some(v),
            (Site::Generated, &[n]) => location.position = Some(past + n),
            (_, &[t, c]) => (location.position, location.channel) = (Some(past + t), Some(c)),
            _ => {}
        }
        location
    }
}

/// `head 2, position 5, channel 17`, or nothing.
impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            ("head", self.head),
            ("position", self.position),
            ("key", self.key),
            ("channel", self.channel),
            ("token", self.token),
        ];
        let mut before = "";
        for (what, number) in parts {
            if let Some(number) = number {
                write!(f, "{before}{what} {number}")?;
                before = ", ";
            }
        }
        Ok(())
    }
}
