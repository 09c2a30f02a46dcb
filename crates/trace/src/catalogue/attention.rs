//! Mistakes of attention, from the scores to the output projection.

use super::{Mistake, mistake, sites};
use crate::Checkpoint;
use crate::arithmetic::{Mask, Scale, SoftmaxForm};

pub(super) const ATTENTION: &[Mistake] = &[
    // Scores.
    mistake(
        "scale-missing",
        Checkpoint::AttentionScores,
        sites::scores,
        "scores that are not scaled",
        |f| f.scale = Scale::One,
    ),
    mistake(
        "scale-by-head-dim",
        Checkpoint::AttentionScores,
        sites::scores,
        "scores divided by head_dim in place of its root",
        |f| f.scale = Scale::HeadDim,
    ),
    mistake(
        "scale-by-root-width",
        Checkpoint::AttentionScores,
        sites::scores,
        "scores divided by sqrt(n_embd) in place of sqrt(head_dim)",
        |f| f.scale = Scale::RootWidth,
    ),
    mistake(
        "scaled-twice",
        Checkpoint::AttentionScores,
        sites::scores,
        "scores scaled twice",
        |f| f.scale = Scale::RootHeadDimTwice,
    ),
    mistake(
        "scale-by-block",
        Checkpoint::AttentionScores,
        sites::later_scores,
        "scores with scale_attn_by_inverse_layer_idx the wrong way round",
        |f| f.scale_by_block = !f.scale_by_block,
    ),
    mistake(
        "mask-missing",
        Checkpoint::AttentionScores,
        sites::scores,
        "scores without the causal mask",
        |f| f.mask = Mask::Missing,
    ),
    mistake(
        "mask-off-by-one",
        Checkpoint::AttentionScores,
        sites::scores,
        "scores with a mask off by one: each position sees the next",
        |f| f.mask = Mask::SeesNext,
    ),
    mistake(
        "mask-hides-self",
        Checkpoint::AttentionScores,
        sites::scores,
        "scores with a mask off by one: no position sees itself",
        |f| f.mask = Mask::HidesSelf,
    ),
    mistake(
        "mask-additive",
        Checkpoint::AttentionScores,
        sites::scores,
        "scores masked by adding -1e4 in place of -inf",
        |f| f.mask = Mask::Additive,
    ),
    // Weights.
    mistake(
        "mask-after-softmax",
        Checkpoint::AttentionWeights,
        sites::weights,
        "weights masked after the softmax: rows do not sum to 1",
        |f| f.softmax = SoftmaxForm::MaskedAfter,
    ),
    mistake(
        "softmax-over-queries",
        Checkpoint::AttentionWeights,
        sites::weights,
        "a softmax over the queries in place of the keys",
        |f| f.softmax = SoftmaxForm::OverQueries,
    ),
    // Attention output.
    mistake(
        "heads-not-transposed",
        Checkpoint::AttentionOutput,
        sites::attention,
        "the attention with heads merged without transposing [H, T, D]",
        |f| f.heads_transposed = false,
    ),
    mistake(
        "attention-projection-missing",
        Checkpoint::AttentionOutput,
        sites::attention,
        "the attention without its output projection",
        |f| f.attn_projected = false,
    ),
    mistake(
        "attention-projection-transposed",
        Checkpoint::AttentionOutput,
        sites::attention,
        "the attention with its output projection transposed",
        |f| f.attn_c_proj.transposed = true,
    ),
    mistake(
        "attention-bias-missing",
        Checkpoint::AttentionOutput,
        sites::attention,
        "the attention without the bias of its output projection",
        |f| f.attn_c_proj.bias = false,
    ),
];
