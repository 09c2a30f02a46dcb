use gpt2_tensor::{Compute, KeyValues, TensorError, add_assign};
use gpt2_weights::{BlockParams, Config};
use ndarray::{Array2, ArrayView2};

use crate::attention::Rows;
use crate::tap::{Site, Tap, tap};
use crate::{Attention, LayerNorm, Mlp, ModelError};

/// One transformer block, pre-norm (`GPT2Block`):
/// `x + attn(ln_1(x))`, then `x + mlp(ln_2(x))`.
#[derive(Clone, Debug)]
pub struct Block {
    block: usize,
    ln_1: LayerNorm,
    attn: Attention,
    ln_2: LayerNorm,
    mlp: Mlp,
}

impl Block {
    /// Prepares block number `block` for `compute`.
    ///
    /// # Errors
    ///
    /// [`ModelError::UnsupportedActivation`].
    pub fn new(
        compute: &Compute,
        params: BlockParams<'_>,
        config: &Config,
        block: usize,
    ) -> Result<Self, ModelError> {
        Ok(Block {
            block,
            ln_1: LayerNorm::new(params.ln_1, config.layer_norm_epsilon),
            attn: Attention::new(compute, params.attn, config, block),
            ln_2: LayerNorm::new(params.ln_2, config.layer_norm_epsilon),
            mlp: Mlp::new(compute, params.mlp, config.activation_function)?,
        })
    }

    /// `[T, C]` gives `[T, C]`; the keys and values of `x` are appended to `kv`.
    ///
    /// # Errors
    ///
    /// [`TensorError`] when `x` has another width, or `kv` other heads or no room.
    pub fn forward(
        &self,
        compute: &Compute,
        x: ArrayView2<'_, f32>,
        kv: &mut KeyValues,
        taps: &mut impl Tap,
    ) -> Result<Array2<f32>, TensorError> {
        self.forward_rows(compute, x, &mut [Rows { len: x.nrows(), kv }], taps)
    }

    /// [`Block::forward`] of several sequences whose rows follow each other in `x`.
    pub(crate) fn forward_rows(
        &self,
        compute: &Compute,
        x: ArrayView2<'_, f32>,
        sequences: &mut [Rows<'_>],
        taps: &mut impl Tap,
    ) -> Result<Array2<f32>, TensorError> {
        let normed = self.ln_1.forward(compute, x)?;
        tap(taps, Site::Ln1(self.block), normed.view());
        let mut residual = self.attn.forward_rows(compute, normed.view(), sequences, taps)?;
        add_assign(compute, &mut residual, x)?;
        let normed = self.ln_2.forward(compute, residual.view())?;
        tap(taps, Site::Ln2(self.block), normed.view());
        let mut y = self.mlp.forward(compute, normed.view())?;
        tap(taps, Site::Mlp(self.block), y.view());
        add_assign(compute, &mut y, residual.view())?;
        tap(taps, Site::Block(self.block), y.view());
        Ok(y)
    }
}
