//! Mistakes of the feed-forward network and of the block as a whole.

use gpt2_weights::ActivationFunction;

use super::{Mistake, mistake, sites};
use crate::Checkpoint;
use crate::arithmetic::{Activation, BlockForm};

pub(super) const BLOCKS: &[Mistake] = &[
    // Feed-forward network.
    mistake(
        "gelu-erf",
        Checkpoint::FfnOutput,
        sites::mlp,
        "the MLP with the exact (erf) GELU",
        |f| f.activation = Activation::Of(ActivationFunction::Gelu),
    ),
    mistake(
        "gelu-sigmoid",
        Checkpoint::FfnOutput,
        sites::mlp,
        "the MLP with the sigmoid GELU, x sigmoid(1.702 x)",
        |f| f.activation = Activation::SigmoidGelu,
    ),
    mistake("relu", Checkpoint::FfnOutput, sites::mlp, "the MLP with ReLU", |f| {
        f.activation = Activation::Of(ActivationFunction::Relu)
    }),
    mistake(
        "activation-missing",
        Checkpoint::FfnOutput,
        sites::mlp,
        "the MLP without its activation function",
        |f| f.activation = Activation::Identity,
    ),
    mistake(
        "mlp-fc-bias-missing",
        Checkpoint::FfnOutput,
        sites::mlp,
        "the MLP without the bias of c_fc",
        |f| f.c_fc.bias = false,
    ),
    mistake(
        "mlp-proj-bias-missing",
        Checkpoint::FfnOutput,
        sites::mlp,
        "the MLP without the bias of c_proj",
        |f| f.mlp_c_proj.bias = false,
    ),
    mistake(
        "mlp-fc-transposed",
        Checkpoint::FfnOutput,
        sites::mlp,
        "the MLP with c_fc read as [out, in]",
        |f| f.c_fc.transposed = true,
    ),
    mistake(
        "mlp-proj-transposed",
        Checkpoint::FfnOutput,
        sites::mlp,
        "the MLP with c_proj read as [out, in]",
        |f| f.mlp_c_proj.transposed = true,
    ),
    // Block.
    mistake(
        "attention-residual-missing",
        Checkpoint::BlockOutput,
        sites::after_attention,
        "the block without the residual around its attention",
        |f| f.first_residual = false,
    ),
    mistake(
        "mlp-residual-missing",
        Checkpoint::BlockOutput,
        sites::block,
        "the block without the residual around its MLP",
        |f| f.second_residual = false,
    ),
    mistake(
        "post-norm",
        Checkpoint::BlockOutput,
        sites::block,
        "a post-norm block: normalised after the residual",
        |f| f.post_norm = true,
    ),
    mistake(
        "block-skipped",
        Checkpoint::BlockOutput,
        sites::block,
        "the input of the block: it was skipped",
        |f| f.block = BlockForm::Skipped,
    ),
    mistake(
        "block-repeated",
        Checkpoint::BlockOutput,
        sites::block,
        "the block applied twice",
        |f| f.block = BlockForm::Twice,
    ),
    mistake(
        "block-of-next",
        Checkpoint::LayerNorm,
        sites::parameters,
        "computed with the parameters of the next block",
        |f| f.parameters_of = 1,
    ),
];
