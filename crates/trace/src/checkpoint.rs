use std::fmt;

use serde::{Deserialize, Serialize};

/// The stages of the forward pass at which implementations are compared.
///
/// Twelve are numbered; the token embedding and the attention weights, which feed them, are
/// compared as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Checkpoint {
    /// Token plus position embedding; not numbered.
    Embedding,
    /// 1: every LayerNorm.
    LayerNorm,
    /// 2: queries, keys and values.
    QkvProjection,
    /// 3: everything the key-value cache holds.
    KvCache,
    /// 4: scaled scores before the softmax.
    AttentionScores,
    /// Attention weights after the softmax; not numbered.
    AttentionWeights,
    /// 5: attention after its output projection.
    AttentionOutput,
    /// 6: the feed-forward network.
    FfnOutput,
    /// 7: the residual stream after each block.
    BlockOutput,
    /// 8: logits of every position.
    FullLogits,
    /// 9: logits of the last position.
    SelectedLogits,
    /// 10: the most likely token.
    Argmax,
    /// 11: the distribution over the next token.
    Probabilities,
    /// 12: greedy decoding through the cache.
    EndToEnd,
}

impl Checkpoint {
    /// In the order of the forward pass.
    pub const ALL: [Checkpoint; 14] = [
        Checkpoint::Embedding,
        Checkpoint::LayerNorm,
        Checkpoint::QkvProjection,
        Checkpoint::KvCache,
        Checkpoint::AttentionScores,
        Checkpoint::AttentionWeights,
        Checkpoint::AttentionOutput,
        Checkpoint::FfnOutput,
        Checkpoint::BlockOutput,
        Checkpoint::FullLogits,
        Checkpoint::SelectedLogits,
        Checkpoint::Argmax,
        Checkpoint::Probabilities,
        Checkpoint::EndToEnd,
    ];

    /// 1 to 12, or `None` for the two that only feed a numbered one.
    pub fn number(self) -> Option<usize> {
        let numbered =
            |c: &Checkpoint| !matches!(c, Checkpoint::Embedding | Checkpoint::AttentionWeights);
        let before = Checkpoint::ALL.into_iter().filter(numbered).position(|c| c == self);
        before.map(|position| position + 1)
    }

    /// The checkpoint that a recorded name belongs to, or `None` for a name that is not a tap.
    pub fn of(name: &str) -> Option<Checkpoint> {
        let site = split_step(name)?.1;
        let part = match site.strip_prefix("h.") {
            None => site,
            Some(rest) => {
                let (block, part) = rest.split_once('.').unwrap_or((rest, ""));
                block.parse::<usize>().ok()?;
                part
            }
        };
        Some(match (part, site.starts_with("h.")) {
            ("embed", false) => Checkpoint::Embedding,
            ("ln_1" | "ln_2", true) | ("ln_f", false) => Checkpoint::LayerNorm,
            ("attn.q" | "attn.k" | "attn.v", true) => Checkpoint::QkvProjection,
            ("attn.cache.k" | "attn.cache.v", true) => Checkpoint::KvCache,
            ("attn.scores", true) => Checkpoint::AttentionScores,
            ("attn.weights", true) => Checkpoint::AttentionWeights,
            ("attn", true) => Checkpoint::AttentionOutput,
            ("mlp", true) => Checkpoint::FfnOutput,
            ("", true) => Checkpoint::BlockOutput,
            ("logits", false) => Checkpoint::FullLogits,
            ("logits.last", false) => Checkpoint::SelectedLogits,
            ("argmax", false) => Checkpoint::Argmax,
            ("probs", false) => Checkpoint::Probabilities,
            ("generated", false) => Checkpoint::EndToEnd,
            _ => return None,
        })
    }
}

/// The decode step of a recorded name (0 for the prompt), and the name within the step.
pub fn split_step(name: &str) -> Option<(usize, &str)> {
    match name.strip_prefix("step.") {
        None => Some((0, name)),
        Some(rest) => {
            let (step, site) = rest.split_once('.')?;
            Some((step.parse().ok()?, site))
        }
    }
}

