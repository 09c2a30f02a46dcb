//! One operation at a time, recomputed from inputs that were recorded.

mod error;
mod operations;
mod parameters;
mod place;
mod recompute;
mod tokens;

use gpt2_weights::Gpt2Weights;

pub use error::NotComputable;
pub(crate) use parameters::Parameters;
pub use place::Place;
pub(crate) use recompute::{Missing, Recompute};
pub(crate) use tokens::Tokens;

use crate::Trace;
use crate::arithmetic::Forms;
use crate::checkpoint::forward_order;

/// What [`isolated`] gives.
#[derive(Debug)]
pub struct Isolated {
    /// Every recorded value that could be recomputed, by the same names.
    pub trace: Trace,
    /// The others, in the order of the forward pass, and what each lacks.
    pub not_computable: Vec<(String, NotComputable)>,
}

/// Recomputes every operation of `trace`, each by itself, from the inputs that `trace` recorded:
/// plain arithmetic in f64, on the weights of the same model.
///
/// On a reference it gives what the operations must give; on any other trace, held against that
/// trace itself, it tells the operations that are wrong from those that were only fed wrong values.
///
/// | value | is recomputed from |
/// | --- | --- |
/// | `embed` | the tokens fed (metadata `ids` and `fed`) |
/// | `h.{i}.ln_1` | `h.{i-1}`, or `embed` |
/// | `h.{i}.attn.q`, `.k`, `.v` | `h.{i}.ln_1` |
/// | `h.{i}.attn.cache.k`, `.v` | the cache of the step before and the new `.k`, `.v` |
/// | `h.{i}.attn.scores` | `h.{i}.attn.q` and `h.{i}.attn.cache.k` |
/// | `h.{i}.attn.weights` | `h.{i}.attn.scores` |
/// | `h.{i}.attn` | `h.{i}.attn.weights` and `h.{i}.attn.cache.v` |
/// | `h.{i}.ln_2` | the input of the block and `h.{i}.attn` |
/// | `h.{i}.mlp` | `h.{i}.ln_2` |
/// | `h.{i}` | the input of the block, `h.{i}.attn` and `h.{i}.mlp` |
/// | `ln_f` | the last `h.{i}` |
/// | `logits` | `ln_f` |
/// | `logits.last` | `logits`, or `ln_f` |
/// | `argmax`, `probs` | `logits.last` |
/// | `generated` | every `argmax` |
pub fn isolated(trace: &Trace, weights: &Gpt2Weights) -> Isolated {
    let tokens = Tokens::of(trace).unwrap_or_default();
    let forms = Forms::right(weights.config());
    let parameters = Parameters::new(weights);
    let recompute = Recompute::new(trace, &tokens, &parameters, forms, Missing::Refuse);
    let mut isolated = Isolated {
        trace: Trace { metadata: trace.metadata.clone(), ..Trace::default() },
        not_computable: Vec::new(),
    };
    for name in trace.tensors.keys() {
        let tensor = Place::parse(name)
            .ok_or(NotComputable::Unknown { name: name.clone() })
            .and_then(|place| recompute.tensor(place));
        match tensor {
            Ok(tensor) => drop(isolated.trace.tensors.insert(name.clone(), tensor)),
            Err(why) => isolated.not_computable.push((name.clone(), why)),
        }
    }
    isolated.not_computable.sort_by_cached_key(|(name, _)| forward_order(name));
    isolated
}
