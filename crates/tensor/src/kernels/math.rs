//! exp, tanh and the sigmoid, as the same few operations on every instruction set.
//!
//! Errors are in ULP against f64, over all `f32`; `tests` below measures them. The polynomials
//! are minimax fits of relative error (iteratively reweighted least squares on Chebyshev nodes),
//! their coefficients rounded to `f32`.

use super::simd::Vector;

/// `1.5 * 2^23`: adding it rounds to an integer, which then sits in the low bits.
const SHIFT: f32 = 12_582_912.0;
const LN_2_HIGH: f32 = std::f32::consts::LN_2;
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
        let n = x.mul_add(x.like(std::f32::consts::LOG2_E), x.like(SHIFT)) - x.like(SHIFT);
        let r = n.mul_add(x.like(-LN_2_HIGH), x);
        // ln 2 is LN_2_HIGH + LN_2_LOW; the first product is not exact, but it is fused.
        let r = n.mul_add(x.like(-LN_2_LOW), low) + r;
        let p = x.like(0.000_197_901_36).mul_add(r, x.like(0.001_394_486_9));
        let p = p.mul_add(r, x.like(0.008_333_499));
        let p = p.mul_add(r, x.like(0.041_666_29));
        let p = p.mul_add(r, x.like(0.166_666_66));
        let p = p.mul_add(r, x.like(0.5));
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
    let magnitude = x.abs();
    // From 0.55 up: 1 - 2 / (exp(2 |x|) + 1).
    let e = exp(magnitude + magnitude);
    let large = (x.like(1.0) - x.like(2.0) / (e + x.like(1.0))).copysign(x);
    // Below: x + x^3 p(x^2).
    let y = x * x;
    let p = x.like(-0.006_274_238_7).mul_add(y, x.like(0.021_071_678));
    let p = p.mul_add(y, x.like(-0.053_852_31));
    let p = p.mul_add(y, x.like(0.133_325_86));
    let p = p.mul_add(y, x.like(-0.333_333_16));
    let small = (x * y).mul_add(p, x);
    // Below 2^-13 the cube is lost anyway, and might underflow on the way.
    let small = magnitude.if_less(x.like(1.0 / 8192.0), x, small);
    magnitude.if_less(x.like(0.55), small, large)
}

/// `x / (1 + exp(-(z + low)))`, for `z` with the sign of `x`: at most 2 ULP, also far out on the
/// negative side, where `0.5 x (1 + tanh(z / 2))` would lose everything to cancellation.
///
/// `z` must be between -170 and 170.
#[inline(always)]
fn times_sigmoid<V: Vector>(x: V, z: V, low: V) -> V {
    // With e = exp(-|z|): x / (1 + e) on the right, x e / (1 + e) on the left.
    let minus = z.abs();
    let minus = x.like(0.0) - minus;
    let low = z.if_less(x.like(0.0), low, x.like(0.0) - low);
    let parts = ExpParts::new(minus, low);
    // e = (high + rest) 2^n
    let high = x.like(1.0) + parts.tail;
    let rest = parts.tail - (high - x.like(1.0));
    let e = parts.scale(high);
    // 1 + e = sum + lost
    let sum = x.like(1.0) + e;
    let lost = (e - (sum - x.like(1.0))) + parts.scale(rest);
    let numerator = z.if_less(x.like(0.0), x.mul_add(high, x * rest), x);
    let quotient = numerator / sum;
    // One step of refinement: the remainder of the division, and the part of the sum that was lost.
    let remainder = (x.like(0.0) - quotient).mul_add(sum, numerator) - quotient * lost;
    let quotient = quotient + remainder / sum;
    z.if_less(x.like(0.0), parts.scale(quotient), quotient)
}

/// `y`, the result for `near`, is that for `x` unless `x` was too large to compute with: on the
/// right the result is `x` then, on the left 0, but `-inf * 0` at the end.
#[inline(always)]
fn far<V: Vector>(x: V, near: V, y: V) -> V {
    let y = near.if_less(x, x, y);
    x.if_less(x.like(-f32::MAX), x.like(f32::NAN), y)
}

