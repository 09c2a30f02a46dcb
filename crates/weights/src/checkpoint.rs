//! The tensors of a checkpoint, whatever the number of its files.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use ndarray::{Array, ArrayView, CowArray, Dimension, IntoDimension};

use crate::file::Access;
use crate::header::{self, TensorInfo};
use crate::shard::Shard;
use crate::{Dtype, WeightsError, convert, index};

/// The name of the single weight file that HuggingFace writes.
const SINGLE: &str = "model.safetensors";
/// The name of the index that stands beside the shards of a larger checkpoint.
const INDEX: &str = "model.safetensors.index.json";
/// What older checkpoints have instead.
const PICKLES: [&str; 2] = ["pytorch_model.bin", "pytorch_model.bin.index.json"];

/// The tensors of one safetensors file, of a sharded checkpoint, or of bytes in memory.
///
/// It is not tied to a configuration: a file with the attention of a model alone is a checkpoint
/// too. Names are *canonical*, without the leading `transformer.` that `GPT2LMHeadModel` gives
/// and `GPT2Model` does not; either form may be asked for.
///
/// Every header is verified before this type exists: each tensor's bytes lie in the file, are as
/// many as its shape and dtype need, and belong to no other.
pub struct Checkpoint {
    source: PathBuf,
    tensors: BTreeMap<String, Entry>,
    shards: Vec<Shard>,
}

struct Entry {
    info: TensorInfo,
    shard: usize,
}

/// A tensor as it is stored.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct RawTensor<'a> {
    /// The canonical name.
    pub name: &'a str,
    /// The type of the elements.
    pub dtype: Dtype,
    /// The length of each dimension, the slowest first.
    pub shape: &'a [usize],
    /// The elements, little-endian, row-major; not necessarily aligned.
    pub bytes: &'a [u8],
    /// The safetensors file that holds it.
    pub file: &'a Path,
}

impl Checkpoint {
    /// Opens a `.safetensors` file, an index (`.json`), or a directory with `model.safetensors`
    /// or `model.safetensors.index.json` (the first if both are there, as HuggingFace does).
    ///
    /// # Errors
    ///
    /// [`NoCheckpoint`](WeightsError::NoCheckpoint) or [`OnlyPickle`](WeightsError::OnlyPickle)
    /// for a directory without safetensors, otherwise any of the variants that speak of files,
    /// headers, offsets and shards.
    pub fn open(path: impl AsRef<Path>, access: Access) -> Result<Self, WeightsError> {
        let path = path.as_ref();
        let is_dir =
            std::fs::metadata(path).map_err(|source| WeightsError::io(path, source))?.is_dir();
        let file = if is_dir { find(path)? } else { path.to_owned() };
        let mut budget = header::MAX_HEADER;
        let shards = if file.extension().is_some_and(|ext| ext == "json") {
            index::open(&file, access, &mut budget)?
        } else {
            vec![Shard::open(&file, access, &mut budget)?]
        };
        Self::from_shards(file, shards)
    }

    /// Reads a safetensors file from memory. `source` is what errors call it.
    ///
    /// # Errors
    ///
    /// As for [`open`](Self::open), those that speak of headers and offsets.
    pub fn from_bytes(
        bytes: impl Into<Cow<'static, [u8]>>,
        source: impl AsRef<Path>,
    ) -> Result<Self, WeightsError> {
        let source = source.as_ref();
        let shard = Shard::from_bytes(bytes.into(), source)?;
        Self::from_shards(source.to_owned(), vec![shard])
    }

    fn from_shards(source: PathBuf, mut shards: Vec<Shard>) -> Result<Self, WeightsError> {
        let mut tensors = BTreeMap::new();
        for (shard, part) in shards.iter_mut().enumerate() {
            for (name, info) in std::mem::take(&mut part.tensors) {
                let name = canonical(&name).to_owned();
                if tensors.contains_key(&name) {
                    return Err(WeightsError::DuplicateName { file: part.path.clone(), name });
                }
                tensors.insert(name, Entry { info, shard });
            }
        }
        Ok(Self { source, tensors, shards })
    }

    /// The file, the index, or the label of the bytes that this came from.
    #[must_use]
    pub fn source(&self) -> &Path {
        &self.source
    }

