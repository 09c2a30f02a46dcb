//! The parameters of each module, borrowed from a checkpoint where they can be.
//!
//! Names and layouts are those of HuggingFace's `modeling_gpt2.py`. `C` is `n_embd`, `F` is
//! `n_inner`, `V` is `vocab_size`, `P` is `n_positions`.

use ndarray::{CowArray, Ix1, Ix2};

use crate::{Checkpoint, WeightsError};

/// A `LayerNorm`: `ln_1`, `ln_2` or `ln_f`.
#[derive(Debug, Clone)]
pub struct NormParams<'a> {
    /// `[C]`, multiplied after normalising.
    pub weight: CowArray<'a, f32, Ix1>,
    /// `[C]`, added last.
    pub bias: CowArray<'a, f32, Ix1>,
}

/// A linear layer in the layout of HuggingFace's `Conv1D`: `y = x @ weight + bias`.
#[derive(Debug, Clone)]
pub struct LinearParams<'a> {
    /// `[in, out]`, the transpose of what `torch.nn.Linear` holds.
    pub weight: CowArray<'a, f32, Ix2>,
    /// `[out]`.
    pub bias: CowArray<'a, f32, Ix1>,
}

/// The attention of one block.
#[derive(Debug, Clone)]
pub struct AttentionParams<'a> {
    /// `[C, 3 C]`: the columns are those of the queries, then the keys, then the values.
    pub c_attn: LinearParams<'a>,
    /// `[C, C]`: the output projection.
    pub c_proj: LinearParams<'a>,
}

/// The feed-forward layer of one block.
#[derive(Debug, Clone)]
pub struct MlpParams<'a> {
    /// `[C, F]`.
    pub c_fc: LinearParams<'a>,
    /// `[F, C]`.
    pub c_proj: LinearParams<'a>,
}

/// One transformer block.
#[derive(Debug, Clone)]
pub struct BlockParams<'a> {
    /// Before the attention.
    pub ln_1: NormParams<'a>,
    /// The attention.
    pub attn: AttentionParams<'a>,
    /// Before the feed-forward layer.
    pub ln_2: NormParams<'a>,
    /// The feed-forward layer.
    pub mlp: MlpParams<'a>,
}

/// The two embedding tables.
#[derive(Debug, Clone)]
pub struct EmbeddingParams<'a> {
    /// `[V, C]`, one row for each token; also the output head where that is tied.
    pub wte: CowArray<'a, f32, Ix2>,
    /// `[P, C]`, one row for each position.
    pub wpe: CowArray<'a, f32, Ix2>,
}

impl<'a> NormParams<'a> {
    /// The `LayerNorm` called `name` (such as `"h.0.ln_1"`), of width `n_embd`.
    ///
    /// # Errors
    ///
    /// As [`Checkpoint::tensor`].
    pub fn from_checkpoint(
        checkpoint: &'a Checkpoint,
        name: &str,
        n_embd: usize,
    ) -> Result<Self, WeightsError> {
        Ok(Self {
            weight: checkpoint.tensor(&format!("{name}.weight"), n_embd)?,
            bias: checkpoint.tensor(&format!("{name}.bias"), n_embd)?,
        })
    }
}

impl<'a> LinearParams<'a> {
    /// The `Conv1D` called `name` (such as `"h.0.mlp.c_fc"`), from `n_in` to `n_out` features.
    ///
    /// # Errors
    ///
    /// As [`Checkpoint::tensor`].
    pub fn from_checkpoint(
        checkpoint: &'a Checkpoint,
        name: &str,
        n_in: usize,
        n_out: usize,
    ) -> Result<Self, WeightsError> {
        Ok(Self {
            weight: checkpoint.tensor(&format!("{name}.weight"), (n_in, n_out))?,
            bias: checkpoint.tensor(&format!("{name}.bias"), n_out)?,
        })
    }
}

impl<'a> AttentionParams<'a> {
    /// The attention of block `block`, of width `n_embd`.
    ///
    /// # Errors
    ///
    /// As [`Checkpoint::tensor`].
    pub fn from_checkpoint(
        checkpoint: &'a Checkpoint,
        block: usize,
        n_embd: usize,
    ) -> Result<Self, WeightsError> {
        let linear = |name: &str, n_out| {
            let name = format!("h.{block}.attn.{name}");
            LinearParams::from_checkpoint(checkpoint, &name, n_embd, n_out)
        };
        Ok(Self {
            // A width that overflows here is in no file, so it ends as a wrong shape.
            c_attn: linear("c_attn", n_embd.saturating_mul(3))?,
            c_proj: linear("c_proj", n_embd)?,
        })
    }
}

impl<'a> MlpParams<'a> {
    /// The feed-forward layer of block `block`, of width `n_embd` and inner width `n_inner`.
    ///
    /// # Errors
    ///
    /// As [`Checkpoint::tensor`].
    pub fn from_checkpoint(
        checkpoint: &'a Checkpoint,
        block: usize,
        n_embd: usize,
        n_inner: usize,
    ) -> Result<Self, WeightsError> {
        let linear = |name: &str, n_in, n_out| {
            let name = format!("h.{block}.mlp.{name}");
            LinearParams::from_checkpoint(checkpoint, &name, n_in, n_out)
        };
        Ok(Self {
            c_fc: linear("c_fc", n_embd, n_inner)?,
            c_proj: linear("c_proj", n_inner, n_embd)?,
        })
    }
}

impl<'a> BlockParams<'a> {
    /// Block `block`, of width `n_embd` and inner width `n_inner`.
    ///
    /// # Errors
    ///
    /// As [`Checkpoint::tensor`].
    pub fn from_checkpoint(
        checkpoint: &'a Checkpoint,
        block: usize,
        n_embd: usize,
        n_inner: usize,
    ) -> Result<Self, WeightsError> {
        let norm = |name: &str| {
            NormParams::from_checkpoint(checkpoint, &format!("h.{block}.{name}"), n_embd)
        };
        Ok(Self {
            ln_1: norm("ln_1")?,
            attn: AttentionParams::from_checkpoint(checkpoint, block, n_embd)?,
            ln_2: norm("ln_2")?,
            mlp: MlpParams::from_checkpoint(checkpoint, block, n_embd, n_inner)?,
        })
    }
}
