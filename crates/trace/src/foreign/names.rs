use std::collections::BTreeMap;

use serde::Deserialize;

use crate::checkpoint::split_step;
use crate::{Place, TraceError};

/// The names that others give to our taps, `data/aliases.json`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Names {
    /// Dropped from the front of a name.
    prefixes: Vec<String>,
    /// Their name to ours; `{i}` is the block.
    aliases: BTreeMap<String, String>,
    /// Names that are known and that no tap records.
    without_counterpart: Vec<String>,
    /// What they call the tokens of the prompt.
    tokens: Vec<String>,
}

/// What a name means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// The tap of this name.
    Tap(String),
    /// The tokens of the prompt.
    Tokens,
    /// Known, and no tap.
    NoTap,
    /// Unknown.
    Unknown,
}

impl Names {
    pub(super) fn builtin() -> Result<Self, TraceError> {
        serde_json::from_str(include_str!("../../data/aliases.json")).map_err(|error| {
            TraceError::Format {
                source_name: "data/aliases.json".to_owned(),
                reason: error.to_string(),
            }
        })
    }

    /// What `name` means, with or without `step.{n}.` in front.
    pub(super) fn meaning(&self, name: &str) -> Meaning {
        if Place::parse(name).is_some() {
            return Meaning::Tap(name.to_owned());
        }
        let Some((step, mut name)) = split_step(name) else { return Meaning::Unknown };
        if step == 0 && self.tokens.iter().any(|tokens| tokens == name) {
            return Meaning::Tokens;
        }
        let longest = self.prefixes.iter().filter(|prefix| name.starts_with(prefix.as_str()));
        if let Some(prefix) = longest.max_by_key(|prefix| prefix.len()) {
            name = &name[prefix.len()..];
        }
        let ours = match (Place::parse(name), self.aliases.get(name)) {
            (Some(_), _) => Some(name.to_owned()),
            (None, Some(exact)) => Some(exact.clone()),
            (None, None) => self.aliases.iter().find_map(|(theirs, ours)| {
                block(theirs, name).map(|i| ours.replace("{i}", &i.to_string()))
            }),
        };
        match ours {
            Some(ours) if step == 0 => Meaning::Tap(ours),
            Some(ours) => Meaning::Tap(format!("step.{step}.{ours}")),
            None if self
                .without_counterpart
                .iter()
                .any(|pattern| pattern == name || block(pattern, name).is_some()) =>
            {
                Meaning::NoTap
            }
            None => Meaning::Unknown,
        }
    }
}

/// The number that stands in `name` where `pattern` has `{i}`.
fn block(pattern: &str, name: &str) -> Option<usize> {
    let (before, after) = pattern.split_once("{i}")?;
    name.strip_prefix(before)?.strip_suffix(after)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_others_mean_our_taps() {
        let names = Names::builtin().expect("the shipped file");
        let cases = [
            ("h.3.attn.q", "h.3.attn.q"),
            ("transformer.h.3.ln_1", "h.3.ln_1"),
            ("transformer.h.3", "h.3"),
            ("transformer.h.3.mlp.c_proj", "h.3.mlp"),
            ("transformer.drop", "embed"),
            ("lm_head", "logits"),
            ("blocks.0.hook_resid_pre", "embed"),
            ("blocks.11.hook_resid_post", "h.11"),
            ("blocks.2.attn.hook_pattern", "h.2.attn.weights"),
            ("present.4.value", "h.4.attn.cache.v"),
            ("step.2.transformer.h.0.mlp", "step.2.h.0.mlp"),
        ];
        for (theirs, ours) in cases {
            assert_eq!(names.meaning(theirs), Meaning::Tap(ours.to_owned()), "{theirs}");
        }
        assert_eq!(names.meaning("input_ids"), Meaning::Tokens);
        assert_eq!(names.meaning("blocks.3.hook_resid_pre"), Meaning::NoTap);
        assert_eq!(names.meaning("blocks.x.hook_resid_post"), Meaning::Unknown);
        assert_eq!(names.meaning("layer3"), Meaning::Unknown);
    }

    #[test]
    fn every_alias_leads_to_a_tap() {
        for ours in Names::builtin().expect("the shipped file").aliases.values() {
            assert!(Place::parse(&ours.replace("{i}", "1")).is_some(), "{ours}");
        }
    }
}
