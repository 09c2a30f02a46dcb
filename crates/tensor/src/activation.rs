use ndarray::{Array2, ArrayView2};

use crate::Compute;

/// The nonlinearity of the MLP: the forms that HuggingFace GPT-2 configs use (`activations.py`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Activation {
    /// [`gelu_new`]
    GeluNew,
    /// [`gelu`]
    Gelu,
    /// [`relu`]
    Relu,
    /// [`silu`]
    Silu,
}

impl Activation {
    /// Applies it to each element of `x`.
    pub fn apply(self, _compute: &Compute, x: ArrayView2<'_, f32>) -> Array2<f32> {
        match self {
            Activation::GeluNew => x.mapv(gelu_new),
            Activation::Gelu => x.mapv(gelu),
            Activation::Relu => x.mapv(relu),
            Activation::Silu => x.mapv(silu),
        }
    }
}

/// GELU by tanh: `0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))`.
///
/// `NewGELUActivation`, the one of the original GPT-2 (Hendrycks and Gimpel 2016, section 2).
pub fn gelu_new(x: f32) -> f32 {
    const SQRT_2_OVER_PI: f32 = 0.797_884_6;
    0.5 * x * (1.0 + (SQRT_2_OVER_PI * (x + 0.044_715 * x * x * x)).tanh())
}

/// GELU by the error function: `0.5 x (1 + erf(x / sqrt(2)))` (`GELUActivation`).
pub fn gelu(x: f32) -> f32 {
    0.5 * x * (1.0 + libm::erff(x * std::f32::consts::FRAC_1_SQRT_2))
}

/// `max(x, 0)`; NaN stays NaN.
pub fn relu(x: f32) -> f32 {
    if x < 0.0 { 0.0 } else { x }
}

/// `x / (1 + exp(-x))`, also called swish.
pub fn silu(x: f32) -> f32 {
    x / (1.0 + (-x).exp())
}
