#![doc = include_str!("../README.md")]

mod activation;
mod attention;
mod compute;
mod error;
mod lanes;
mod layer_norm;
mod linear;
pub mod reference;
mod softmax;

pub use activation::{Activation, gelu, gelu_new, relu, silu};
pub use attention::{AttentionProbe, KeyValues, causal_attention, causal_attention_probed};
pub use compute::{Backend, Compute};
pub use error::TensorError;
pub use layer_norm::layer_norm;
pub use linear::{Weight, gather, linear, matmul};
pub use softmax::{argmax, softmax};

// Links OpenBLAS, which ndarray calls by its C names.
#[cfg(feature = "openblas")]
use blas_src as _;
