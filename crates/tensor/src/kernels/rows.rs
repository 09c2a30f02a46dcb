//! What is done to one row at a time: softmax, layer norm, activations.

use super::Kernel;
use super::math;
use super::simd::{LANES, Simd, Vector};
use crate::Activation;

/// The activation of every value of `xs`.
#[inline(always)]
pub(crate) fn activate<S: Simd>(simd: S, activation: Activation, xs: &mut [f32]) {
    let (chunks, rest) = xs.as_chunks_mut::<LANES>();
    for chunk in chunks {
        let y = activated(simd, activation, simd.read(chunk));
        simd.write(y, chunk);
    }
    if !rest.is_empty() {
        let y = activated(simd, activation, simd.read_part(rest, 0.0));
        rest.copy_from_slice(&simd.to_array(y)[..rest.len()]);
    }
}

// Called by name, not passed as a function: what calls a passed function is compiled without the
// instructions of `S`, and every operation in it becomes a call.
#[inline(always)]
pub(crate) fn activated<S: Simd>(simd: S, activation: Activation, x: S::V) -> S::V {
    match activation {
        Activation::GeluNew => math::gelu_new(x),
        Activation::Silu => math::silu(x),
        Activation::Tanh => math::tanh(x),
        Activation::Relu => {
            let zero = simd.splat(0.0);
            x.if_less(zero, zero, x)
        }
        Activation::Gelu => {
            let mut lanes = simd.to_array(x);
            for x in &mut lanes {
                *x = crate::gelu(*x);
            }
            simd.read(&lanes)
        }
    }
}

/// [`activate`] as a kernel.
pub(crate) struct Activate<'a> {
    pub(crate) activation: Activation,
    pub(crate) xs: &'a mut [f32],
}

impl Kernel for Activate<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        activate(simd, self.activation, self.xs);
    }
}

/// A sum by 16 lanes, each of which carries what its additions lost (Kahan 1965). The lanes are
/// added in f64, by halves.
struct Sum<V> {
    total: V,
    excess: V,
}

impl<V: Vector> Sum<V> {
    #[inline(always)]
    fn new(zero: V) -> Self {
        Sum { total: zero, excess: zero }
    }

    #[inline(always)]
    fn add(&mut self, x: V) {
        let x = x - self.excess;
        let total = self.total + x;
        self.excess = (total - self.total) - x;
        self.total = total;
    }

    #[inline(always)]
    fn finish<S: Simd<V = V>>(self, simd: S) -> f64 {
        let total = simd.to_array(self.total);
        let excess = simd.to_array(self.excess);
        let mut lanes: [f64; LANES] =
            std::array::from_fn(|i| f64::from(total[i]) - f64::from(excess[i]));
        let mut width = LANES / 2;
        while width > 0 {
            for lane in 0..width {
                lanes[lane] += lanes[lane + width];
            }
            width /= 2;
        }
        lanes[0]
    }
}

/// `x` as the sum of two `f32`.
fn split(x: f64) -> (f32, f32) {
    let high = x as f32;
    (high, (x - f64::from(high)) as f32)
}

/// Softmax of `row`, in place.
#[inline(always)]
pub(crate) fn softmax<S: Simd>(simd: S, row: &mut [f32]) {
    let (chunks, rest) = row.as_chunks_mut::<LANES>();
    let mut max = simd.splat(f32::NEG_INFINITY);
    for chunk in chunks.iter() {
        max = simd.read(chunk).max(max);
    }
    max = simd.read_part(rest, f32::NEG_INFINITY).max(max);
    // The largest of the lanes: no rounding, so no order to keep. A NaN that is passed over here
    // comes back in the sum.
    let max = simd.to_array(max).into_iter().fold(f32::NEG_INFINITY, f32::max);
    let max = simd.splat(max);
    let mut sum = Sum::new(simd.splat(0.0));
    for chunk in chunks.iter_mut() {
        let e = math::exp(simd.read(chunk) - max);
        sum.add(e);
        simd.write(e, chunk);
    }
    if !rest.is_empty() {
        let e = simd.to_array(math::exp(simd.read_part(rest, 0.0) - max));
        rest.copy_from_slice(&e[..rest.len()]);
        sum.add(simd.read_part(rest, 0.0));
    }
    let sum = simd.splat(sum.finish(simd) as f32);
    let (chunks, rest) = row.as_chunks_mut::<LANES>();
    for chunk in chunks {
        let y = simd.read(chunk) / sum;
        simd.write(y, chunk);
    }
    let y = simd.to_array(simd.read_part(rest, 0.0) / sum);
    rest.copy_from_slice(&y[..rest.len()]);
}

/// [`softmax`] as a kernel.
pub(crate) struct Softmax<'a>(pub(crate) &'a mut [f32]);

impl Kernel for Softmax<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        softmax(simd, self.0);
    }
}

/// Layer norm of each row of `rows`, in place.
///
/// Mean and scale are carried as sums of two `f32`, so that what is left of the error is the
/// rounding of the three operations that make an output.
pub(crate) struct LayerNorm<'a> {
    pub(crate) rows: &'a mut [f32],
    /// `[features]`, which is not 0.
    pub(crate) weight: &'a [f32],
    /// `[features]`
    pub(crate) bias: &'a [f32],
    pub(crate) epsilon: f32,
}

impl Kernel for LayerNorm<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        for row in self.rows.chunks_exact_mut(self.weight.len()) {
            layer_norm(simd, row, self.weight, self.bias, self.epsilon);
        }
    }
}

#[inline(always)]
fn layer_norm<S: Simd>(simd: S, row: &mut [f32], weight: &[f32], bias: &[f32], epsilon: f32) {
    let n = row.len() as f64;
    let (chunks, rest) = row.as_chunks_mut::<LANES>();

    let mut sum = Sum::new(simd.splat(0.0));
    for chunk in chunks.iter() {
        sum.add(simd.read(chunk));
    }
    sum.add(simd.read_part(rest, 0.0));
    let (mean, mean_low) = split(sum.finish(simd) / n);
    let (mean, mean_low) = (simd.splat(mean), simd.splat(mean_low));

    let mut sum = Sum::new(simd.splat(0.0));
    for chunk in chunks.iter_mut() {
        let d = simd.read(chunk) - mean - mean_low;
        sum.add(d * d);
        simd.write(d, chunk);
    }
    let d = simd.to_array(simd.read_part(rest, 0.0) - mean - mean_low);
    rest.copy_from_slice(&d[..rest.len()]);
    let d = simd.read_part(rest, 0.0);
    sum.add(d * d);
    let variance = sum.finish(simd) / n;

    let (scale, scale_low) = split(1.0 / (variance + f64::from(epsilon)).sqrt());
    let (scale, scale_low) = (simd.splat(scale), simd.splat(scale_low));
    let (weights, weight_rest) = weight.as_chunks::<LANES>();
    let (biases, bias_rest) = bias.as_chunks::<LANES>();
    for ((chunk, w), b) in chunks.iter_mut().zip(weights).zip(biases) {
        let d = simd.read(chunk);
        let y = d.mul_add(scale, d * scale_low).mul_add(simd.read(w), simd.read(b));
        simd.write(y, chunk);
    }
    let (w, b) = (simd.read_part(weight_rest, 0.0), simd.read_part(bias_rest, 0.0));
    let y = d.mul_add(scale, d * scale_low).mul_add(w, b);
    rest.copy_from_slice(&simd.to_array(y)[..rest.len()]);
}
