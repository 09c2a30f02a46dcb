//! What the benches share: seeded inputs, and a `Compute` for every backend of this build.

use gpt2_tensor::{Backend, Compute};
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
