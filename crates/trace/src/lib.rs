#![doc = include_str!("../README.md")]

mod arithmetic;
mod catalogue;
mod checkpoint;
mod compare;
mod diagnose;
mod error;
mod file;
mod fingerprint;
mod isolated;
mod layout;
mod record;
mod summary;
mod tensor;
mod tolerances;
mod trace;

pub use catalogue::{Class, Control, Controls, Mistake, catalogue, controls, imitate, inject};
pub use checkpoint::{Checkpoint, split_step};
pub use compare::{Difference, Entry, Problem, Truth, Worst, compare};
pub use diagnose::{
    Diagnosis, Divergence, Explanation, Finding, Location, Mode, Right, Search, Wrong, diagnose,
    first_divergence,
};
pub use error::TraceError;
pub use fingerprint::{fingerprint, weights_differ};
pub use isolated::{Isolated, NotComputable, Place, isolated};
pub use record::{Recorder, record};
pub use summary::{Nearest, Summary};
pub use tensor::Tensor;
pub use tolerances::{Tolerance, Tolerances, TruthTolerance};
pub use trace::Trace;
