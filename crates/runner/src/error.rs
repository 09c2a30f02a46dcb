use std::path::PathBuf;

use gpt2_model::ModelError;
use gpt2_trace::TraceError;
use gpt2_weights::WeightsError;

use crate::TokenizerError;

/// Why something could not be run at all. A result that is wrong is not an error but a verdict.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunnerError {
    /// There is no model of that name.
    #[error(
        "no model `{name}`: there is no such directory (a model is `demo`, or a directory with \
         config.json and model.safetensors)"
    )]
    NoSuchModel {
        /// What was given.
        name: String,
    },
    /// The checkpoint was refused.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// The model refused the tokens.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A trace could not be read or made.
    #[error(transparent)]
    Trace(#[from] TraceError),
    /// The tokenizer could not be read, or refused the text.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    /// The directory of references cannot be listed.
    #[error("{}: {source}", directory.display())]
    References {
        /// The directory.
        directory: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Two traces are not of the same run, so that their difference would mean nothing.
    #[error(
        "the traces are of different runs: `{key}` is {ours} in ours, {reference} in the reference"
    )]
    DifferentRuns {
        /// The metadata that differs.
        key: &'static str,
        /// Its value in our trace.
        ours: String,
        /// Its value in the reference.
        reference: String,
    },
    /// The reference holds no tensor.
    #[error("{reference} holds no tensor: there is nothing to compare")]
    NothingToCompare {
        /// The reference.
        reference: String,
    },
    /// A trace lacks what modules were fed.
    #[error(
        "{}: there is no `{tensor}`: modules are run on the hidden states that the reference was fed \
         (`input`, and `step.N.input` for each decode step)",
        file.display()
    )]
    NoInput {
        /// The trace.
        file: PathBuf,
        /// The name that is missing.
        tensor: String,
    },
    /// What modules were fed has another shape or type than they take.
    #[error("{}: `{tensor}` is {actual}, expected {expected}", file.display())]
    Input {
        /// The trace.
        file: PathBuf,
        /// The recorded name.
        tensor: String,
        /// Shape and type.
        expected: String,
        /// Shape and type.
        actual: String,
    },
    /// A checkpoint and a reference have no LayerNorm and no attention in common.
    #[error(
        "{} holds no LayerNorm and no attention of which {} holds values: there is nothing to run",
        checkpoint.display(),
        reference.display()
    )]
    NoModules {
        /// The file with the weights.
        checkpoint: PathBuf,
        /// The trace.
        reference: PathBuf,
    },
    /// A trace does not say which tokens went in, and no reference was given.
    #[error(
        "{} does not say which tokens went in (metadata or array `ids`): name the reference that it is \
         to be held against with --reference",
        file.display()
    )]
    NoTokens {
        /// The trace.
        file: PathBuf,
    },
    /// The file of known answers is not one.
    #[error("{file}: not a file of known answers: {source}")]
    KnownAnswers {
        /// The file.
        file: String,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// A file cannot be read.
    #[error("{}: {source}", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// There is no token that could be foretold from another.
    #[error("{ids} tokens in rows of {row_len}: there is nothing to score")]
    NothingToScore {
        /// How many tokens there are.
        ids: usize,
        /// How many go into a row.
        row_len: usize,
    },
    /// A sampling parameter is out of its range.
    #[error("{parameter} is {value}, it must be {expected}")]
    Sampling {
        /// The parameter.
        parameter: &'static str,
        /// What was given.
        value: f64,
        /// Its range.
        expected: &'static str,
    },
}
