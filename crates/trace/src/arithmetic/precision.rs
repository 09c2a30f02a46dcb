use half::{bf16, f16};

/// Where a computation rounds more than f32 does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Precision {
    /// Nowhere.
    Exact,
    /// The weights went through bf16.
    WeightsBf16,
    /// The weights went through f16.
    WeightsF16,
    /// Both factors of every product lose all but 10 bits of mantissa, as on tensor cores.
    Tf32,
    /// Weights and results are kept in bf16.
    ValuesBf16,
    /// Weights and results are kept in f16.
    ValuesF16,
}

impl Precision {
    /// A parameter as the computation sees it.
    pub(crate) fn weight(self, x: f32) -> f64 {
        f64::from(match self {
            Precision::Exact | Precision::Tf32 => x,
            Precision::WeightsBf16 | Precision::ValuesBf16 => bf16::from_f32(x).to_f32(),
            Precision::WeightsF16 | Precision::ValuesF16 => f16::from_f32(x).to_f32(),
        })
    }

    /// A factor of a matrix product.
    pub(crate) fn factor(self, x: f64) -> f64 {
        match self {
            Precision::Tf32 => f64::from(tf32(x as f32)),
            _ => x,
        }
    }

    /// How far, per unit, a recomputation may be off because a value that was not recorded was
    /// rounded the other way.
    pub(crate) fn slack(self) -> f64 {
        match self {
            Precision::Exact | Precision::WeightsBf16 | Precision::WeightsF16 => 0.0,
            Precision::Tf32 | Precision::ValuesF16 => 2.0_f64.powi(-10),
            Precision::ValuesBf16 => 2.0_f64.powi(-7),
        }
    }

    /// What an operation gives.
    pub(crate) fn result(self, x: f64) -> f64 {
        match self {
            Precision::ValuesBf16 => bf16::from_f64(x).to_f64(),
            Precision::ValuesF16 => f16::from_f64(x).to_f64(),
            _ => x,
        }
    }
}

/// Rounds to 10 bits of mantissa, to nearest, ties to even.
fn tf32(x: f32) -> f32 {
    if !x.is_finite() {
        return x;
    }
    let bits = x.to_bits();
    let half = 0x0fff + ((bits >> 13) & 1);
    f32::from_bits(bits.wrapping_add(half) & !0x1fff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tf32_keeps_ten_bits() {
        let ulp = 2.0_f32.powi(-10);
        let cases = [
            (1.0, 1.0),
            (1.0 + ulp, 1.0 + ulp),
            (1.0 + 0.5 * ulp, 1.0),
            (1.0 + 1.5 * ulp, 1.0 + 2.0 * ulp),
            (1.0 + 0.75 * ulp, 1.0 + ulp),
            (-3.140_9, -3.140_625),
        ];
        for (x, rounded) in cases {
            assert_eq!(tf32(x), rounded, "{x}");
        }
        assert!(tf32(f32::NEG_INFINITY).is_infinite());
    }
}
