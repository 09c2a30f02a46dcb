//! The broken models, by the part that is broken.

use std::fs;
use std::path::Path;

use gpt2_weights::WeightsError;

use crate::common::Model;

mod config;
mod directory;
mod header;
mod index;
mod tensors;

/// One broken model.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// Writes it into an empty directory.
    pub(crate) make: Box<dyn Fn(&Path)>,
    /// Whether the error is the one it must be.
    pub(crate) variant: fn(&WeightsError) -> bool,
    /// What the message must contain.
    pub(crate) message: &'static str,
}

/// A case: its name, how it is made, the pattern of its error, a part of its message.
macro_rules! case {
    ($name:literal, $make:expr, $variant:pat, $message:expr) => {
        crate::cases::Case {
            name: $name,
            make: Box::new($make),
            variant: |error| {
                use gpt2_weights::WeightsError::*;
                matches!(error, $variant)
            },
            message: $message,
        }
    };
}
use case;

pub(crate) fn all() -> Vec<Case> {
    [config::cases(), directory::cases(), header::cases(), index::cases(), tensors::cases()]
        .into_iter()
        .flatten()
        .collect()
}

/// Writes the sound model after `edit`.
fn model(edit: impl Fn(&mut Model)) -> impl Fn(&Path) {
    move |directory| {
        let mut model = Model::new();
        edit(&mut model);
        model.write(directory);
    }
}

/// Writes the sound model, then edits the bytes of `model.safetensors`.
fn bytes(edit: impl Fn(&mut Vec<u8>)) -> impl Fn(&Path) {
    move |directory| {
        Model::new().write(directory);
        let path = directory.join("model.safetensors");
        let mut bytes = fs::read(&path).unwrap();
        edit(&mut bytes);
        fs::write(&path, bytes).unwrap();
    }
}

/// Writes the sound model with another text for a header, the length being right.
fn header(text: impl Fn(String) -> Vec<u8>) -> impl Fn(&Path) {
    move |directory| {
        let model = Model::new();
        model.write(directory);
        let file = crate::common::file(&text(model.header()), &model.data);
        fs::write(directory.join("model.safetensors"), file).unwrap();
    }
}