    /// The files that hold the tensors: one, or the shards.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.shards.iter().map(|shard| shard.path.as_path())
    }

    /// The canonical names of all tensors, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// How many tensors there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tensors.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tensors.is_empty()
    }

    /// A tensor as it is stored, whatever its dtype, or `None` if there is none of that name.
    #[must_use]
    pub fn raw(&self, name: &str) -> Option<RawTensor<'_>> {
        let (name, entry) = self.tensors.get_key_value(canonical(name))?;
        let shard = self.shards.get(entry.shard)?;
        Some(RawTensor {
            name,
            dtype: entry.info.dtype,
            shape: &entry.info.shape,
            bytes: shard.data.get(&entry.info.range)?,
            file: &shard.path,
        })
    }

    /// All tensors as they are stored, in the order of [`names`](Self::names).
    pub fn iter(&self) -> impl Iterator<Item = RawTensor<'_>> {
        self.names().filter_map(|name| self.raw(name))
    }

    /// A tensor as `f32`, in the shape that it must have.
    ///
    /// F32 is a view of the file where it is aligned to four bytes there, else a copy. F16, BF16
    /// and F64 are converted: the first two exactly, the last to the nearest `f32`.
    ///
    /// # Errors
    ///
    /// [`MissingTensor`](WeightsError::MissingTensor), [`WrongShape`](WeightsError::WrongShape),
    /// or [`WrongDtype`](WeightsError::WrongDtype) for elements that are not floats.
    pub fn tensor<D: Dimension>(
        &self,
        name: &str,
        shape: impl IntoDimension<Dim = D>,
    ) -> Result<CowArray<'_, f32, D>, WeightsError> {
        let shape = shape.into_dimension();
        let raw = self.check(name, shape.slice())?;
        let wrong_shape = || WeightsError::WrongShape {
            file: raw.file.to_owned(),
            tensor: raw.name.to_owned(),
            expected: shape.slice().to_vec(),
            actual: raw.shape.to_vec(),
        };
        match convert::to_f32(raw.dtype, raw.bytes) {
            Some(Cow::Borrowed(values)) => ArrayView::from_shape(shape.clone(), values)
                .map(CowArray::from)
                .map_err(|_| wrong_shape()),
            Some(Cow::Owned(values)) => Array::from_shape_vec(shape.clone(), values)
                .map(CowArray::from)
                .map_err(|_| wrong_shape()),
            None => Err(wrong_dtype(&raw)),
        }
    }

    /// Checks that a tensor is there, has this shape, and can be read as `f32`.
    pub(crate) fn check(&self, name: &str, shape: &[usize]) -> Result<RawTensor<'_>, WeightsError> {
        let raw = self.raw(name).ok_or_else(|| WeightsError::MissingTensor {
            file: self.source.clone(),
            tensor: canonical(name).to_owned(),
        })?;
        if raw.shape != shape {
            return Err(WeightsError::WrongShape {
                file: raw.file.to_owned(),
                tensor: raw.name.to_owned(),
                expected: shape.to_vec(),
                actual: raw.shape.to_vec(),
            });
        }
        if !convert::is_float(raw.dtype) {
            return Err(wrong_dtype(&raw));
        }
        Ok(raw)
    }

    /// How many elements of a tensor are NaN or infinite as `f32`; `None` if there is no tensor
    /// of that name, or its elements are not floats. Reads the whole tensor.
    #[must_use]
    pub fn non_finite(&self, name: &str) -> Option<usize> {
        let raw = self.raw(name)?;
        convert::non_finite(raw.dtype, raw.bytes)
    }

    /// Gives the memory of a tensor's pages back to the system.
    ///
    /// For a loader that copies each tensor into a layout of its own: released after each copy,
    /// the file never counts in full beside the copies. Nothing becomes invalid; views that are
    /// still held read the file again. It is a request that only Linux honours, and only where
    /// the file is mapped.
    pub fn release(&self, name: &str) {
        if let Some(entry) = self.tensors.get(canonical(name))
            && let Some(shard) = self.shards.get(entry.shard)
        {
            shard.data.release(&entry.info.range);
        }
    }
}

impl fmt::Debug for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Checkpoint")
            .field("source", &self.source)
            .field("files", &self.shards.len())
            .field("tensors", &self.tensors.len())
            .finish()
    }
}

/// The name without the `transformer.` that depends on which HuggingFace class saved the file.
pub(crate) fn canonical(name: &str) -> &str {
    name.strip_prefix("transformer.").unwrap_or(name)
}

fn wrong_dtype(raw: &RawTensor<'_>) -> WeightsError {
    WeightsError::WrongDtype {
        file: raw.file.to_owned(),
        tensor: raw.name.to_owned(),
        expected: convert::FLOATS,
        actual: raw.dtype,
    }
}

/// The weight file or index in a directory.
fn find(directory: &Path) -> Result<PathBuf, WeightsError> {
    for name in [SINGLE, INDEX] {
        let path = directory.join(name);
        // Not `exists()`: a symbolic link to nothing is an error to report, not an absence.
        if path.symlink_metadata().is_ok() {
            return Ok(path);
        }
    }
    let directory = directory.to_owned();
    for pickle in PICKLES {
        if directory.join(pickle).exists() {
            return Err(WeightsError::OnlyPickle { directory, pickle });
        }
    }
    Err(WeightsError::NoCheckpoint { directory })
}