/// Sorts recorded names as the forward pass computes them: step, block, place in the block.
pub(crate) fn forward_order(name: &str) -> (usize, usize, usize, String) {
    const IN_BLOCK: [&str; 12] = [
        "ln_1",
        "attn.q",
        "attn.k",
        "attn.v",
        "attn.cache.k",
        "attn.cache.v",
        "attn.scores",
        "attn.weights",
        "attn",
        "ln_2",
        "mlp",
        "",
    ];
    let last = usize::MAX;
    let (step, site) = split_step(name).unwrap_or((last, name));
    let (block, part) = match site.strip_prefix("h.") {
        Some(rest) => {
            let (block, part) = rest.split_once('.').unwrap_or((rest, ""));
            let place = IN_BLOCK.iter().position(|known| *known == part);
            (block.parse().unwrap_or(last), place.unwrap_or(last))
        }
        None => match Checkpoint::of(site) {
            Some(Checkpoint::Embedding) => (0, 0),
            Some(Checkpoint::EndToEnd) => return (last, last, last, name.to_owned()),
            Some(checkpoint) => (last, checkpoint as usize),
            None => (last, last),
        },
    };
    // `embed` comes before `h.0`.
    (step, if site == "embed" { 0 } else { block.saturating_add(1) }, part, name.to_owned())
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Checkpoint::Embedding => "Embedding",
            Checkpoint::LayerNorm => "LayerNorm",
            Checkpoint::QkvProjection => "QKV projection",
            Checkpoint::KvCache => "KV cache",
            Checkpoint::AttentionScores => "Attention scores",
            Checkpoint::AttentionWeights => "Attention weights",
            Checkpoint::AttentionOutput => "Attention output",
            Checkpoint::FfnOutput => "FFN output",
            Checkpoint::BlockOutput => "Block output",
            Checkpoint::FullLogits => "Full logits",
            Checkpoint::SelectedLogits => "Selected logits",
            Checkpoint::Argmax => "Argmax",
            Checkpoint::Probabilities => "Softmax probabilities",
            Checkpoint::EndToEnd => "End to end",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twelve_checkpoints_are_numbered_in_order() {
        let numbers: Vec<_> = Checkpoint::ALL.into_iter().filter_map(Checkpoint::number).collect();
        assert_eq!(numbers, (1..=12).collect::<Vec<_>>());
        assert_eq!(Checkpoint::LayerNorm.number(), Some(1));
        assert_eq!(Checkpoint::EndToEnd.number(), Some(12));
        assert_eq!(Checkpoint::Embedding.number(), None);
        assert_eq!(Checkpoint::AttentionWeights.number(), None);
    }

    #[test]
    fn names_belong_to_their_checkpoint_in_every_step() {
        let cases = [
            ("embed", Checkpoint::Embedding),
            ("h.0.ln_1", Checkpoint::LayerNorm),
            ("h.11.ln_2", Checkpoint::LayerNorm),
            ("ln_f", Checkpoint::LayerNorm),
            ("h.0.attn.q", Checkpoint::QkvProjection),
            ("h.0.attn.cache.v", Checkpoint::KvCache),
            ("h.0.attn.scores", Checkpoint::AttentionScores),
            ("h.0.attn.weights", Checkpoint::AttentionWeights),
            ("h.0.attn", Checkpoint::AttentionOutput),
            ("h.0.mlp", Checkpoint::FfnOutput),
            ("h.0", Checkpoint::BlockOutput),
            ("logits", Checkpoint::FullLogits),
            ("logits.last", Checkpoint::SelectedLogits),
            ("argmax", Checkpoint::Argmax),
            ("probs", Checkpoint::Probabilities),
            ("generated", Checkpoint::EndToEnd),
        ];
        for (name, checkpoint) in cases {
            assert_eq!(Checkpoint::of(name), Some(checkpoint), "{name}");
            assert_eq!(Checkpoint::of(&format!("step.3.{name}")), Some(checkpoint), "{name}");
        }
        for name in
            ["", "h", "h.", "h.x", "h.0.ln_3", "ln_1", "h.0.logits", "step.ln_f", "step.x.ln_f"]
        {
            assert_eq!(Checkpoint::of(name), None, "{name}");
        }
    }

    #[test]
    fn names_sort_as_the_forward_pass_computes_them() {
        let expected = [
            "embed",
            "h.0.ln_1",
            "h.0.attn.q",
            "h.0.attn.k",
            "h.0.attn.v",
            "h.0.attn.cache.k",
            "h.0.attn.cache.v",
            "h.0.attn.scores",
            "h.0.attn.weights",
            "h.0.attn",
            "h.0.ln_2",
            "h.0.mlp",
            "h.0",
            "h.2.ln_1",
            "h.10.ln_1",
            "ln_f",
            "logits",
            "logits.last",
            "argmax",
            "probs",
            "step.1.embed",
            "step.1.h.0",
            "step.10.embed",
            "generated",
        ];
        let mut names = expected;
        names.reverse();
        names.sort_by_cached_key(|name| forward_order(name));
        assert_eq!(names, expected);
    }
}
