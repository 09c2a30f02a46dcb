use crate::Tensor;

/// The largest difference between two tensors: infinite where they have other shapes, or where one
/// is not finite and the other is something else. NaN equals NaN, as both were computed.
pub(crate) fn distance(a: &Tensor, b: &Tensor) -> f64 {
    if a.shape() != b.shape() {
        return f64::INFINITY;
    }
    let differences = a.values().zip(b.values()).map(|(a, b)| match (a, b) {
        _ if a == b || (a.is_nan() && b.is_nan()) => 0.0,
        _ if a.is_finite() && b.is_finite() => (a - b).abs(),
        _ => f64::INFINITY,
    });
    differences.fold(0.0, f64::max)
}

/// The largest finite magnitude.
pub(crate) fn magnitude(x: &Tensor) -> f64 {
    x.values().filter(|x| x.is_finite()).fold(0.0, |max, x| max.max(x.abs()))
}

/// What rounding the result of one operation a few times can do to numbers of this magnitude.
pub(crate) fn rounding(magnitude: f64) -> f64 {
    8.0 * 2.0_f64.powi(-24) * magnitude
}
