//! The activation of the feed-forward layer, by the names that HuggingFace gives it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// `activation_function` of a configuration.
///
/// The names are keys of `ACT2FN` in HuggingFace's `activations.py`. Names that compute the same
/// function there are one variant here; a name that is not listed is refused by
/// [`Config::from_json`](crate::Config::from_json).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ActivationFunction {
    /// `0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))`, what GPT-2 was trained with.
    ///
    /// Also `gelu_fast`, `gelu_pytorch_tanh`, `gelu_python_tanh` and `gelu_accurate`, which
    /// write the same formula differently.
    #[default]
    #[serde(
        alias = "gelu_fast",
        alias = "gelu_pytorch_tanh",
        alias = "gelu_python_tanh",
        alias = "gelu_accurate"
    )]
    GeluNew,
    /// `0.5 x (1 + erf(x / sqrt(2)))`, the exact GELU. Also `gelu_python`.
    #[serde(alias = "gelu_python")]
    Gelu,
    /// `max(x, 0)`.
    Relu,
    /// `x / (1 + exp(-x))`. Also `swish`.
    #[serde(alias = "swish")]
    Silu,
    /// The hyperbolic tangent.
    Tanh,
}

impl ActivationFunction {
    /// The names that are read, for an error message.
    pub(crate) const SUPPORTED: &str = "one of gelu_new (gelu_fast, gelu_pytorch_tanh, \
         gelu_python_tanh, gelu_accurate), gelu (gelu_python), relu, silu (swish), tanh";

    /// The name HuggingFace uses, without aliases: `"gelu_new"`, `"gelu"`, `"relu"`, `"silu"`,
    /// `"tanh"`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::GeluNew => "gelu_new",
            Self::Gelu => "gelu",
            Self::Relu => "relu",
            Self::Silu => "silu",
            Self::Tanh => "tanh",
        }
    }
}

impl fmt::Display for ActivationFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
