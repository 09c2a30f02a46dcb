use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use crate::RunnerError;

/// How the next token is chosen. The default is greedy.
///
/// As HuggingFace's `generate`: the logits are divided by the temperature, then only the `top_k`
/// most likely tokens are kept, then the fewest of those whose probabilities reach `top_p`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampling {
    /// 0 is greedy, 1 is the distribution of the model.
    pub temperature: f64,
    /// Keep this many tokens; `None` keeps all.
    pub top_k: Option<usize>,
    /// Keep this much probability, above 0 and at most 1, which keeps all.
    pub top_p: f64,
    /// The same seed gives the same tokens, on every machine.
    pub seed: u64,
}

impl Default for Sampling {
    fn default() -> Self {
        Sampling { temperature: 0.0, top_k: None, top_p: 1.0, seed: 0 }
    }
}

/// Chooses tokens by a [`Sampling`].
#[derive(Clone, Debug)]
pub struct Sampler {
    sampling: Sampling,
    rng: ChaCha8Rng,
}

impl Sampler {
    /// Begins with the seed.
    ///
    /// # Errors
    ///
    /// [`RunnerError::Sampling`] for a temperature that is negative or not finite, a `top_p` not
    /// within (0, 1], or a `top_k` of 0.
    pub fn new(sampling: Sampling) -> Result<Self, RunnerError> {
        let Sampling { temperature, top_k, top_p, seed } = sampling;
        let error =
            |parameter, value, expected| Err(RunnerError::Sampling { parameter, value, expected });
        if !(temperature.is_finite() && temperature >= 0.0) {
            return error("the temperature", temperature, "finite and not negative");
        }
        if !(top_p > 0.0 && top_p <= 1.0) {
            return error("top-p", top_p, "above 0 and at most 1");
        }
        if top_k == Some(0) {
            return error("top-k", 0.0, "at least 1");
        }
        Ok(Sampler { sampling, rng: ChaCha8Rng::seed_from_u64(seed) })
    }

    /// Chooses from the logits of one position, `[V]`; `None` if there are none. The lowest id wins
    /// a tie; a NaN counts as the least likely.
    pub fn choose(&mut self, logits: &[f32]) -> Option<u32> {
        let mut tokens: Vec<(u32, f32)> = (0..).zip(logits.iter().copied()).collect();
        let order = |a: &(u32, f32), b: &(u32, f32)| {
            let key = |x: f32| if x.is_nan() { f32::NEG_INFINITY } else { x };
            key(b.1).total_cmp(&key(a.1)).then(a.0.cmp(&b.0))
        };
        if self.sampling.temperature == 0.0 {
            return tokens.into_iter().min_by(order).map(|(id, _)| id);
        }
        if let Some(k) = self.sampling.top_k.filter(|&k| k < tokens.len()) {
            tokens.select_nth_unstable_by(k, order);
            tokens.truncate(k);
        }
        tokens.sort_unstable_by(order);
        let top = f64::from(tokens.first()?.1);
        let weight = |x: f32| {
            let weight = ((f64::from(x) - top) / self.sampling.temperature).exp();
            if weight.is_nan() { 0.0 } else { weight }
        };
        let weights: Vec<f64> = tokens.iter().map(|&(_, x)| weight(x)).collect();
        let all: f64 = weights.iter().sum();
        let (mut kept, mut sum) = (0, 0.0);
        while kept < weights.len() && (kept == 0 || sum < self.sampling.top_p * all) {
            sum += weights[kept];
            kept += 1;
        }
        let mut rest = self.uniform() * sum;
        for (&(id, _), weight) in tokens.iter().zip(&weights[..kept]) {
            rest -= weight;
            if rest < 0.0 {
                return Some(id);
            }
        }
        // The sum was rounded: what is left over belongs to the last token that was kept.
        Some(tokens[kept - 1].0)
    }

    /// In [0, 1), all 53 bits of an f64.
    fn uniform(&mut self) -> f64 {
        (self.rng.next_u64() >> 11) as f64 * 2.0_f64.powi(-53)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOGITS: [f32; 5] = [0.0, 2.0, f32::NEG_INFINITY, 2.0, 1.0];

    fn frequencies(sampling: Sampling) -> [usize; 5] {
        let mut sampler = Sampler::new(sampling).expect("valid");
        let mut counts = [0; 5];
        for _ in 0..4000 {
            counts[sampler.choose(&LOGITS).expect("a token") as usize] += 1;
        }
        counts
    }

    #[test]
    fn greedy_takes_the_lowest_id_of_a_tie() {
        let mut sampler = Sampler::new(Sampling::default()).expect("valid");
        assert_eq!(sampler.choose(&LOGITS), Some(1));
        assert_eq!(sampler.choose(&[f32::NAN, -1.0]), Some(1));
        assert_eq!(sampler.choose(&[]), None);
    }

    #[test]
    fn temperature_one_is_the_softmax() {
        let counts = frequencies(Sampling { temperature: 1.0, ..Sampling::default() });
        let weights = LOGITS.map(|x| f64::from(x).exp());
        for (count, weight) in counts.iter().zip(weights) {
            let expected = 4000.0 * weight / weights.iter().sum::<f64>();
            let deviation = expected.sqrt() * 4.0;
            assert!(
                (*count as f64 - expected).abs() <= deviation,
                "{counts:?}: expected {expected}"
            );
        }
    }

    #[test]
    fn top_k_and_top_p_keep_the_likeliest() {
        let hot = Sampling { temperature: 100.0, ..Sampling::default() };
        let seen = |sampling| frequencies(sampling).map(|count| count > 0);
        assert_eq!(seen(Sampling { top_k: Some(2), ..hot }), [false, true, false, true, false]);
        assert_eq!(seen(Sampling { top_k: Some(3), ..hot }), [false, true, false, true, true]);
        assert_eq!(seen(Sampling { top_p: 0.01, ..hot }), [false, true, false, false, false]);
        assert_eq!(seen(Sampling { top_p: 0.6, ..hot }), [false, true, false, true, true]);
        assert_eq!(seen(Sampling { top_k: Some(1), ..hot }), [false, true, false, false, false]);
    }

    #[test]
    fn the_seed_decides() {
        let run = |seed| {
            let sampling = Sampling { temperature: 1.0, seed, ..Sampling::default() };
            let mut sampler = Sampler::new(sampling).expect("valid");
            (0..32).map(|_| sampler.choose(&LOGITS)).collect::<Vec<_>>()
        };
        assert_eq!(run(7), run(7));
        assert_ne!(run(7), run(8));
    }

    #[test]
    fn nonsense_is_refused() {
        let valid = Sampling::default();
        for sampling in [
            Sampling { temperature: -1.0, ..valid },
            Sampling { temperature: f64::NAN, ..valid },
            Sampling { temperature: f64::INFINITY, ..valid },
            Sampling { top_p: 0.0, ..valid },
            Sampling { top_p: 1.1, ..valid },
            Sampling { top_p: f64::NAN, ..valid },
            Sampling { top_k: Some(0), ..valid },
        ] {
            assert!(
                matches!(Sampler::new(sampling), Err(RunnerError::Sampling { .. })),
                "{sampling:?}"
            );
        }
    }
}
