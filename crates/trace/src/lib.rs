#![doc = include_str!("../README.md")]

mod arithmetic;
mod catalogue;
mod checkpoint;
mod compare;
mod diagnose;
mod error;
mod foreign;
mod isolated;
mod trace;

pub use catalogue::{Class, Control, Controls, Mistake, catalogue, controls, imitate, inject};
pub use checkpoint::{Checkpoint, split_step};
pub use compare::{
    Difference, Entry, Nearest, Problem, Summary, Tolerance, Tolerances, Truth, TruthTolerance,
    Worst, compare,
};
pub use diagnose::{
    Diagnosis, Divergence, Explanation, Finding, Location, Mode, Right, Search, Wrong, diagnose,
    first_divergence,
};
pub use error::TraceError;
pub use foreign::Foreign;
pub use isolated::{Isolated, NotComputable, Place, isolated};
pub use trace::{Recorder, Tensor, Trace, fingerprint, record, weights_differ};
