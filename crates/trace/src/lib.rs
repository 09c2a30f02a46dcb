#![doc = include_str!("../README.md")]

mod checkpoint;
mod compare;
mod error;
mod file;
mod fingerprint;
mod layout;
mod record;
mod summary;
mod tensor;
mod tolerances;
mod trace;

pub use checkpoint::{Checkpoint, split_step};
pub use compare::{Difference, Entry, Problem, Truth, Worst, compare};
pub use error::TraceError;
pub use fingerprint::{fingerprint, weights_differ};
pub use record::{Recorder, record};
pub use summary::{Nearest, Summary};
pub use tensor::Tensor;
pub use tolerances::{Tolerance, Tolerances, TruthTolerance};
pub use trace::Trace;
