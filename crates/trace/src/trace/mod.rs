//! What a run gave: recorded, written, read.

mod file;
mod fingerprint;
mod record;
mod tensor;

pub use fingerprint::{fingerprint, weights_differ};
pub use record::{Recorder, record};
pub use tensor::Tensor;

use std::collections::BTreeMap;
use std::path::Path;

use crate::TraceError;
use crate::checkpoint::split_step;

/// The values of one run, by the names of [`gpt2_model::Site`]; those of decode step `n` carry the
/// prefix `step.{n}.`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trace {
    /// Everything recorded.
    pub tensors: BTreeMap<String, Tensor>,
    /// Who made it, of what: see [`Trace::ids`] and [`Trace::decode`] for the entries that matter.
    pub metadata: BTreeMap<String, String>,
}

impl Trace {
    /// Reads a safetensors file and checks it against the digests in its own metadata, if it has
    /// them.
    ///
    /// # Errors
    ///
    /// [`TraceError`], naming the file and the tensor.
    pub fn open(path: &Path) -> Result<Trace, TraceError> {
        let bytes = std::fs::read(path)
            .map_err(|source| TraceError::Io { path: path.to_owned(), source })?;
        Trace::from_bytes(&bytes, &path.display().to_string())
    }

    /// [`Trace::open`] for bytes in memory, which errors call `source_name`.
    ///
    /// # Errors
    ///
    /// [`TraceError`], naming the tensor.
    pub fn from_bytes(bytes: &[u8], source_name: &str) -> Result<Trace, TraceError> {
        file::read(bytes, source_name)
    }

    /// Writes a safetensors file with the digests of everything in it.
    ///
    /// # Errors
    ///
    /// [`TraceError::Io`].
    pub fn save(&self, path: &Path) -> Result<(), TraceError> {
        let bytes = file::write(self)?;
        std::fs::write(path, bytes)
            .map_err(|source| TraceError::Io { path: path.to_owned(), source })
    }

    /// Whether it was written in this form, by us or by the scripts that ask HuggingFace: with the
    /// digests of everything in it.
    pub(crate) fn has_digests(&self) -> bool {
        self.metadata.contains_key(file::DIGEST)
    }

    /// The prompt's token ids, metadata `ids`: a JSON list. `None` if there is none.
    pub fn ids(&self) -> Option<Vec<u32>> {
        serde_json::from_str(self.metadata.get("ids")?).ok()
    }

    /// How many greedy tokens were generated, metadata `decode`; 0 if it does not say.
    pub fn decode(&self) -> usize {
        self.metadata.get("decode").and_then(|n| n.parse().ok()).unwrap_or(0)
    }

    /// Takes out the hidden states that were fed where it was not tokens: `input` of the prompt,
    /// `step.{n}.input` of decode step `n`, each `[T, C]`. They are what the values were computed from,
    /// and no taps.
    pub fn take_inputs(&mut self) -> BTreeMap<String, Tensor> {
        let all = std::mem::take(&mut self.tensors).into_iter();
        let (inputs, taps) = all.partition(|(name, _)| is_input(name));
        self.tensors = taps;
        inputs
    }

    /// Says which weights made it: what [`fingerprint`] gives.
    pub fn set_weights(&mut self, digests: BTreeMap<String, String>) {
        let digests = digests.into_iter().map(|(name, digest)| (name, digest.into())).collect();
        let json = serde_json::Value::Object(digests).to_string();
        self.metadata.insert("weights".to_owned(), json);
    }

    /// The digests of the weights that made it, metadata `weights`: parameter name to SHA-256 in
    /// hex. `None` if there are none.
    pub fn weights(&self) -> Option<BTreeMap<String, String>> {
        serde_json::from_str(self.metadata.get("weights")?).ok()
    }
}

/// Whether a recorded name is that of hidden states which were fed.
pub(crate) fn is_input(name: &str) -> bool {
    split_step(name).is_some_and(|(_, site)| site == "input")
}
