//! Traces that other programs wrote, in their own names and shapes.

mod names;
mod npy;
mod numpy;
mod shapes;

use std::path::Path;

use names::{Meaning, Names};

use crate::trace::is_input;
use crate::{Place, Tensor, Trace, TraceError};

/// A trace from elsewhere, under our names.
#[derive(Clone, Debug)]
pub struct Foreign {
    /// What could be matched.
    pub trace: Trace,
    /// What was done to make it match, and what was taken for granted.
    pub notes: Vec<String>,
    /// Names that mean nothing here, or that another array had taken: they count against a verdict.
    pub unmatched: Vec<String>,
}

impl Foreign {
    /// Reads a safetensors file, an `.npz` file or a folder of `.npy` files.
    ///
    /// Names may be ours, HuggingFace's, TransformerLens' or those that nanoGPT-style code gives
    /// (`data/aliases.json`). Shapes are matched to those of `reference`: a batch dimension of 1 is
    /// dropped, `[H, T, D]` becomes `[T, H, D]`. All of it is said in [`Foreign::notes`]. Hidden states that
    /// were fed (`input`, see [`Trace::take_inputs`]) stay as they are.
    ///
    /// # Errors
    ///
    /// [`TraceError::Io`] and [`TraceError::Format`], naming the file and the array; those of
    /// [`Trace::open`] for safetensors.
    pub fn open(path: &Path, reference: &Trace) -> Result<Foreign, TraceError> {
        let raw = if path.is_dir() {
            Trace { tensors: numpy::read_folder(path)?, ..Trace::default() }
        } else if path.extension().is_some_and(|ending| ending == "npz") {
            Trace { tensors: numpy::read_npz(path)?, ..Trace::default() }
        } else {
            Trace::open(path)?
        };
        Foreign::of(raw, reference)
    }

    /// [`Foreign::open`] for arrays in memory.
    ///
    /// # Errors
    ///
    /// [`TraceError::Format`] if the shipped alias table is broken, which a test rules out.
    pub fn of(raw: Trace, reference: &Trace) -> Result<Foreign, TraceError> {
        let names = Names::builtin()?;
        // A trace in this form has our shapes; nothing is to be guessed.
        let ours = raw.has_digests();
        let trace = Trace { metadata: raw.metadata, ..Trace::default() };
        let mut foreign = Foreign { trace, notes: Vec::new(), unmatched: Vec::new() };
        for (theirs, tensor) in raw.tensors {
            if is_input(&theirs) {
                foreign.trace.tensors.insert(theirs, tensor);
                continue;
            }
            match names.meaning(&theirs) {
                Meaning::Tap(tap) if ours && tap == theirs => {
                    foreign.trace.tensors.insert(theirs, tensor);
                }
                Meaning::Tap(tap) => foreign.take(&theirs, tap, tensor, reference),
                Meaning::Tokens => foreign.tokens(&theirs, &tensor),
                Meaning::NoTap => {
                    foreign.notes.push(format!("{theirs}: known, but not compared"));
                }
                Meaning::Unknown => foreign.unmatched.push(theirs),
            }
        }
        for key in ["ids", "fed", "decode"] {
            if let (None, Some(value)) =
                (foreign.trace.metadata.get(key), reference.metadata.get(key))
            {
                foreign.trace.metadata.insert(key.to_owned(), value.clone());
                foreign.notes.push(format!("`{key}` is not said; taken from the reference"));
            }
        }
        Ok(foreign)
    }

    fn take(&mut self, theirs: &str, ours: String, tensor: Tensor, reference: &Trace) {
        if self.trace.tensors.contains_key(&ours) {
            self.unmatched.push(theirs.to_owned());
            self.notes.push(format!("{theirs}: {ours} was there already"));
            return;
        }
        if theirs != ours {
            self.notes.push(format!("{theirs}: compared as {ours}"));
        }
        let tensor = match (Place::parse(&ours), reference.tensors.get(&ours)) {
            (Some(place), Some(expected)) => {
                let (tensor, notes) = shapes::fit(place, tensor, expected.shape());
                self.notes.extend(notes.into_iter().map(|note| format!("{theirs}: {note}")));
                tensor
            }
            _ => {
                self.notes.push(format!("{theirs}: the reference has no {ours}"));
                tensor
            }
        };
        self.trace.tensors.insert(ours, tensor);
    }

    fn tokens(&mut self, theirs: &str, tensor: &Tensor) {
        let ids: Vec<i64> = tensor.values().map(|id| id as i64).collect();
        self.trace.metadata.insert("ids".to_owned(), format!("{ids:?}"));
        self.notes.push(format!("{theirs}: the tokens of the prompt"));
    }
}
