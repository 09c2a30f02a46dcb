use ndarray::{Array2, ArrayView2};

use crate::kernels::math;
use crate::kernels::rows::Activate;
use crate::{Compute, elementwise};

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
    /// [`tanh`]
    Tanh,
}

impl Activation {
    /// Every form.
    pub const ALL: &[Activation] = &[
        Activation::GeluNew,
        Activation::Gelu,
        Activation::Relu,
        Activation::Silu,
        Activation::Tanh,
    ];

    /// Applies it to each element of `x`.
    pub fn apply(self, compute: &Compute, x: ArrayView2<'_, f32>) -> Array2<f32> {
        elementwise::rows(compute, x, |xs| compute.run(Activate { activation: self, xs }))
    }

    /// Applies it to one value; the bits are those of [`Activation::apply`].
    pub fn of(self, x: f32) -> f32 {
        match self {
            Activation::GeluNew => gelu_new(x),
            Activation::Gelu => gelu(x),
            Activation::Relu => relu(x),
            Activation::Silu => silu(x),
            Activation::Tanh => tanh(x),
        }
    }
}

/// GELU by tanh: `0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))`, at most 2 ULP from its value.
///
/// `NewGELUActivation`, the one of the original GPT-2 (Hendrycks and Gimpel 2016, section 2).
/// Computed as `x / (1 + exp(-2 u))`, which is the same and does not cancel.
pub fn gelu_new(x: f32) -> f32 {
    math::gelu_new(x)
}

/// GELU by the error function: `0.5 x (1 + erf(x / sqrt(2)))` (`GELUActivation`), at most 1 ULP
/// from its value.
///
/// Computed in f64 as `0.5 x erfc(-x / sqrt(2))`, which is the same and does not cancel. Not
/// vectorised: no released GPT-2 uses it.
pub fn gelu(x: f32) -> f32 {
    crate::reference::gelu(f64::from(x)) as f32
}

/// `max(x, 0)`; NaN stays NaN.
pub fn relu(x: f32) -> f32 {
    if x < 0.0 { 0.0 } else { x }
}

/// `x / (1 + exp(-x))`, also called swish; at most 2 ULP from its value.
pub fn silu(x: f32) -> f32 {
    math::silu(x)
}

/// The hyperbolic tangent, at most 2 ULP from its value.
pub fn tanh(x: f32) -> f32 {
    math::tanh(x)
}
