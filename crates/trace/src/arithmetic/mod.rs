//! The forward pass once more, slow and obvious, in f64, with every choice it makes a parameter.
//!
//! The right choices recompute an operation for a check that owes nothing to the production code; a
//! wrong one is a known mistake.

mod attention;
mod forms;
mod linear;
mod norm;
mod precision;

pub(crate) use attention::{attend, mask_and_scale, merge_heads, softmax, split_heads};
pub(crate) use forms::{
    Activation, BlockForm, CacheForm, Forms, HeadForm, Heads, Mask, Positions, ProbsForm, Scale,
    SoftmaxForm,
};
pub(crate) use linear::{LinearForm, linear, project};
pub(crate) use norm::{Epsilon, NormForm, layer_norm};
pub(crate) use precision::Precision;
