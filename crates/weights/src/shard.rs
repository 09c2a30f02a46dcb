//! One safetensors file: its verified header and its bytes.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::WeightsError;
use crate::file::{Access, Data, Source};
use crate::header::{self, TensorInfo};

/// One safetensors file.
pub(crate) struct Shard {
    pub(crate) path: PathBuf,
    pub(crate) data: Data,
    /// By the names as stored; emptied when the checkpoint is put together.
    pub(crate) tensors: BTreeMap<String, TensorInfo>,
}

impl Shard {
    /// Opens a file and verifies its header, which takes its length from `budget`.
    pub(crate) fn open(
        path: &Path,
        access: Access,
        budget: &mut u64,
    ) -> Result<Self, WeightsError> {
        let file = Source::open(path)?;
        let total = file.len;
        let prefix = file.read_next(header::PREFIX.min(total))?;
        let length = header::length(&prefix, total, *budget, path)?;
        *budget -= length;
        let header = file.read_next(length)?;
        let start = header::PREFIX + length;
        // Before the data is read: a file that is refused costs its header alone.
        let tensors = header::parse(&header, total - start, path)?;
        let data = file.into_data(start, access)?;
        Ok(Self { path: path.to_owned(), data, tensors })
    }

    /// Verifies the header of a file in memory.
    pub(crate) fn from_bytes(
        bytes: Cow<'static, [u8]>,
        source: &Path,
    ) -> Result<Self, WeightsError> {
        let total = bytes.len() as u64;
        if total == 0 {
            return Err(WeightsError::Empty { file: source.to_owned() });
        }
        let (prefix, rest) =
            bytes.split_at_checked(header::PREFIX as usize).unwrap_or((&bytes, &[]));
        let length = header::length(prefix, total, header::MAX_HEADER, source)?;
        // `length` is at most that of `rest`, so it fits.
        let (header, data) = rest.split_at_checked(length as usize).unwrap_or((rest, &[]));
        let tensors = header::parse(header, data.len() as u64, source)?;
        let start = bytes.len() - data.len();
        Ok(Self { path: source.to_owned(), data: Data::memory(bytes, start), tensors })
    }
}
