use gpt2_tensor::argmax;
use ndarray::ArrayView1;

use crate::tap::{Site, Tap, tap_tokens};
use crate::{Gpt2, KvCache, ModelError};

/// The most likely next token: temperature 0. The lowest id wins a tie.
///
/// A chooser for [`Gpt2::decode`].
pub fn greedy(logits: ArrayView1<'_, f32>) -> Option<u32> {
    argmax(logits).map(|id| id as u32)
}

impl Gpt2 {
    /// Continues `prompt` by at most `n` tokens, through a cache of its own.
    ///
    /// `choose` is given the logits of the last position, `[V]`, and picks the next token; `None`
    /// ends it. The first token comes from the prompt (step 0); step `i` then feeds the `i`-th
    /// token chosen; the last one is not fed.
    ///
    /// # Errors
    ///
    /// As [`Gpt2::forward`]; [`ModelError::ContextFull`], before anything is computed, when
    /// `prompt.len() + n - 1` exceeds the context.
    pub fn decode(
        &self,
        prompt: &[u32],
        n: usize,
        taps: &mut impl Tap,
        mut choose: impl FnMut(ArrayView1<'_, f32>) -> Option<u32>,
    ) -> Result<Vec<u32>, ModelError> {
        let len = prompt.len().saturating_add(n.saturating_sub(1));
        let mut cache = KvCache::with_capacity(self.config(), len);
        cache.check(self.config(), len)?;
        taps.begin_step(0);
        let mut logits = self.next_logits(prompt, &mut cache, taps)?;
        let mut generated = Vec::new();
        while generated.len() < n {
            let Some(token) = choose(logits.view()) else { break };
            generated.push(token);
            if generated.len() < n {
                taps.begin_step(generated.len());
                logits = self.next_logits(&[token], &mut cache, taps)?;
            }
        }
        tap_tokens(taps, Site::Generated, &generated);
        Ok(generated)
    }
}
