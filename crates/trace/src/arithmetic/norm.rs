use ndarray::{Array1, Array2};

/// Where the epsilon of a LayerNorm goes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Epsilon {
    /// `sqrt(variance + epsilon)`: right.
    Inside(f64),
    /// `sqrt(variance) + epsilon`.
    Outside(f64),
}

impl Epsilon {
    /// The same number outside the root.
    pub(crate) fn outside(self) -> Self {
        match self {
            Epsilon::Inside(epsilon) | Epsilon::Outside(epsilon) => Epsilon::Outside(epsilon),
        }
    }
}

/// How a LayerNorm is computed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NormForm {
    /// Whether the mean is subtracted; `RMSNorm` does not.
    pub(crate) centred: bool,
    /// What the variance divides by is the width less this: 0 is right.
    pub(crate) degrees: f64,
    pub(crate) epsilon: Epsilon,
    /// Whether the gain multiplies.
    pub(crate) gain: bool,
    /// Whether the bias is added.
    pub(crate) bias: bool,
    /// Whether the gain is used as the bias and the bias as the gain.
    pub(crate) swapped: bool,
}

impl NormForm {
    pub(crate) fn right(epsilon: f64) -> Self {
        let epsilon = Epsilon::Inside(epsilon);
        NormForm { centred: true, degrees: 0.0, epsilon, gain: true, bias: true, swapped: false }
    }
}

/// Each row of `x`, `[T, C]`, normalised.
pub(crate) fn layer_norm(
    x: &Array2<f64>,
    gain: &Array1<f64>,
    bias: &Array1<f64>,
    form: NormForm,
) -> Array2<f64> {
    let (gain, bias) = if form.swapped { (bias, gain) } else { (gain, bias) };
    let n = x.ncols() as f64;
    let mut y = x.clone();
    for mut row in y.outer_iter_mut() {
        let mean = if form.centred { row.sum() / n } else { 0.0 };
        let variance = row.mapv(|x| (x - mean).powi(2)).sum() / (n - form.degrees);
        let divisor = match form.epsilon {
            Epsilon::Inside(epsilon) => (variance + epsilon).sqrt(),
            Epsilon::Outside(epsilon) => variance.sqrt() + epsilon,
        };
        for (x, (gain, bias)) in row.iter_mut().zip(gain.iter().zip(bias)) {
            *x = (*x - mean) / divisor;
            *x *= if form.gain { *gain } else { 1.0 };
            *x += if form.bias { *bias } else { 0.0 };
        }
    }
    y
}
