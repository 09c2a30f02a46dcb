//! Stored bytes to `f32`: borrowed where they already are, converted where they are not.

use std::borrow::Cow;

use half::f16;
use half::slice::HalfFloatSliceExt;
use zerocopy::FromBytes;

use crate::Dtype;

/// The element types that [`to_f32`] reads, as an error names them.
pub(crate) const FLOATS: &str = "F32, F16, BF16 or F64";

/// The elements of a tensor as `f32`, or `None` for a type that is not a float which is read.
///
/// F32 that is aligned (on a little-endian machine) is borrowed. F16 and BF16 convert exactly,
/// subnormals, infinities and NaN included; F64 rounds to the nearest, ties to even, and becomes
/// infinite beyond the largest `f32`.
pub(crate) fn to_f32(dtype: Dtype, bytes: &[u8]) -> Option<Cow<'_, [f32]>> {
    match dtype {
        Dtype::F32 => Some(f32_le(bytes)),
        Dtype::F16 => Some(Cow::Owned(f16_le(bytes))),
        Dtype::BF16 => Some(Cow::Owned(map_le(bytes, bf16_to_f32))),
        Dtype::F64 => Some(Cow::Owned(map_le(bytes, f64_to_f32))),
        _ => None,
    }
}

/// Whether [`to_f32`] reads this type.
pub(crate) fn is_float(dtype: Dtype) -> bool {
    matches!(dtype, Dtype::F32 | Dtype::F16 | Dtype::BF16 | Dtype::F64)
}

/// How many elements are NaN or infinite once they are `f32`; `None` as for [`to_f32`].
pub(crate) fn non_finite(dtype: Dtype, bytes: &[u8]) -> Option<usize> {
    fn count<const N: usize>(bytes: &[u8], finite: impl Fn([u8; N]) -> bool) -> usize {
        let (chunks, _) = bytes.as_chunks::<N>();
        chunks.iter().filter(|&&chunk| !finite(chunk)).count()
    }
    match dtype {
        Dtype::F32 => Some(count(bytes, |b| f32::from_le_bytes(b).is_finite())),
        Dtype::F16 => Some(count(bytes, |b| f16::from_le_bytes(b).is_finite())),
        Dtype::BF16 => Some(count(bytes, |b| bf16_to_f32(b).is_finite())),
        Dtype::F64 => Some(count(bytes, |b| f64_to_f32(b).is_finite())),
        _ => None,
    }
}

fn f32_le(bytes: &[u8]) -> Cow<'_, [f32]> {
    if cfg!(target_endian = "little")
        && let Ok(floats) = <[f32]>::ref_from_bytes(bytes)
    {
        return Cow::Borrowed(floats);
    }
    Cow::Owned(map_le(bytes, f32::from_le_bytes))
}

/// In blocks, because `half` converts slices with the F16C instructions and single values without.
fn f16_le(bytes: &[u8]) -> Vec<f32> {
    let (elements, _) = bytes.as_chunks::<2>();
    let mut out = vec![0.0; elements.len()];
    let mut block = [f16::ZERO; 1024];
    for (from, to) in elements.chunks(block.len()).zip(out.chunks_mut(block.len())) {
        for (half, &raw) in block.iter_mut().zip(from) {
            *half = f16::from_le_bytes(raw);
        }
        if let Some(filled) = block.get(..to.len()) {
            filled.convert_to_f32_slice(to);
        }
    }
    out
}

fn bf16_to_f32(raw: [u8; 2]) -> f32 {
    f32::from_bits(u32::from(u16::from_le_bytes(raw)) << 16)
}

#[allow(clippy::cast_possible_truncation)] // rounding to the nearest is what is meant
fn f64_to_f32(raw: [u8; 8]) -> f32 {
    f64::from_le_bytes(raw) as f32
}

fn map_le<const N: usize>(bytes: &[u8], convert: impl Fn([u8; N]) -> f32) -> Vec<f32> {
    let (elements, _) = bytes.as_chunks::<N>();
    elements.iter().map(|&raw| convert(raw)).collect()
}
