#![doc = include_str!("../README.md")]

mod attention;
mod block;
mod cache;
mod decode;
mod embedding;
mod error;
mod gpt2;
mod layers;
mod tap;

pub use attention::Attention;
pub use block::Block;
pub use cache::KvCache;
pub use decode::greedy;
pub use embedding::Embedding;
pub use error::ModelError;
pub use gpt2::{Gpt2, Sequence};
pub use layers::{LayerNorm, Linear, Mlp};
pub use tap::{Site, Tap, Value};
