use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use zip::ZipArchive;

use super::npy;
use crate::{Tensor, TraceError};

/// The largest array that is read: a small archive may claim to unpack to anything.
const MAX_BYTES: u64 = 4 << 30;

/// Every array of an `.npz` file, by name.
pub(super) fn read_npz(path: &Path) -> Result<BTreeMap<String, Tensor>, TraceError> {
    let io = |source| TraceError::Io { path: path.to_owned(), source };
    let format =
        |reason: String| TraceError::Format { source_name: path.display().to_string(), reason };
    let file = BufReader::new(File::open(path).map_err(io)?);
    let mut archive = ZipArchive::new(file).map_err(|error| format(error.to_string()))?;
    let mut arrays = BTreeMap::new();
    for i in 0..archive.len() {
        let entry = archive.by_index(i).map_err(|error| format(error.to_string()))?;
        let name = entry.name().map_err(|error| format(error.to_string()))?.into_owned();
        let Some(name) = name.strip_suffix(".npy") else { continue };
        let bytes = read_all(entry).map_err(io)?;
        let tensor = npy::parse(&bytes);
        let tensor = tensor.map_err(|reason| format(format!("array `{name}`: {reason}")))?;
        if arrays.insert(name.to_owned(), tensor).is_some() {
            return Err(format(format!("array `{name}` is there twice")));
        }
    }
    Ok(arrays)
}

/// Every `.npy` file of a folder, by its name without the ending.
pub(super) fn read_folder(path: &Path) -> Result<BTreeMap<String, Tensor>, TraceError> {
    let io = |source| TraceError::Io { path: path.to_owned(), source };
    let mut arrays = BTreeMap::new();
    for entry in std::fs::read_dir(path).map_err(io)? {
        let file = entry.map_err(io)?.path();
        let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let Some(name) = name.strip_suffix(".npy") else { continue };
        let io = |source| TraceError::Io { path: file.clone(), source };
        let bytes = File::open(&file).and_then(read_all).map_err(io)?;
        let tensor = npy::parse(&bytes).map_err(|reason| TraceError::Format {
            source_name: file.display().to_string(),
            reason,
        })?;
        arrays.insert(name.to_owned(), tensor);
    }
    Ok(arrays)
}

fn read_all(reader: impl Read) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.take(MAX_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}
