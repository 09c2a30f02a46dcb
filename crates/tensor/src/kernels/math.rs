//! exp, tanh and the sigmoid, as the same few operations on every instruction set.
//!
//! Errors are in ULP against f64, over all `f32`; `tests` below measures them. The polynomials
//! are minimax fits of relative error (iteratively reweighted least squares on Chebyshev nodes),
//! their coefficients rounded to `f32`.

use super::simd::Vector;

/// `1.5 * 2^23`: adding it rounds to an integer, which then sits in the low bits.
const SHIFT: f32 = 12_582_912.0;
const LN_2_HIGH: f32 = 0.693_147_2;
const LN_2_LOW: f32 = -1.904_654_2e-9;

/// `exp(x)`, at most 1 ULP; subnormal results included.
#[inline(always)]
pub(crate) fn exp<V: Vector>(x: V) -> V {
    // Beyond these the result is 0 or infinite; NaN passes through both.
    let x = x.like(-105.0).max(x.like(89.0).min(x));
    let parts = ExpParts::new(x, x.like(0.0));
    parts.scale(x.like(1.0) + parts.tail)
}

/// `exp(x) = (1 + tail) * 2^n`, with `tail` from -0.3 to 0.42.
struct ExpParts<V> {
    tail: V,
    n: V,
}

impl<V: Vector> ExpParts<V> {
    /// Of `x + low`, where `low` is small enough not to matter to `n`.
    #[inline(always)]
    fn new(x: V, low: V) -> Self {
        let c = |c: f32| x.like(c);
        let n = x.mul_add(c(std::f32::consts::LOG2_E), c(SHIFT)) - c(SHIFT);
        let r = n.mul_add(c(-LN_2_HIGH), x);
        // ln 2 is LN_2_HIGH + LN_2_LOW; the first product is not exact, but it is fused.
        let r = n.mul_add(c(-LN_2_LOW), low) + r;
        let p = c(0.000_197_901_36).mul_add(r, c(0.001_394_486_9));
        let p = p.mul_add(r, c(0.008_333_499));
        let p = p.mul_add(r, c(0.041_666_29));
        let p = p.mul_add(r, c(0.166_666_66));
        let p = p.mul_add(r, c(0.5));
        ExpParts { tail: (r * r).mul_add(p, r), n }
    }

    /// `x * 2^n`, rounded once even where the result is subnormal.
    #[inline(always)]
    fn scale(&self, x: V) -> V {
        let shift = x.like(SHIFT);
        let half = self.n.mul_add(x.like(0.5), shift);
        let rest = (self.n - (half - shift)) + shift;
        x * half.pow2_of_shifted() * rest.pow2_of_shifted()
    }
}

/// `tanh(x)`, at most 2 ULP.
#[inline(always)]
pub(crate) fn tanh<V: Vector>(x: V) -> V {
    let c = |c: f32| x.like(c);
    let magnitude = x.abs();
    // From 0.55 up: 1 - 2 / (exp(2 |x|) + 1).
    let e = exp(magnitude + magnitude);
    let large = (c(1.0) - c(2.0) / (e + c(1.0))).copysign(x);
    // Below: x + x^3 p(x^2).
    let y = x * x;
    let p = c(-0.006_274_238_7).mul_add(y, c(0.021_071_678));
    let p = p.mul_add(y, c(-0.053_852_31));
    let p = p.mul_add(y, c(0.133_325_86));
    let p = p.mul_add(y, c(-0.333_333_16));
    let small = (x * y).mul_add(p, x);
    // Below 2^-13 the cube is lost anyway, and might underflow on the way.
    let small = magnitude.if_less(c(1.0 / 8192.0), x, small);
    magnitude.if_less(c(0.55), small, large)
}

/// `x / (1 + exp(-(z + low)))`, for `z` with the sign of `x`: at most 2 ULP, also far out on the
/// negative side, where `0.5 x (1 + tanh(z / 2))` would lose everything to cancellation.
///
/// `z` must be between -170 and 170.
#[inline(always)]
fn times_sigmoid<V: Vector>(x: V, z: V, low: V) -> V {
    let c = |c: f32| x.like(c);
    // With e = exp(-|z|): x / (1 + e) on the right, x e / (1 + e) on the left.
    let minus = z.abs();
    let minus = c(0.0) - minus;
    let low = z.if_less(c(0.0), low, c(0.0) - low);
    let parts = ExpParts::new(minus, low);
    // e = (high + rest) 2^n
    let high = c(1.0) + parts.tail;
    let rest = parts.tail - (high - c(1.0));
    let e = parts.scale(high);
    // 1 + e = sum + lost
    let sum = c(1.0) + e;
    let lost = (e - (sum - c(1.0))) + parts.scale(rest);
    let numerator = z.if_less(c(0.0), x.mul_add(high, x * rest), x);
    let quotient = numerator / sum;
    // One step of refinement: the remainder of the division, and the part of the sum that was lost.
    let remainder = (c(0.0) - quotient).mul_add(sum, numerator) - quotient * lost;
    let quotient = quotient + remainder / sum;
    z.if_less(c(0.0), parts.scale(quotient), quotient)
}

/// [`crate::gelu_new`]: `x * sigmoid(2 sqrt(2/pi) (x + 0.044715 x^3))`, at most 2 ULP.
#[inline(always)]
pub(crate) fn gelu_new<V: Vector>(x: V) -> V {
    // a = 2 sqrt(2/pi) and b = 0.044715 a, each as a sum of two.
    const A: (f32, f32) = (1.595_769_2, -4.534_068e-8);
    const B: (f32, f32) = (0.071_354_814, 2.398_832_5e-9);
    let c = |c: f32| x.like(c);
    // Beyond 10 the result is x or 0.
    let near = c(-10.2).max(c(10.2).min(x));
    // z = near (a + b near^2), with what each rounding loses: an error in z is one in the result.
    let square = near * near;
    let square_low = near.mul_add(near, c(0.0) - square);
    let p_high = c(B.0) * square;
    let p_high_low = c(B.0).mul_add(square, c(0.0) - p_high);
    // Knuth's two-sum of A and p_high.
    let p = c(A.0) + p_high;
    let carried = p - c(A.0);
    let p_low = (c(A.0) - (p - carried)) + (p_high - carried) + p_high_low;
    let p_low = c(B.0).mul_add(square_low, c(B.1).mul_add(square, p_low + c(A.1)));
    let z = near * p;
    let low = near.mul_add(p, c(0.0) - z) + near * p_low;
    let y = times_sigmoid(x, z, low);
    // 0.5 * -inf * (1 + tanh(-inf)) is -inf * 0.
    x.if_less(c(-f32::MAX), c(f32::NAN), y)
}

/// [`crate::silu`]: `x * sigmoid(x)`, at most 2 ULP.
#[inline(always)]
pub(crate) fn silu<V: Vector>(x: V) -> V {
    let z = x.like(-160.0).max(x.like(160.0).min(x));
    let y = times_sigmoid(x, z, x.like(0.0));
    x.if_less(x.like(-f32::MAX), x.like(f32::NAN), y)
}