/// [`crate::gelu_new`]: `x * sigmoid(2 sqrt(2/pi) (x + 0.044715 x^3))`, at most 2 ULP.
#[inline(always)]
pub(crate) fn gelu_new<V: Vector>(x: V) -> V {
    // a = 2 sqrt(2/pi) and b = 0.044715 a, each as a sum of two.
    const A: (f32, f32) = (1.595_769_2, -4.534_068e-8);
    const B: (f32, f32) = (0.071_354_814, 2.398_832_5e-9);
    let near = x.like(-12.0).max(x.like(12.0).min(x));
    // z = near (a + b near^2), with what each rounding loses: an error in z is one in the result.
    let square = near * near;
    let square_low = near.mul_add(near, x.like(0.0) - square);
    let p_high = x.like(B.0) * square;
    let p_high_low = x.like(B.0).mul_add(square, x.like(0.0) - p_high);
    // Knuth's two-sum of A and p_high.
    let p = x.like(A.0) + p_high;
    let carried = p - x.like(A.0);
    let p_low = (x.like(A.0) - (p - carried)) + (p_high - carried) + p_high_low;
    let p_low = x.like(B.0).mul_add(square_low, x.like(B.1).mul_add(square, p_low + x.like(A.1)));
    let z = near * p;
    let low = near.mul_add(p, x.like(0.0) - z) + near * p_low;
    far(x, near, times_sigmoid(near, z, low))
}

