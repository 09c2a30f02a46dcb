//! What the tests share: runs of a model against its references, models with a mistake in them, and
//! the files that are not in the repository.
//!
//! `cargo test -p gpt2-tests` runs everything, `cargo test -p gpt2-tests checkpoint_04` one file;
//! with `-- --nocapture` the tests say how near they are.

#![allow(
    clippy::missing_panics_doc,
    reason = "these are assertions: to panic is what they are for"
)]

mod altered;
mod assert;
mod files;
mod real;
mod run;
mod skip;

pub use altered::Altered;
pub use assert::{
    assert_agrees, assert_agrees_everywhere, assert_caught, assert_fails_at, assert_fails_first,
    assert_within, assert_within_absolute, say,
};
pub use files::{real_weights, root, tokenizer_files};
pub use real::{Parameters, Real, real_reference};
pub use run::{
    References, Run, Variant, activations, demo_model, demo_references, demo_run, demo_runs,
    demo_weights,
};
pub use skip::skipped;

/// The examples of the front page of the repository.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct FrontPage;
