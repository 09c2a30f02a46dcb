//! The header of a safetensors file: parsed, and checked against the size of the file.
//!
//! The format is eight bytes of length (little-endian), that many bytes of JSON, then the data:
//! <https://github.com/huggingface/safetensors#format>. This module parses the JSON itself
//! because the `safetensors` crate keeps the last of two tensors of the same name, accepts a
//! header of 100 MB, and reports most inconsistencies without the name of the tensor or the
//! sizes involved. What that crate refuses is refused here too; a property test compares them.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::path::Path;

use serde::Deserialize;
use serde::de::value::{Error as ValueError, StrDeserializer};
use serde::de::{Deserializer, Error, IntoDeserializer, MapAccess, SeqAccess, Visitor};

use crate::json::{self, Entry, Object, shorten};
use crate::{Dtype, WeightsError};

/// The length of the length.
pub(crate) const PREFIX: u64 = 8;

/// The longest header that is read. The largest GPT-2 has one of about 80 KB.
pub(crate) const MAX_HEADER: u64 = 4 << 20;

/// The most dimensions that a tensor may have; a GPT-2's have two, its stray buffers four.
const MAX_RANK: usize = 32;

const WHAT: &str = "the header";

/// One tensor of one file: the header entry, verified.
#[derive(Debug, Clone)]
pub(crate) struct TensorInfo {
    pub(crate) dtype: Dtype,
    pub(crate) shape: Vec<usize>,
    /// Its bytes, counted from the end of the header.
    pub(crate) range: Range<usize>,
}

/// What the header says of a tensor, before it is believed.
#[derive(Deserialize)]
struct RawInfo {
    dtype: String,
    shape: Shape,
    data_offsets: (u64, u64),
}

/// A shape with no more dimensions than a message can show.
struct Shape(Vec<u64>);

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ShapeVisitor;
        impl<'de> Visitor<'de> for ShapeVisitor {
            type Value = Shape;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a shape of at most {MAX_RANK} dimensions")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Shape, A::Error> {
                let mut dims = Vec::new();
                while let Some(dim) = seq.next_element()? {
                    if dims.len() == MAX_RANK {
                        return Err(A::Error::invalid_length(MAX_RANK + 1, &self));
                    }
                    dims.push(dim);
                }
                Ok(Shape(dims))
            }
        }
        deserializer.deserialize_seq(ShapeVisitor)
    }
}

enum HeaderEntry {
    Metadata,
    Tensor(RawInfo),
}

impl Entry for HeaderEntry {
    fn read<'de, A: MapAccess<'de>>(key: &str, map: &mut A) -> Result<Self, A::Error> {
        if key == "__metadata__" {
            map.next_value::<Object<Text>>().map(|_| Self::Metadata)
        } else {
            map.next_value().map(Self::Tensor)
        }
    }
}

/// A string that is checked to be one and dropped.
struct Text;

impl Entry for Text {
    fn read<'de, A: MapAccess<'de>>(_: &str, map: &mut A) -> Result<Self, A::Error> {
        map.next_value()
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;
        impl Visitor<'_> for TextVisitor {
            type Value = Text;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_str<E: Error>(self, _: &str) -> Result<Text, E> {
                Ok(Text)
            }
        }
        deserializer.deserialize_str(TextVisitor)
    }
}

/// The length of the header, from the first eight bytes of a file of `file_len` bytes.
///
/// `budget` is how many bytes of header may still be read; all shards share one.
pub(crate) fn length(
    prefix: &[u8],
    file_len: u64,
    budget: u64,
    file: &Path,
) -> Result<u64, WeightsError> {
    let Ok(prefix) = <[u8; PREFIX as usize]>::try_from(prefix) else {
        return Err(WeightsError::NotSafetensors {
            file: file.to_owned(),
            found: "fewer than eight bytes",
        });
    };
    let length = u64::from_le_bytes(prefix);
    let available = file_len.saturating_sub(PREFIX);
    if length == 0 || length > available {
        return Err(match other_format(prefix) {
            Some(found) => WeightsError::NotSafetensors { file: file.to_owned(), found },
            None => WeightsError::HeaderLength { file: file.to_owned(), length, available },
        });
    }
    if length > budget {
        return Err(WeightsError::TooLarge {
            file: file.to_owned(),
            what: WHAT,
            actual: length,
            limit: budget,
        });
    }
    Ok(length)
}

/// What users have in place of a safetensors file, by its first eight bytes.
fn other_format(prefix: [u8; PREFIX as usize]) -> Option<&'static str> {
    let known: [(&[u8], &str); 6] = [
        (b"version ", "a Git LFS pointer: the content was not fetched (git lfs pull)"),
        (b"<!", "a web page"),
        (b"<html", "a web page"),
        (b"PK\x03\x04", "a zip archive, such as PyTorch's pickles are"),
        (b"\x80\x02", "a Python pickle"),
        (b"GGUF", "a GGUF file"),
    ];
    known.into_iter().find_map(|(magic, found)| prefix.starts_with(magic).then_some(found))
}

