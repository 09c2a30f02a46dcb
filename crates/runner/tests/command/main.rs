//! The command `gpt2`, as a user runs it.

mod compare;
mod generate;
mod isa;
mod modules;
mod odd_inputs;
mod reports;
mod support;
mod tampering;
mod trace;
mod validate;
