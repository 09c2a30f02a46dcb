//! The pieces of a block that hold weights: built from checked parameters, used by themselves.

use gpt2_tensor::{Activation, Compute, TensorError, Weight, layer_norm, linear, linear_activated};
use gpt2_weights::{ActivationFunction, LinearParams, MlpParams, NormParams};
use ndarray::{Array1, Array2, ArrayView2};

use crate::ModelError;

/// LayerNorm over the last dimension, with its gain, bias and epsilon.
#[derive(Clone, Debug)]
pub struct LayerNorm {
    weight: Array1<f32>,
    bias: Array1<f32>,
    epsilon: f32,
}

impl LayerNorm {
    /// Takes the parameters as they are; `epsilon` is the config's `layer_norm_epsilon`.
    pub fn new(params: NormParams<'_>, epsilon: f32) -> Self {
        LayerNorm { weight: params.weight.into_owned(), bias: params.bias.into_owned(), epsilon }
    }

    /// `[T, C]` gives `[T, C]`.
    ///
    /// # Errors
    ///
    /// [`TensorError::Shape`] when `C` is not the width of the parameters.
    pub fn forward(
        &self,
        compute: &Compute,
        x: ArrayView2<'_, f32>,
    ) -> Result<Array2<f32>, TensorError> {
        layer_norm(compute, x, self.weight.view(), self.bias.view(), self.epsilon)
    }
}

/// A projection with bias: HuggingFace's `Conv1D`, `x @ weight + bias`.
#[derive(Clone, Debug)]
pub struct Linear {
    weight: Weight,
    bias: Array1<f32>,
}

impl Linear {
    /// Prepares the weight, `[in, out]`, for `compute`.
    pub fn new(compute: &Compute, params: LinearParams<'_>) -> Self {
        Linear {
            weight: Weight::new(compute, params.weight.view()),
            bias: params.bias.into_owned(),
        }
    }

    /// `[T, in]` gives `[T, out]`.
    ///
    /// # Errors
    ///
    /// [`TensorError::Shape`] when `x` has another width than the weight takes.
    pub fn forward(
        &self,
        compute: &Compute,
        x: ArrayView2<'_, f32>,
    ) -> Result<Array2<f32>, TensorError> {
        linear(compute, x, &self.weight, self.bias.view())
    }
}

/// The feed-forward half of a block: `c_proj(activation(c_fc(x)))` (`GPT2MLP`).
#[derive(Clone, Debug)]
pub struct Mlp {
    c_fc: Linear,
    activation: Activation,
    c_proj: Linear,
}

impl Mlp {
    /// Prepares the two projections for `compute`.
    ///
    /// # Errors
    ///
    /// [`ModelError::UnsupportedActivation`].
    pub fn new(
        compute: &Compute,
        params: MlpParams<'_>,
        activation: ActivationFunction,
    ) -> Result<Self, ModelError> {
        let activation = match activation {
            ActivationFunction::GeluNew => Activation::GeluNew,
            ActivationFunction::Gelu => Activation::Gelu,
            ActivationFunction::Relu => Activation::Relu,
            ActivationFunction::Silu => Activation::Silu,
            ActivationFunction::Tanh => Activation::Tanh,
            other => return Err(ModelError::UnsupportedActivation(other)),
        };
        Ok(Mlp {
            c_fc: Linear::new(compute, params.c_fc),
            activation,
            c_proj: Linear::new(compute, params.c_proj),
        })
    }

    /// `[T, C]` gives `[T, C]`, by way of `[T, n_inner]`.
    ///
    /// # Errors
    ///
    /// [`TensorError::Shape`] when `C` is not the model's `n_embd`.
    pub fn forward(
        &self,
        compute: &Compute,
        x: ArrayView2<'_, f32>,
    ) -> Result<Array2<f32>, TensorError> {
        let Linear { weight, bias } = &self.c_fc;
        let hidden = linear_activated(compute, x, weight, bias.view(), self.activation)?;
        self.c_proj.forward(compute, hidden.view())
    }
}