/// [`crate::silu`]: `x * sigmoid(x)`, at most 2 ULP.
#[inline(always)]
pub(crate) fn silu<V: Vector>(x: V) -> V {
    let near = x.like(-160.0).max(x.like(160.0).min(x));
    far(x, near, times_sigmoid(near, near, x.like(0.0)))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::super::simd::{LANES, Simd};
    use super::super::{Kernel, Path};
    use super::*;
    use crate::{Isa, reference};

    #[derive(Clone, Copy, Debug)]
    enum Function {
        Exp,
        Tanh,
        GeluNew,
        Silu,
    }

    impl Function {
        const ALL: [Function; 4] =
            [Function::Exp, Function::Tanh, Function::GeluNew, Function::Silu];

        #[inline(always)]
        fn of<V: Vector>(self, x: V) -> V {
            match self {
                Function::Exp => exp(x),
                Function::Tanh => tanh(x),
                Function::GeluNew => gelu_new(x),
                Function::Silu => silu(x),
            }
        }

        fn exact(self, x: f64) -> f64 {
            match self {
                Function::Exp => x.exp(),
                Function::Tanh => x.tanh(),
                Function::GeluNew => reference::gelu_new(x),
                Function::Silu => reference::silu(x),
            }
        }

        /// The bound, in ULP.
        fn bound(self) -> f64 {
            match self {
                Function::Exp => 1.0,
                _ => 2.0,
            }
        }
    }

    struct Map<'a>(Function, &'a mut [f32]);

    impl Kernel for Map<'_> {
        type Output = ();

        #[inline(always)]
        fn run<S: Simd>(self, simd: S) {
            for chunk in self.1.as_chunks_mut::<LANES>().0 {
                let y = self.0.of(simd.read(chunk));
                simd.write(y, chunk);
            }
        }
    }

    /// How far `y` is from `exact`, in units of the last place of the `f32` nearest to it.
    fn ulps(y: f32, exact: f64) -> f64 {
        let nearest = exact as f32;
        if y.to_bits() == nearest.to_bits() || y.is_nan() && exact.is_nan() {
            return 0.0;
        }
        if !nearest.is_finite() || !y.is_finite() {
            // One ULP beyond the largest number is infinity.
            let edge = f64::from(f32::MAX).copysign(exact);
            return if nearest.is_infinite() && f64::from(y) == edge { 1.0 } else { f64::INFINITY };
        }
        let exponent = (nearest.to_bits() >> 23 & 0xFF).max(1) as i32;
        (f64::from(y) - exact).abs() / 2.0_f64.powi(exponent - 127 - 23)
    }

    /// The largest error over `inputs` (bit patterns), and where it is.
    fn worst(path: Path, function: Function, inputs: impl Iterator<Item = u32>) -> (f64, f32) {
        let mut worst = (0.0, 0.0);
        let inputs: Vec<f32> = inputs.map(f32::from_bits).collect();
        let mut outputs = inputs.clone();
        outputs.resize(inputs.len().next_multiple_of(LANES), 0.0);
        path.run(Map(function, &mut outputs));
        for (x, y) in inputs.into_iter().zip(outputs) {
            let error = ulps(y, function.exact(f64::from(x)));
            if error > worst.0 {
                worst = (error, x);
            }
        }
        worst
    }

    #[test]
    fn ulp_bounds_on_a_sample() {
        for isa in Isa::available() {
            let path = Path::new(isa).expect("an available path");
            for function in Function::ALL {
                let (error, x) = worst(path, function, (0..=u32::MAX).step_by(10_007));
                assert!(error <= function.bound(), "{function:?}({x:e}): {error:.3} ULP, {isa:?}");
            }
        }
    }

    #[test]
    fn the_same_bits_on_every_path() {
        let inputs = (0..=u32::MAX).step_by(40_009).map(f32::from_bits);
        let inputs: Vec<f32> = inputs.filter(|x| !x.is_nan()).collect();
        let inputs = &inputs[..inputs.len() / LANES * LANES];
        for function in Function::ALL {
            for isa in Isa::available() {
                let mut outputs = inputs.to_vec();
                Path::new(isa).expect("an available path").run(Map(function, &mut outputs));
                for (&x, y) in inputs.iter().zip(outputs) {
                    let alone = function.of(x);
                    assert!(
                        alone.to_bits() == y.to_bits() || alone.is_nan() && y.is_nan(),
                        "{function:?}({x:e}): {alone:e} alone, {y:e} by {isa:?}"
                    );
                }
            }
        }
    }

    /// All 2^32 inputs. In release: `cargo test --release -p gpt2-tensor -- --ignored ulp`.
    #[test]
    #[ignore = "minutes, in release"]
    fn ulp_bounds_on_every_input() {
        const PART: u64 = 1 << 20;
        let path = Path::detect();
        for function in Function::ALL {
            let next = AtomicU64::new(0);
            let search = || {
                let mut found = (0.0, 0.0);
                loop {
                    let start = next.fetch_add(PART, Ordering::Relaxed);
                    if start > u64::from(u32::MAX) {
                        return found;
                    }
                    let inputs = (start..start + PART).map(|bits| bits as u32);
                    let part = worst(path, function, inputs);
                    if part.0 > found.0 {
                        found = part;
                    }
                }
            };
            let (error, x) = std::thread::scope(|scope| {
                let threads: Vec<_> = (0..2).map(|_| scope.spawn(search)).collect();
                let results = threads.into_iter().map(|thread| thread.join().expect("no panic"));
                results.fold((0.0, 0.0), |a, b| if b.0 > a.0 { b } else { a })
            });
            assert!(error <= function.bound(), "{function:?}({x:e}): {error:.3} ULP");
            assert!(error > 0.25, "{function:?}: {error} ULP is too good to be measured");
            eprintln_result(&format!("{function:?}: at most {error:.3} ULP, at {x:e}"));
        }
    }

    #[expect(clippy::print_stderr, reason = "the figures are what the test is run for")]
    fn eprintln_result(line: &str) {
        eprintln!("{line}");
    }

    #[test]
    fn special_values() {
        let (inf, nan) = (f32::INFINITY, f32::NAN);
        let cases = [
            (Function::Exp, inf, inf),
            (Function::Exp, -inf, 0.0),
            (Function::Exp, 0.0, 1.0),
            (Function::Exp, -103.0, f32::from_bits(1)),
            (Function::Exp, nan, nan),
            (Function::Tanh, inf, 1.0),
            (Function::Tanh, -inf, -1.0),
            (Function::Tanh, -0.0, -0.0),
            (Function::Tanh, nan, nan),
            (Function::GeluNew, inf, inf),
            (Function::GeluNew, -inf, nan),
            (Function::GeluNew, 0.0, 0.0),
            (Function::GeluNew, -100.0, -0.0),
            (Function::GeluNew, 1e30, 1e30),
            (Function::GeluNew, nan, nan),
            (Function::Silu, inf, inf),
            (Function::Silu, -inf, nan),
            (Function::Silu, nan, nan),
        ];
        for (function, x, expected) in cases {
            let y = function.of(x);
            assert!(
                y.to_bits() == expected.to_bits() || y.is_nan() && expected.is_nan(),
                "{function:?}({x}) = {y}, not {expected}"
            );
        }
    }
}
