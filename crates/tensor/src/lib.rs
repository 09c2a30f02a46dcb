#![doc = include_str!("../README.md")]

mod activation;
mod attention;
mod compute;
mod elementwise;
mod error;
mod isa;
mod kernels;
mod key_values;
mod layer_norm;
mod linear;
#[cfg(feature = "openblas")]
mod openblas;
pub mod reference;
mod softmax;
mod threads;
mod weight;

pub use activation::{Activation, gelu, gelu_new, relu, silu, tanh};
pub use attention::{AttentionProbe, causal_attention, causal_attention_probed};
pub use compute::{Backend, Compute, ComputeBuilder};
pub use elementwise::add_assign;
pub use error::TensorError;
pub use isa::Isa;
pub use kernels::peak::fused_multiply_adds;
pub use key_values::KeyValues;
pub use layer_norm::layer_norm;
pub use linear::{linear, linear_activated, matmul};
pub use softmax::{argmax, softmax};
pub use weight::{Weight, gather};

// Links OpenBLAS, which ndarray calls by its C names.
#[cfg(feature = "openblas")]
use blas_src as _;
