use std::path::PathBuf;

/// Why a trace could not be read, written, or recorded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TraceError {
    /// The file cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not safetensors, or holds a dtype that no trace has.
    #[error("{source_name}: not a trace: {reason}")]
    Format {
        /// The file, or what the bytes were called.
        source_name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A tensor's bytes are not those that the trace says were written.
    #[error(
        "{source_name}: tensor `{tensor}` was changed after it was written: \
         its SHA-256 is {actual}, the trace says {expected}"
    )]
    Changed {
        /// The file, or what the bytes were called.
        source_name: String,
        /// The tensor.
        tensor: String,
        /// The digest that the metadata gives.
        expected: String,
        /// The digest of the bytes.
        actual: String,
    },
    /// A tensor that the trace says it holds is not there, or one that it does not name is.
    #[error("{source_name}: tensor `{tensor}` {problem}")]
    Manifest {
        /// The file, or what the bytes were called.
        source_name: String,
        /// The tensor.
        tensor: String,
        /// `is missing` or the like.
        problem: &'static str,
    },
    /// The metadata's own digest does not fit.
    #[error(
        "{source_name}: the metadata was changed after it was written: \
         its SHA-256 is {actual}, the trace says {expected}"
    )]
    MetadataChanged {
        /// The file, or what the bytes were called.
        source_name: String,
        /// The digest that the metadata gives.
        expected: String,
        /// The digest of the other metadata.
        actual: String,
    },
    /// A mistake that would change nothing in the trace.
    #[error("`{mistake}` cannot be injected: {reason}")]
    NotInjected {
        /// Its id.
        mistake: &'static str,
        /// Why not.
        reason: String,
    },
    /// The tolerances are not valid.
    #[error("tolerances: {0}")]
    Tolerances(String),
    /// The model refused the tokens.
    #[error(transparent)]
    Model(#[from] gpt2_model::ModelError),
}
