use std::path::Path;

use gpt2_model::Gpt2;
use gpt2_trace::{Diagnosis, Foreign, Recorder, Tolerances, Trace, diagnose, record};
use gpt2_weights::Gpt2Weights;

use crate::{ModelSource, RunnerError};

/// What is known of a trace from elsewhere.
#[derive(Clone, Debug)]
pub struct Diagnosed {
    /// What it was held against.
    pub reference: String,
    /// How its names and shapes were read.
    pub notes: Vec<String>,
    /// Its arrays that mean nothing here.
    pub unmatched: Vec<String>,
    /// Where it is wrong, and why.
    pub diagnosis: Diagnosis,
}

impl Diagnosed {
    /// Whether something was compared and all of it agrees.
    pub fn agrees(&self) -> bool {
        self.diagnosis.divergence.is_none()
            && self.diagnosis.nearest.is_some()
            && self.unmatched.is_empty()
    }
}

/// Explains the trace in a file (or a folder, see [`Foreign::open`]) by what is known to go wrong.
///
/// Without a `reference` it is held against the model's own of the same tokens; failing that,
/// against our own run of them.
///
/// # Errors
///
/// [`RunnerError::Trace`] when a file cannot be read, [`RunnerError::NoTokens`] when neither a
/// reference is given nor the trace says which tokens went in.
pub fn diagnose_file(
    theirs: &Path,
    source: &ModelSource,
    weights: &Gpt2Weights,
    reference: Option<&Path>,
    tolerances: &Tolerances,
) -> Result<Diagnosed, RunnerError> {
    let (label, reference) = match reference {
        Some(path) => (path.display().to_string(), Trace::open(path)?),
        None => find_reference(theirs, source, weights)?,
    };
    let Foreign { trace, notes, unmatched } = Foreign::open(theirs, &reference)?;
    let diagnosis = diagnose(&trace, weights, &reference, tolerances);
    Ok(Diagnosed { reference: label, notes, unmatched, diagnosis })
}

/// The model's own reference of the tokens of `theirs`, or our own run of them.
fn find_reference(
    theirs: &Path,
    source: &ModelSource,
    weights: &Gpt2Weights,
) -> Result<(String, Trace), RunnerError> {
    // Its tokens do not depend on what its arrays are held against.
    let tokens = Foreign::open(theirs, &Trace::default())?.trace;
    let Some(ids) = tokens.ids() else {
        return Err(RunnerError::NoTokens { file: theirs.to_owned() });
    };
    for reference in source.references()? {
        let (trace, _) = reference.read()?;
        if trace.ids().as_ref() == Some(&ids) && trace.decode() >= tokens.decode() {
            return Ok((format!("{}, made by HuggingFace", reference.name()), trace));
        }
    }
    let ours = record(&Gpt2::new(weights)?, &ids, tokens.decode(), Recorder::all())?;
    Ok(("our own run of the same tokens".to_owned(), ours))
}
