//! Everything that can be wrong with a checkpoint, one variant per way.

use std::io;
use std::path::PathBuf;
use std::str::Utf8Error;

use crate::Dtype;

/// Why a checkpoint was refused.
///
/// Every variant carries the file it speaks of and, where there is one, the tensor or the field,
/// what was expected and what was found. Names that come out of a file are printed quoted and
/// escaped, so that a hostile header cannot write to the terminal.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WeightsError {
    /// The operating system refused to open, read or map the file.
    #[error("{}: {source}", file.display())]
    Io {
        /// The file that was asked for.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },

    /// A directory, pipe, socket or device stands where a file should be.
    #[error("{}: expected a regular file, found {found}", file.display())]
    NotAFile {
        /// The path.
        file: PathBuf,
        /// What is there instead.
        found: &'static str,
    },

    /// The file has no bytes.
    #[error("{}: the file is empty", file.display())]
    Empty {
        /// The file.
        file: PathBuf,
    },

    /// A part that is read whole is larger than any honest one.
    #[error("{}: {what} has {actual} bytes, more than the {limit} that are accepted", file.display())]
    TooLarge {
        /// The file.
        file: PathBuf,
        /// Which part: "the header", "the index", "the configuration".
        what: &'static str,
        /// Its size in bytes.
        actual: u64,
        /// The largest size accepted.
        limit: u64,
    },

    /// The directory holds neither `model.safetensors` nor `model.safetensors.index.json`.
    #[error(
        "{}: no model.safetensors and no model.safetensors.index.json in this directory",
        directory.display()
    )]
    NoCheckpoint {
        /// The directory.
        directory: PathBuf,
    },

    /// The directory holds the weights only as a Python pickle, which this crate does not execute.
    #[error(
        "{}: the weights are there only as {pickle}, a Python pickle, which is not read; convert it:\n    \
         from transformers import GPT2LMHeadModel\n    \
         GPT2LMHeadModel.from_pretrained({dir:?}).save_pretrained({dir:?})",
        directory.display(),
        dir = directory.display().to_string()
    )]
    OnlyPickle {
        /// The directory.
        directory: PathBuf,
        /// The pickle that was found in it.
        pickle: &'static str,
    },

    /// `config.json`, an index or a header is not the JSON it must be.
    #[error("{}: {what} is not valid: {reason}", file.display())]
    Json {
        /// The file.
        file: PathBuf,
        /// Which part: "the header", "the index", "the configuration".
        what: &'static str,
        /// What the parser said.
        reason: String,
    },

    /// The same key stands twice in a JSON object, so that readers could disagree on its value.
    #[error("{}: {name:?} appears more than once", file.display())]
    DuplicateName {
        /// The file.
        file: PathBuf,
        /// The key, canonical for a tensor: `wte.weight` and `transformer.wte.weight` are the same.
        name: String,
    },

    /// A configuration field has a value that no GPT-2 can have.
    #[error("{}: {field}: expected {expected}, found {actual}", file.display())]
    Config {
        /// The configuration file.
        file: PathBuf,
        /// The field.
        field: &'static str,
        /// What it must be.
        expected: String,
        /// What it is.
        actual: String,
    },

    /// A configuration field asks for arithmetic that this project does not implement.
    #[error("{}: {field} = {actual} is not supported: {supported}", file.display())]
    Unsupported {
        /// The configuration file.
        file: PathBuf,
        /// The field.
        field: &'static str,
        /// Its value.
        actual: String,
        /// What is supported.
        supported: &'static str,
    },

    /// The file is another kind of file, or too short to be any.
    #[error("{}: not a safetensors file but {found}", file.display())]
    NotSafetensors {
        /// The file.
        file: PathBuf,
        /// What it looks like.
        found: &'static str,
    },

    /// The first eight bytes, the length of the header, are zero or point outside the file.
    #[error(
        "{}: the header length is {length}, it must be from 1 to the {available} bytes that follow it",
        file.display()
    )]
    HeaderLength {
        /// The safetensors file.
        file: PathBuf,
        /// The length that the file states.
        length: u64,
        /// The bytes that are there.
        available: u64,
    },

    /// The header is not UTF-8.
    #[error("{}: the header is not UTF-8: {source}", file.display())]
    HeaderUtf8 {
        /// The safetensors file.
        file: PathBuf,
        /// Where it stops being UTF-8.
        source: Utf8Error,
    },

    /// The header names an element type that the safetensors format does not have.
    #[error("{}: {tensor:?}: unknown dtype {actual:?}", file.display())]
    UnknownDtype {
        /// The safetensors file.
        file: PathBuf,
        /// The tensor.
        tensor: String,
        /// The type that the header states.
        actual: String,
    },

    /// The size of a tensor does not fit in the address space.
    #[error("{}: {tensor:?}: a {dtype} tensor of shape {shape:?} overflows", file.display())]
    ShapeOverflow {
        /// The safetensors file.
        file: PathBuf,
        /// The tensor.
        tensor: String,
        /// Its element type.
        dtype: Dtype,
        /// Its shape.
        shape: Vec<u64>,
    },

    /// The bytes of a tensor end before they begin.
    #[error("{}: {tensor:?}: data offsets run backwards, from {begin} to {end}", file.display())]
    OffsetsBackwards {
        /// The safetensors file.
        file: PathBuf,
        /// The tensor.
        tensor: String,
        /// Its first byte, counted from the end of the header.
        begin: u64,
        /// The byte after its last.
        end: u64,
    },

    /// The bytes of a tensor are not as many as its shape and element type need.
    #[error(
        "{}: {tensor:?}: a {dtype} tensor of shape {shape:?} needs {expected} bytes, \
         its data offsets span {actual}",
        file.display()
    )]
    ByteCount {
        /// The safetensors file.
        file: PathBuf,
        /// The tensor.
        tensor: String,
        /// Its element type.
        dtype: Dtype,
        /// Its shape.
        shape: Vec<usize>,
        /// The bytes it needs.
        expected: u64,
        /// The bytes it has.
        actual: u64,
    },

    /// The bytes of a tensor do not begin where those of the one before end.
    #[error(
        "{}: {tensor:?}: data begins at {actual}, {} at {expected}",
        file.display(),
        if actual < expected { "inside the tensor before it, which ends" } else { "leaving a hole that starts" }
    )]
    OffsetsGap {
        /// The safetensors file.
        file: PathBuf,
        /// The tensor.
        tensor: String,
        /// Where its data should begin, counted from the end of the header.
        expected: u64,
        /// Where it begins: less is an overlap, more is a hole.
        actual: u64,
    },

    /// The file is shorter than its header says.
    #[error(
        "{}: truncated: the tensors end at byte {expected}, the file at {actual} (from tensor {tensor:?} on)",
        file.display()
    )]
    Truncated {
        /// The safetensors file.
        file: PathBuf,
        /// The first tensor whose bytes are not all there.
        tensor: String,
        /// The size that the header implies.
        expected: u64,
        /// The size of the file.
        actual: u64,
    },

    /// The file is longer than its header says.
    #[error(
        "{}: trailing bytes: the tensors end at byte {expected}, the file at {actual}",
        file.display()
    )]
    TrailingBytes {
        /// The safetensors file.
        file: PathBuf,
        /// The size that the header implies.
        expected: u64,
        /// The size of the file.
        actual: u64,
    },

    /// A tensor that was asked for is not in the checkpoint.
    #[error("{}: tensor {tensor:?} is missing", file.display())]
    MissingTensor {
        /// The safetensors file or the index.
        file: PathBuf,
        /// The canonical name.
        tensor: String,
    },

    /// The checkpoint has tensors that a GPT-2 of this configuration does not.
    #[error(
        "{}: tensor {tensor:?} is not part of this configuration ({count} such tensors)",
        file.display()
    )]
    UnexpectedTensor {
        /// The safetensors file that holds it.
        file: PathBuf,
        /// The first of them, in the order of names.
        tensor: String,
        /// How many there are.
        count: usize,
    },

    /// A tensor has another shape than it should.
    #[error("{}: {tensor:?}: expected shape {expected:?}, found {actual:?}", file.display())]
    WrongShape {
        /// The safetensors file.
        file: PathBuf,
        /// The tensor.
        tensor: String,
        /// The shape that was asked for.
        expected: Vec<usize>,
        /// The shape in the file.
        actual: Vec<usize>,
    },

    /// A tensor has an element type that is not one of the floats which are read.
    #[error("{}: {tensor:?}: expected dtype {expected}, found {actual}", file.display())]
    WrongDtype {
        /// The safetensors file.
        file: PathBuf,
        /// The tensor.
        tensor: String,
        /// The types that are read.
        expected: &'static str,
        /// The type in the file.
        actual: Dtype,
    },

    /// The configuration ties the head to `wte`, but the checkpoint has a head with other values.
    ///
    /// `transformers` 4 computes such a model with `wte`, `transformers` 5 with the head, so that
    /// the file alone does not say what it means.
    #[error(
        "{}: {tensor:?} differs from \"wte.weight\" although the configuration ties them: \
         set \"tie_word_embeddings\": false to use it, or remove it",
        file.display()
    )]
    TiedHeadDiffers {
        /// The safetensors file that holds the head.
        file: PathBuf,
        /// The head.
        tensor: String,
    },

    /// An index names a shard that is not a plain file name beside it.
    #[error(
        "{}: {tensor:?} is said to be in {shard:?}: a shard must be a file name in the same directory",
        file.display()
    )]
    ShardPath {
        /// The index.
        file: PathBuf,
        /// The tensor.
        tensor: String,
        /// The path that the index gives.
        shard: String,
    },

    /// A shard that the index names is not there.
    #[error("{}: shard {shard:?} is missing", file.display())]
    MissingShard {
        /// The index.
        file: PathBuf,
        /// The shard.
        shard: String,
    },

    /// The index and its shards do not hold the same tensors.
    #[error("{}: disagrees with its shards: {tensor:?} {}", file.display(), match (expected, actual) {
        (Some(index), Some(shard)) => format!("is listed in {index:?}, but it is in {shard:?}"),
        (Some(index), None) => format!("is listed in {index:?}, but it is not there"),
        (None, Some(shard)) => format!("is in {shard:?}, but it is not listed"),
        (None, None) => "is nowhere".to_owned(),
    })]
    IndexDisagrees {
        /// The index.
        file: PathBuf,
        /// The tensor.
        tensor: String,
        /// The shard in which the index lists it, if it does.
        expected: Option<String>,
        /// The shard that holds it, if one does.
        actual: Option<String>,
    },

    /// A block was asked for that the model does not have.
    #[error("{}: block {block} was asked for, the model has {n_layer}", file.display())]
    NoSuchBlock {
        /// The checkpoint.
        file: PathBuf,
        /// The index that was asked for.
        block: usize,
        /// The number of blocks.
        n_layer: usize,
    },

    /// A synthetic checkpoint could not be made.
    #[error("{}: the synthetic checkpoint cannot be made: {reason}", file.display())]
    Synthetic {
        /// The file that was to be written.
        file: PathBuf,
        /// Why not.
        reason: String,
    },
}

impl WeightsError {
    pub(crate) fn io(file: impl Into<PathBuf>, source: io::Error) -> Self {
        Self::Io { file: file.into(), source }
    }
}
