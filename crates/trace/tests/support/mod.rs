//! The embedded model and its references.

use gpt2_trace::{Tolerances, Trace};
use gpt2_weights::Gpt2Weights;

pub(crate) fn weights() -> Gpt2Weights {
    Gpt2Weights::from_bytes(gpt2_demo::CONFIG_JSON, gpt2_demo::MODEL_SAFETENSORS)
        .expect("the embedded model is sound")
}

pub(crate) fn reference(name: &str) -> Trace {
    let reference = gpt2_demo::REFERENCES.iter().find(|reference| reference.name == name);
    Trace::from_bytes(reference.expect("a reference of that name").f32, name).expect("a trace")
}

pub(crate) fn tolerances() -> Tolerances {
    Tolerances::builtin().expect("the shipped tolerances are sound")
}
