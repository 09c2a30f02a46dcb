#![doc = include_str!("../README.md")]

mod activation;
mod checkpoint;
mod config;
mod convert;
mod error;
mod fields;
mod file;
mod gpt2;
mod header;
mod index;
mod json;
mod params;
mod presets;
mod shard;
mod synthetic;

pub use activation::ActivationFunction;
pub use checkpoint::{Checkpoint, RawTensor};
pub use config::Config;
pub use error::WeightsError;
pub use file::Access;
pub use gpt2::Gpt2Weights;
pub use params::{
    AttentionParams, BlockParams, EmbeddingParams, LinearParams, MlpParams, NormParams,
};
/// The element type of a stored tensor, as the `safetensors` crate names it.
pub use safetensors::Dtype;
pub use synthetic::Synthetic;
