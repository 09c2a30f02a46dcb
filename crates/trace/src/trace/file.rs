//! A trace as a file: safetensors, with digests in the metadata so that no byte changes unseen.

use std::collections::{BTreeMap, HashMap};

use safetensors::SafeTensors;
use safetensors::tensor::TensorView;
use sha2::{Digest, Sha256};

use crate::{Tensor, Trace, TraceError};

/// Metadata: a JSON object, tensor name to the SHA-256 of its bytes.
const TENSORS: &str = "tensors";
/// Metadata: the SHA-256 of `key=value\n` for all other metadata, sorted by key.
pub(super) const DIGEST: &str = "digest";

/// The SHA-256 of `bytes` in hex.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn read(bytes: &[u8], source_name: &str) -> Result<Trace, TraceError> {
    let format =
        |reason: String| TraceError::Format { source_name: source_name.to_owned(), reason };
    let tensors = SafeTensors::deserialize(bytes).map_err(|error| format(error.to_string()))?;
    let (_, header) =
        SafeTensors::read_metadata(bytes).map_err(|error| format(error.to_string()))?;
    let metadata: BTreeMap<String, String> =
        header.metadata().clone().unwrap_or_default().into_iter().collect();

    let mut trace = Trace { tensors: BTreeMap::new(), metadata };
    let mut digests = BTreeMap::new();
    for (name, view) in tensors.tensors() {
        let tensor = Tensor::from_bytes(view.dtype(), view.shape(), view.data())
            .map_err(|reason| format(format!("tensor `{name}`: {reason}")))?;
        digests.insert(name.clone(), sha256(view.data()));
        trace.tensors.insert(name, tensor);
    }
    check_digests(&trace.metadata, &digests, source_name)?;
    Ok(trace)
}

pub(crate) fn write(trace: &Trace) -> Result<Vec<u8>, TraceError> {
    let format = |reason: String| TraceError::Format { source_name: "trace".to_owned(), reason };
    let bytes: BTreeMap<&String, Vec<u8>> =
        trace.tensors.iter().map(|(name, tensor)| (name, tensor.to_bytes())).collect();
    let digests: BTreeMap<&String, String> =
        bytes.iter().map(|(name, bytes)| (*name, sha256(bytes))).collect();
    let mut metadata = trace.metadata.clone();
    metadata.insert(
        TENSORS.to_owned(),
        serde_json::to_string(&digests).map_err(|error| format(error.to_string()))?,
    );
    metadata.insert(DIGEST.to_owned(), metadata_digest(&metadata));

    let views = bytes
        .iter()
        .map(|(&name, bytes)| {
            let tensor = &trace.tensors[name];
            TensorView::new(tensor.dtype(), tensor.shape().to_vec(), bytes)
                .map(|view| (name, view))
                .map_err(|error| format(error.to_string()))
        })
        .collect::<Result<Vec<_>, _>>()?;
    let metadata: HashMap<String, String> = metadata.into_iter().collect();
    let bytes = safetensors::serialize(views, Some(metadata));
    sorted_header(bytes.map_err(|error| format(error.to_string()))?)
        .map_err(|error| format(error.to_string()))
}

/// The header with its keys in order, so that the same trace is the same file: the metadata is
/// written in the order of a hash map otherwise, another one each time.
fn sorted_header(bytes: Vec<u8>) -> Result<Vec<u8>, serde_json::Error> {
    let Some((length, rest)) = bytes.split_first_chunk::<8>() else { return Ok(bytes) };
    let length = usize::try_from(u64::from_le_bytes(*length)).unwrap_or(usize::MAX);
    let Some((header, data)) = rest.split_at_checked(length) else { return Ok(bytes) };
    let fields: BTreeMap<String, BTreeMap<String, serde_json::Value>> =
        serde_json::from_slice(header)?;
    let mut header = serde_json::to_vec(&fields)?;
    // The data begins at a multiple of 8.
    header.resize(header.len().next_multiple_of(8), b' ');
    let length = (header.len() as u64).to_le_bytes();
    Ok([length.as_slice(), &header, data].concat())
}

fn metadata_digest(metadata: &BTreeMap<String, String>) -> String {
    let mut text = String::new();
    for (key, value) in metadata.iter().filter(|(key, _)| *key != DIGEST) {
        text.extend([key, "=", value, "\n"]);
    }
    sha256(text.as_bytes())
}

/// A trace made elsewhere may come without digests; one that has them must fit them.
fn check_digests(
    metadata: &BTreeMap<String, String>,
    actual: &BTreeMap<String, String>,
    source_name: &str,
) -> Result<(), TraceError> {
    let source_name = source_name.to_owned();
    if let Some(expected) = metadata.get(DIGEST) {
        let actual = metadata_digest(metadata);
        if *expected != actual {
            let expected = expected.clone();
            return Err(TraceError::MetadataChanged { source_name, expected, actual });
        }
    }
    let Some(manifest) = metadata.get(TENSORS) else { return Ok(()) };
    let expected: BTreeMap<String, String> =
        serde_json::from_str(manifest).map_err(|error| TraceError::Format {
            source_name: source_name.clone(),
            reason: format!("metadata `{TENSORS}`: {error}"),
        })?;
    for (tensor, expected) in &expected {
        let tensor = tensor.clone();
        match actual.get(&tensor) {
            None => {
                let problem = "is missing, though the metadata names it";
                return Err(TraceError::Manifest { source_name, tensor, problem });
            }
            Some(actual) if actual != expected => {
                let (expected, actual) = (expected.clone(), actual.clone());
                return Err(TraceError::Changed { source_name, tensor, expected, actual });
            }
            Some(_) => {}
        }
    }
    if let Some(tensor) = actual.keys().find(|name| !expected.contains_key(*name)) {
        let (tensor, problem) = (tensor.clone(), "is not among those the metadata names");
        return Err(TraceError::Manifest { source_name, tensor, problem });
    }
    Ok(())
}
