//! What the benches share: seeded inputs and models, what they cost, and a `Compute` for every
//! backend of this build.

mod cost;

pub use cost::Cost;

use gpt2_tensor::{Backend, Compute};
use gpt2_weights::{Config, Gpt2Weights, Synthetic, WeightsError};
use ndarray::{Array, Dimension, IntoDimension};

/// One `Compute` for each backend, with its name.
pub fn computes() -> impl Iterator<Item = (&'static str, Compute)> {
    Backend::ALL.iter().map(|&backend| (backend.name(), Compute::new(backend)))
}

/// Values between -1 and 1 that look random and are the same every time.
pub fn noise<D: Dimension>(shape: impl IntoDimension<Dim = D>) -> Array<f32, D> {
    let mut state = 0x9e37_79b9_u32;
    Array::from_shape_simple_fn(shape.into_dimension(), || {
        // xorshift32, Marsaglia 2003.
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        (state as f32 / u32::MAX as f32) * 2.0 - 1.0
    })
}

/// A GPT-2 of 124 million parameters: the true shape, made-up weights.
pub fn synthetic() -> Synthetic {
    Synthetic::new(Config::default(), 124)
}

/// The weights of the embedded model.
///
/// # Errors
///
/// None: the embedded model is valid.
pub fn demo() -> Result<Gpt2Weights, WeightsError> {
    Gpt2Weights::from_bytes(gpt2_demo::CONFIG_JSON.as_bytes(), gpt2_demo::MODEL_SAFETENSORS)
}

/// `n` tokens of a vocabulary; which ones does not matter to the time.
pub fn tokens(n: usize, vocab_size: usize) -> Vec<u32> {
    (0..n).map(|i| ((i * 7919 + 11) % vocab_size) as u32).collect()
}
