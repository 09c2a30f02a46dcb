use gpt2_model::{Gpt2, Sequence};
use ndarray::{Array2, ArrayView1};

use super::Outcome;
use crate::RunnerError;

/// The tokens, and the logits of every position that all others must have.
pub(super) struct Baseline {
    ids: Vec<u32>,
    logits: Array2<f32>,
}

impl Baseline {
    pub(super) fn new(model: &Gpt2, ids: Vec<u32>) -> Result<Self, RunnerError> {
        let logits = model.forward(&ids, &mut model.new_cache(), &mut ())?;
        Ok(Baseline { ids, logits })
    }
}

/// A way of running the same tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Whole,
    Repeated,
    Cached,
    Uncached,
    Chunks,
    Batch,
}

impl Way {
    pub(super) const ALL: [Way; 6] =
        [Way::Whole, Way::Repeated, Way::Cached, Way::Uncached, Way::Chunks, Way::Batch];

    pub(super) fn name(self) -> &'static str {
        match self {
            Way::Whole => "prompt at once",
            Way::Repeated => "run again",
            Way::Cached => "cached decode",
            Way::Uncached => "uncached decode",
            Way::Chunks => "prompt in chunks",
            Way::Batch => "in a batch",
        }
    }

    pub(super) fn what(self) -> &'static str {
        match self {
            Way::Whole => "all tokens in one pass through an empty cache",
            Way::Repeated => "twice more: with a new cache, and with a used one that was emptied",
            Way::Cached => "token by token, each through the cache of those before it",
            Way::Uncached => "every prefix from the beginning, without a cache",
            Way::Chunks => "in chunks of 2, of 3 and of 5 tokens",
            Way::Batch => {
                "with two other sequences of other lengths, as prompt and as decoded token"
            }
        }
    }

    /// Runs it, and holds every position that it gives against the baseline.
    pub(super) fn run(self, model: &Gpt2, baseline: &Baseline) -> Result<Outcome, RunnerError> {
        let ids = &baseline.ids;
        let mut seen = Tally { baseline, logits: 0, differing: 0, max_abs: 0.0 };
        match self {
            Way::Whole => seen.pieces(model, ids.len())?,
            Way::Repeated => {
                let mut cache = model.new_cache();
                for _ in 0..2 {
                    cache.truncate(0);
                    seen.rows(0, &model.forward(ids, &mut cache, &mut ())?);
                }
            }
            Way::Cached => seen.pieces(model, 1)?,
            Way::Uncached => {
                for end in 1..=ids.len() {
                    let last = model.next_logits(&ids[..end], &mut model.new_cache(), &mut ())?;
                    seen.row(end - 1, last.view());
                }
            }
            Way::Chunks => {
                for size in [2, 3, 5] {
                    seen.pieces(model, size)?;
                }
            }
            Way::Batch => seen.batch(model)?,
        }
        Ok(seen.outcome())
    }
}

/// What was compared so far.
struct Tally<'a> {
    baseline: &'a Baseline,
    logits: usize,
    differing: usize,
    max_abs: f64,
}

impl Tally<'_> {
    /// The tokens in pieces of `size`, through one cache.
    fn pieces(&mut self, model: &Gpt2, size: usize) -> Result<(), RunnerError> {
        let mut cache = model.new_cache();
        for piece in self.baseline.ids.chunks(size) {
            let first = cache.len();
            self.rows(first, &model.forward(piece, &mut cache, &mut ())?);
        }
        Ok(())
    }

    /// Three beginnings of different lengths in one batch, then one more token for each.
    fn batch(&mut self, model: &Gpt2) -> Result<(), RunnerError> {
        let ids = &self.baseline.ids;
        // All but the last token; a single token is a batch of prompts alone.
        let long = ids.len().saturating_sub(1).max(1);
        let lens = [long, long.div_ceil(2), 1];
        let mut caches = lens.map(|_| model.new_cache());
        let mut begin = [0; 3];
        for end in [lens, lens.map(|len| (len + 1).min(ids.len()))] {
            let parts: Vec<usize> = (0..3).filter(|&i| begin[i] < end[i]).collect();
            let mut batch: Vec<Sequence<'_>> = caches
                .iter_mut()
                .enumerate()
                .filter(|(i, _)| parts.contains(i))
                .map(|(i, cache)| Sequence { tokens: &ids[begin[i]..end[i]], cache })
                .collect();
            if batch.is_empty() {
                break;
            }
            let logits = model.next_logits_batch(&mut batch)?;
            for (row, &i) in logits.rows().into_iter().zip(&parts) {
                self.row(end[i] - 1, row);
            }
            begin = end;
        }
        Ok(())
    }

    fn rows(&mut self, first: usize, logits: &Array2<f32>) {
        for (i, row) in logits.rows().into_iter().enumerate() {
            self.row(first + i, row);
        }
    }

    /// The logits of one position.
    fn row(&mut self, position: usize, logits: ArrayView1<'_, f32>) {
        let expected = self.baseline.logits.row(position);
        self.logits += expected.len().max(logits.len());
        // Logits that are not there are not the same.
        self.differing += expected.len().abs_diff(logits.len());
        for (a, b) in logits.iter().zip(expected) {
            if a.to_bits() != b.to_bits() {
                self.differing += 1;
                self.max_abs = self.max_abs.max((f64::from(*a) - f64::from(*b)).abs());
            }
        }
    }

    fn outcome(&self) -> Outcome {
        let Tally { logits, differing, max_abs, .. } = *self;
        if differing == 0 && logits > 0 {
            Outcome::Identical { logits }
        } else {
            Outcome::Differs { logits, differing, max_abs }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ModelSource;

    #[test]
    fn every_way_sees_one_changed_bit_of_the_position_it_ends_at() -> Result<(), RunnerError> {
        let model = Gpt2::new(&ModelSource::Demo.weights()?)?;
        let mut baseline = Baseline::new(&model, vec![3, 1, 4, 1, 5, 9, 2])?;
        for way in Way::ALL {
            let outcome = way.run(&model, &baseline)?;
            assert!(
                matches!(outcome, Outcome::Identical { logits: 1024.. }),
                "{way:?} {outcome:?}"
            );
        }
        let last = &mut baseline.logits[[6, 17]];
        *last = f32::from_bits(last.to_bits() ^ 1);
        for way in Way::ALL {
            let outcome = way.run(&model, &baseline)?;
            let Outcome::Differs { differing, max_abs, .. } = outcome else {
                panic!("{way:?} {outcome:?}");
            };
            assert!(differing >= 1 && max_abs > 0.0 && max_abs < 1e-5, "{way:?} {outcome:?}");
        }
        Ok(())
    }

    #[test]
    fn one_token_is_enough() -> Result<(), RunnerError> {
        let model = Gpt2::new(&ModelSource::Demo.weights()?)?;
        let baseline = Baseline::new(&model, vec![3])?;
        for way in Way::ALL {
            let outcome = way.run(&model, &baseline)?;
            assert!(matches!(outcome, Outcome::Identical { .. }), "{way:?} {outcome:?}");
        }
        Ok(())
    }
}
