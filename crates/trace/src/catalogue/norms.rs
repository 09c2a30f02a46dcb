//! Mistakes of the embedding and of every LayerNorm.

use super::{Mistake, mistake, sites};
use crate::Checkpoint;
use crate::arithmetic::{Epsilon, Positions};

pub(super) const NORMS: &[Mistake] = &[
    // Embedding.
    mistake(
        "position-from-one",
        Checkpoint::Embedding,
        sites::embed,
        "the embedding with positions counted from 1",
        |f| f.positions = Positions::FromOne,
    ),
    mistake(
        "position-restarted",
        Checkpoint::Embedding,
        sites::embed,
        "the embedding with positions that restart at 0 in every decode step",
        |f| f.positions = Positions::Restarted,
    ),
    mistake(
        "position-missing",
        Checkpoint::Embedding,
        sites::embed,
        "the token embedding alone, without positions",
        |f| f.positions = Positions::Missing,
    ),
    mistake(
        "token-scaled",
        Checkpoint::Embedding,
        sites::embed,
        "the embedding with tokens multiplied by sqrt(n_embd), as in the original Transformer",
        |f| f.tokens_scaled = true,
    ),
    // LayerNorm.
    mistake(
        "unbiased-variance",
        Checkpoint::LayerNorm,
        sites::norms,
        "LayerNorm with the unbiased variance (divides by N-1)",
        |f| f.norm.degrees = 1.0,
    ),
    mistake(
        "epsilon-missing",
        Checkpoint::LayerNorm,
        sites::norms,
        "LayerNorm without its epsilon",
        |f| f.norm.epsilon = Epsilon::Inside(0.0),
    ),
    mistake(
        "epsilon-1e-6",
        Checkpoint::LayerNorm,
        sites::norms,
        "LayerNorm with epsilon 1e-6",
        |f| f.norm.epsilon = Epsilon::Inside(1e-6),
    ),
    mistake(
        "epsilon-1e-12",
        Checkpoint::LayerNorm,
        sites::norms,
        "LayerNorm with epsilon 1e-12",
        |f| f.norm.epsilon = Epsilon::Inside(1e-12),
    ),
    mistake(
        "epsilon-outside",
        Checkpoint::LayerNorm,
        sites::norms,
        "LayerNorm with epsilon added outside the root",
        |f| f.norm.epsilon = f.norm.epsilon.outside(),
    ),
    mistake(
        "norm-gain-missing",
        Checkpoint::LayerNorm,
        sites::norms,
        "LayerNorm without its gain",
        |f| f.norm.gain = false,
    ),
    mistake(
        "norm-bias-missing",
        Checkpoint::LayerNorm,
        sites::norms,
        "LayerNorm without its bias",
        |f| f.norm.bias = false,
    ),
    mistake(
        "norm-gain-bias-swapped",
        Checkpoint::LayerNorm,
        sites::norms,
        "LayerNorm with gain and bias swapped",
        |f| f.norm.swapped = true,
    ),
    mistake(
        "rms-norm",
        Checkpoint::LayerNorm,
        sites::norms,
        "RMSNorm: the mean is not subtracted",
        |f| f.norm.centred = false,
    ),
    mistake(
        "norm-missing",
        Checkpoint::LayerNorm,
        sites::block_norms,
        "the input of the LayerNorm, not normalised",
        |f| f.norms_skipped = true,
    ),
    mistake(
        "second-norm-is-first",
        Checkpoint::LayerNorm,
        sites::second_norm,
        "ln_2 with the parameters of ln_1",
        |f| f.second_is_first = true,
    ),
    mistake(
        "final-norm-missing",
        Checkpoint::LayerNorm,
        sites::final_norm,
        "the output of the last block: ln_f is missing",
        |f| f.final_norms = 0,
    ),
    mistake(
        "final-norm-twice",
        Checkpoint::LayerNorm,
        sites::final_norm,
        "ln_f applied twice",
        |f| f.final_norms = 2,
    ),
];
