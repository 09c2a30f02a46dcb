use gpt2_weights::{ActivationFunction, Config};

use super::{LinearForm, NormForm, Precision};

/// Every choice that the forward pass makes.
#[derive(Clone, Debug)]
pub(crate) struct Forms {
    pub(crate) precision: Precision,
    pub(crate) positions: Positions,
    /// Whether the token embedding is multiplied by the root of its width.
    pub(crate) tokens_scaled: bool,
    pub(crate) norm: NormForm,
    /// Whether `ln_1` and `ln_2` pass their input on.
    pub(crate) norms_skipped: bool,
    /// Whether `ln_2` has the parameters of `ln_1`.
    pub(crate) second_is_first: bool,
    /// How often `ln_f` is applied: 1 is right.
    pub(crate) final_norms: usize,
    /// Added to the number of the block whose parameters are used: 0 is right.
    pub(crate) parameters_of: usize,
    pub(crate) c_attn: LinearForm,
    /// Which third of the fused projection is the query, the key, the value: `[0, 1, 2]` is right.
    pub(crate) thirds: [usize; 3],
    pub(crate) heads: Heads,
    /// Whether the queries are divided by the root of their width already.
    pub(crate) query_scaled: bool,
    pub(crate) cache: CacheForm,
    pub(crate) scale: Scale,
    /// Whether the scores are divided by the number of the block, counted from 1.
    pub(crate) scale_by_block: bool,
    pub(crate) mask: Mask,
    pub(crate) softmax: SoftmaxForm,
    /// Whether the heads are put side by side before the output projection.
    pub(crate) heads_transposed: bool,
    /// Whether there is an output projection.
    pub(crate) attn_projected: bool,
    pub(crate) attn_c_proj: LinearForm,
    pub(crate) c_fc: LinearForm,
    pub(crate) activation: Activation,
    pub(crate) mlp_c_proj: LinearForm,
    /// Whether the input of the block is added to the attention.
    pub(crate) first_residual: bool,
    /// Whether that sum is added to the feed-forward network.
    pub(crate) second_residual: bool,
    /// Whether the output of the block is normalised by `ln_2`.
    pub(crate) post_norm: bool,
    pub(crate) block: BlockForm,
    pub(crate) head: HeadForm,
    /// Which position the next token is predicted from, counted from the end: 1 is right.
    pub(crate) last: usize,
    /// The id of the first token: 0 is right.
    pub(crate) first_id: usize,
    pub(crate) probs: ProbsForm,
    /// Whether each generated token is that of the step before.
    pub(crate) stale: bool,
}

impl Forms {
    /// What the config says.
    pub(crate) fn right(config: &Config) -> Self {
        // The number that the config wrote, 1e-5, and not the f32 nearest to it: in f64 that shows.
        let epsilon = config.layer_norm_epsilon;
        let epsilon = epsilon.to_string().parse().unwrap_or(f64::from(epsilon));
        Forms {
            precision: Precision::Exact,
            positions: Positions::Right,
            tokens_scaled: false,
            norm: NormForm::right(epsilon),
            norms_skipped: false,
            second_is_first: false,
            final_norms: 1,
            parameters_of: 0,
            c_attn: LinearForm::RIGHT,
            thirds: [0, 1, 2],
            heads: Heads::ThirdHeadChannel,
            query_scaled: false,
            cache: CacheForm::Right,
            scale: if config.scale_attn_weights { Scale::RootHeadDim } else { Scale::One },
            scale_by_block: config.scale_attn_by_inverse_layer_idx,
            mask: Mask::Causal,
            softmax: SoftmaxForm::OverKeys,
            heads_transposed: true,
            attn_projected: true,
            attn_c_proj: LinearForm::RIGHT,
            c_fc: LinearForm::RIGHT,
            activation: Activation::Of(config.activation_function),
            mlp_c_proj: LinearForm::RIGHT,
            first_residual: true,
            second_residual: true,
            post_norm: false,
            block: BlockForm::Once,
            head: HeadForm::Right,
            last: 1,
            first_id: 0,
            probs: ProbsForm::Softmax,
            stale: false,
        }
    }
}

/// Which position embedding is added to token `i` of a pass after `past` others.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Positions {
    /// `past + i`.
    Right,
    /// `past + i + 1`.
    FromOne,
    /// `i`.
    Restarted,
    /// None.
    Missing,
}

/// What the columns of the fused projection mean, slowest first.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Heads {
    /// Right.
    ThirdHeadChannel,
    ThirdChannelHead,
    HeadThirdChannel,
    HeadChannelThird,
}

/// What the cache holds after a pass.
#[derive(Clone, Copy, Debug)]
pub(crate) enum CacheForm {
    /// What it held, then the new rows.
    Right,
    /// What it held.
    NotAppended,
    /// The new rows.
    Overwritten,
    /// The new rows one position early; the last row is left zero.
    OneEarly,
    /// The new rows one position late, the last of them lost; the first is left zero.
    OneLate,
    /// Values where keys belong and keys where values belong.
    Swapped,
    /// The new rows are those of the block before.
    OfBlockBefore,
}

/// What the scores are divided by.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Scale {
    One,
    /// Right, unless the config says otherwise.
    RootHeadDim,
    HeadDim,
    RootHeadDimTwice,
    RootWidth,
}

/// Which keys a query sees, and what the scores of the others are.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Mask {
    /// Itself and those before; the others are -inf.
    Causal,
    /// All.
    Missing,
    /// The one after itself too.
    SeesNext,
    /// Only those before.
    HidesSelf,
    /// Right, but 10000 is subtracted in place of infinity.
    Additive,
}

/// How scores become weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SoftmaxForm {
    /// Right.
    OverKeys,
    OverQueries,
    /// Over all keys, seen or not, then those not seen are set to zero.
    MaskedAfter,
}

/// The nonlinearity of the feed-forward network.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Activation {
    /// Right, where it is the config's.
    Of(ActivationFunction),
    /// `x * sigmoid(1.702 x)`.
    SigmoidGelu,
    Identity,
}

/// How often a block is applied.
#[derive(Clone, Copy, Debug)]
pub(crate) enum BlockForm {
    Skipped,
    /// Right.
    Once,
    Twice,
}

/// What makes logits of the last hidden state.
#[derive(Clone, Copy, Debug)]
pub(crate) enum HeadForm {
    /// The checkpoint's own head, or the token embedding where there is none.
    Right,
    /// The token embedding where the checkpoint has its own head; where it has none, a head that
    /// was never filled.
    Untied,
    /// The numbers of the head, `[V, C]`, taken for `[C, V]`.
    Transposed,
}

/// What is called the probabilities.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ProbsForm {
    /// Right.
    Softmax,
    LogSoftmax,
}
