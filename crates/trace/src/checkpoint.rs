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
    /// 1: the LayerNorms.
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
