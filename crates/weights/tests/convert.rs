//! Stored elements become the `f32` that they are, for every bit pattern of the small types.

#![allow(clippy::unwrap_used)]

mod common;

use common::Model;
use gpt2_weights::Checkpoint;
use ndarray::Array1;

/// One tensor, stored and read.
fn read(dtype: &str, bytes: &[u8], size: usize) -> (Array1<f32>, usize) {
    let mut model = Model::new();
    (model.tensors, model.data) = (Vec::new(), Vec::new());
    model.add_raw("x", dtype, &[bytes.len() / size], bytes);
    let checkpoint = Checkpoint::from_bytes(model.safetensors(), "x.safetensors").unwrap();
    let values = checkpoint.tensor("x", bytes.len() / size).unwrap().into_owned();
    (values, checkpoint.non_finite("x").unwrap())
}

/// IEEE 754 binary16 from its definition.
fn f16(bits: u16) -> f32 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let fraction = f32::from(bits & 0x3ff);
    match (bits >> 10) & 0x1f {
        0 => sign * fraction * 2.0_f32.powi(-24),
        0x1f if fraction == 0.0 => sign * f32::INFINITY,
        0x1f => f32::NAN,
        exponent => sign * (1.0 + fraction / 1024.0) * 2.0_f32.powi(i32::from(exponent) - 15),
    }
}

#[test]
fn every_f16_is_exact() {
    let bytes: Vec<u8> = (0..=u16::MAX).flat_map(u16::to_le_bytes).collect();
    let (values, non_finite) = read("F16", &bytes, 2);
    for (bits, &actual) in (0..=u16::MAX).zip(&values) {
        let expected = f16(bits);
        let same = actual.to_bits() == expected.to_bits() || actual.is_nan() && expected.is_nan();
        assert!(same, "{bits:#06x}: {actual} is not {expected}");
    }
    assert_eq!(values.len(), 1 << 16);
    assert_eq!(non_finite, 2 * 1024);
}

#[test]
fn every_bf16_is_exact() {
    let bytes: Vec<u8> = (0..=u16::MAX).flat_map(u16::to_le_bytes).collect();
    let (values, non_finite) = read("BF16", &bytes, 2);
    for (bits, &actual) in (0..=u16::MAX).zip(&values) {
        assert_eq!(actual.to_bits(), u32::from(bits) << 16);
    }
    assert_eq!(non_finite, 2 * 128);
}

#[test]
fn an_odd_number_of_f16_is_read_to_the_end() {
    for count in [0, 1, 7, 1023, 1024, 1025, 2049] {
        let bytes: Vec<u8> = (0..count).flat_map(u16::to_le_bytes).collect();
        let (values, _) = read("F16", &bytes, 2);
        assert_eq!(values.to_vec(), (0..count).map(f16).collect::<Vec<_>>());
    }
}

#[test]
fn f64_rounds_to_the_nearest() {
    let half_ulp = f64::from(f32::EPSILON) / 2.0;
    let cases = [
        (0.1, 0.1_f32),
        (-0.0, -0.0),
        (1.0 + half_ulp, 1.0), // a tie: to even
        (1.0 + 3.0 * half_ulp, 1.0 + 2.0 * f32::EPSILON),
        (1.0 + half_ulp * 1.000_001, 1.0 + f32::EPSILON),
        (f64::from(f32::MAX), f32::MAX),
        (1e300, f32::INFINITY),
        (-1e300, f32::NEG_INFINITY),
        (1e-300, 0.0),
        (2.0_f64.powi(-149), f32::from_bits(1)), // the smallest subnormal
        (f64::NEG_INFINITY, f32::NEG_INFINITY),
    ];
    let bytes: Vec<u8> = cases.iter().flat_map(|(x, _)| x.to_le_bytes()).collect();
    let (values, non_finite) = read("F64", &bytes, 8);
    for ((from, expected), actual) in cases.iter().zip(&values) {
        assert_eq!(actual.to_bits(), expected.to_bits(), "{from}");
    }
    // What is infinite is what became so: an f64 beyond f32 counts.
    assert_eq!(non_finite, 3);
}

#[test]
fn f32_keeps_its_bits() {
    let bits = [0, 1, 0x8000_0000, 0x7f80_0000, 0x7fc0_0001, 0x7f80_0001, 0x3f80_0001, u32::MAX];
    let bytes: Vec<u8> = bits.iter().flat_map(|b: &u32| b.to_le_bytes()).collect();
    let (values, non_finite) = read("F32", &bytes, 4);
    assert_eq!(values.map(|v| v.to_bits()).to_vec(), bits);
    assert_eq!(non_finite, 4);
}
