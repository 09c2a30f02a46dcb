//! A corpus of broken models: each is refused with its own error, in little memory, without a panic.
//!
//! The broken directories are made from a sound one by [`cases`], and every case states
//! the variant and a part of the message it must give.

#![allow(clippy::unwrap_used)]

#[path = "refuse/cases/mod.rs"]
mod cases;
mod common;
#[path = "refuse/memory.rs"]
mod memory;

use std::time::{Duration, Instant};

use common::Model;
use gpt2_weights::{Access, Gpt2Weights};

/// How long refusing a model may take; most take a millisecond.
const MAX_TIME: Duration = Duration::from_secs(20);

/// What refusing a model may allocate at most.
const MAX_BYTES: usize = 64 << 20;

#[test]
fn every_broken_model_is_refused_as_it_must_be() {
    let cases = cases::all();
    assert!(cases.len() >= 40, "only {} cases", cases.len());

    let mut failures = Vec::new();
    let mut names = std::collections::BTreeSet::new();
    for case in &cases {
        assert!(names.insert(case.name), "{} is there twice", case.name);
        for access in [Access::Mmap, Access::Read] {
            let directory = tempfile::tempdir().unwrap();
            (case.make)(directory.path());
            let start = Instant::now();
            let (result, peak) =
                memory::peak_of(|| Gpt2Weights::open_with(directory.path(), access));
            let complain = |what: String| format!("{} ({access:?}): {what}", case.name);
            match result {
                Ok(_) => failures.push(complain("was accepted".to_owned())),
                Err(error) => {
                    let message = error.to_string();
                    if !(case.variant)(&error) {
                        failures.push(complain(format!("another variant: {error:?}")));
                    }
                    if !message.contains(case.message) {
                        failures
                            .push(complain(format!("{:?} is not in {message:?}", case.message)));
                    }
                    if !message.contains(directory.path().to_str().unwrap()) {
                        failures.push(complain(format!("no file in {message:?}")));
                    }
                }
            }
            if start.elapsed() > MAX_TIME {
                failures.push(complain(format!("took {:?}", start.elapsed())));
            }
            if peak > MAX_BYTES {
                failures.push(complain(format!("allocated {peak} bytes")));
            }
        }
    }
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
}

/// The corpus says nothing if what it starts from is refused too.
#[test]
fn the_sound_model_is_accepted() {
    for access in [Access::Mmap, Access::Read] {
        let directory = tempfile::tempdir().unwrap();
        Model::new().write(directory.path());
        Gpt2Weights::open_with(directory.path(), access).unwrap();

        let directory = tempfile::tempdir().unwrap();
        Model::new().write_sharded(directory.path(), 9);
        Gpt2Weights::open_with(directory.path(), access).unwrap();
    }
}

/// A hostile name or value does not become a hostile message.
#[test]
fn messages_stay_short() {
    for case in cases::all() {
        let directory = tempfile::tempdir().unwrap();
        (case.make)(directory.path());
        let message = Gpt2Weights::open(directory.path()).unwrap_err().to_string();
        assert!(message.len() < 1000, "{}: {} bytes", case.name, message.len());
        assert!(!message.contains(|c: char| c.is_control() && c != '\n'), "{}", case.name);
    }
}