/// Parses a header and checks it against the `data_len` bytes that follow it.
///
/// Tensor names are as stored. The tensors must cover the data exactly, without overlap or hole.
pub(crate) fn parse(
    header: &[u8],
    data_len: u64,
    file: &Path,
) -> Result<BTreeMap<String, TensorInfo>, WeightsError> {
    let text = std::str::from_utf8(header)
        .map_err(|source| WeightsError::HeaderUtf8 { file: file.to_owned(), source })?;
    let object: Object<HeaderEntry> =
        serde_json::from_str(text).map_err(|error| json::invalid(file, WHAT, &error))?;
    if let Some(name) = object.duplicate {
        return Err(WeightsError::DuplicateName { file: file.to_owned(), name });
    }

    let mut tensors = Vec::with_capacity(object.entries.len());
    for (name, entry) in object.entries {
        if let HeaderEntry::Tensor(raw) = entry {
            let info = verify(&name, raw, file)?;
            tensors.push((name, info));
        }
    }
    tensors.sort_by_key(|(_, info)| (info.range.start, info.range.end));
    check_cover(&tensors, PREFIX + header.len() as u64, data_len, file)?;
    Ok(tensors.into_iter().collect())
}

/// Checks one entry by itself: the element type, the size of the shape, the order of the offsets.
fn verify(name: &str, raw: RawInfo, file: &Path) -> Result<TensorInfo, WeightsError> {
    let RawInfo { dtype, shape: Shape(shape), data_offsets: (begin, end) } = raw;
    let known: StrDeserializer<'_, ValueError> = dtype.as_str().into_deserializer();
    let dtype = Dtype::deserialize(known).map_err(|_| WeightsError::UnknownDtype {
        file: file.to_owned(),
        tensor: name.to_owned(),
        actual: shorten(dtype.clone()),
    })?;

    let size = byte_count(&shape, dtype);
    let Some((shape_usize, bits)) = size else {
        return Err(WeightsError::ShapeOverflow {
            file: file.to_owned(),
            tensor: name.to_owned(),
            dtype,
            shape,
        });
    };
    let Some(actual) = end.checked_sub(begin) else {
        return Err(WeightsError::OffsetsBackwards {
            file: file.to_owned(),
            tensor: name.to_owned(),
            begin,
            end,
        });
    };
    // Four-bit elements may leave half a byte over, which no span of bytes matches.
    let (Ok(start), Ok(stop), true) =
        (usize::try_from(begin), usize::try_from(end), bits % 8 == 0 && actual == bits / 8)
    else {
        return Err(WeightsError::ByteCount {
            file: file.to_owned(),
            tensor: name.to_owned(),
            dtype,
            shape: shape_usize,
            expected: bits.div_ceil(8),
            actual,
        });
    };
    Ok(TensorInfo { dtype, shape: shape_usize, range: start..stop })
}

/// The shape as `usize` and its size in bits, or `None` where either overflows.
fn byte_count(shape: &[u64], dtype: Dtype) -> Option<(Vec<usize>, u64)> {
    let dims: Vec<usize> =
        shape.iter().map(|&dim| usize::try_from(dim).ok()).collect::<Option<_>>()?;
    // As safetensors does: a zero does not excuse dimensions that overflow before it. ndarray
    // and most other readers multiply the same way.
    let elements = dims.iter().try_fold(1_usize, |n, &dim| n.checked_mul(dim))?;
    let bits = u64::try_from(elements).ok()?.checked_mul(u64::try_from(dtype.bitsize()).ok()?)?;
    Some((dims, bits))
}

/// Checks that the tensors, in the order of their offsets, cover the data exactly.
fn check_cover(
    tensors: &[(String, TensorInfo)],
    data_start: u64,
    data_len: u64,
    file: &Path,
) -> Result<(), WeightsError> {
    let mut expected = 0;
    for (name, info) in tensors {
        if info.range.start != expected {
            return Err(WeightsError::OffsetsGap {
                file: file.to_owned(),
                tensor: name.clone(),
                expected: expected as u64,
                actual: info.range.start as u64,
            });
        }
        expected = info.range.end;
    }
    let end = expected as u64;
    let total = data_start.saturating_add(end);
    let actual = data_start.saturating_add(data_len);
    if end > data_len {
        let tensor = tensors.iter().find(|(_, t)| t.range.end as u64 > data_len);
        return Err(WeightsError::Truncated {
            file: file.to_owned(),
            tensor: tensor.map(|(name, _)| name.clone()).unwrap_or_default(),
            expected: total,
            actual,
        });
    }
    if end < data_len {
        return Err(WeightsError::TrailingBytes { file: file.to_owned(), expected: total, actual });
    }
    Ok(())
}
