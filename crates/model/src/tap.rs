use std::fmt;

use ndarray::{ArrayView, ArrayViewD, Dimension};

/// A place in the forward pass whose value can be recorded.
///
/// With `T` new tokens, `S` positions in the cache afterwards, `H` heads of width `D`, `C` features
/// and `V` tokens in the vocabulary. The number is the block. [`Site`] displays as the name that
/// traces use: the HuggingFace module path without the leading `transformer.`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Site {
    /// `embed`, `[T, C]`: token plus position embedding.
    Embed,
    /// `h.{i}.ln_1`, `[T, C]`.
    Ln1(usize),
    /// `h.{i}.attn.q`, `[T, H, D]`: the queries, after the three-way split.
    Query(usize),
    /// `h.{i}.attn.k`, `[T, H, D]`: the new keys.
    Key(usize),
    /// `h.{i}.attn.v`, `[T, H, D]`: the new values.
    Value(usize),
    /// `h.{i}.attn.cache.k`, `[S, H, D]`: every key the cache holds after the pass.
    CacheKey(usize),
    /// `h.{i}.attn.cache.v`, `[S, H, D]`: every value the cache holds after the pass.
    CacheValue(usize),
    /// `h.{i}.attn.scores`, `[H, T, S]`: scaled, before the softmax; masked positions are `-inf`.
    Scores(usize),
    /// `h.{i}.attn.weights`, `[H, T, S]`: after the softmax.
    AttentionWeights(usize),
    /// `h.{i}.attn`, `[T, C]`: after the output projection.
    Attention(usize),
    /// `h.{i}.ln_2`, `[T, C]`.
    Ln2(usize),
    /// `h.{i}.mlp`, `[T, C]`.
    Mlp(usize),
    /// `h.{i}`, `[T, C]`: the output of the block, after both residuals.
    Block(usize),
    /// `ln_f`, `[T, C]`.
    LnF,
    /// `logits`, `[T, V]`.
    Logits,
    /// `logits.last`, `[V]`: of the last position.
    LastLogits,
    /// `argmax`, `[1]`: the token with the largest last logit, the lowest id on a tie.
    Argmax,
    /// `probs`, `[V]`: the softmax of the last logits, at temperature 1.
    Probs,
    /// `generated`, `[N]`: the tokens that decoding chose.
    Generated,
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (block, name) = match *self {
            Site::Embed => (None, "embed"),
            Site::Ln1(i) => (Some(i), ".ln_1"),
            Site::Query(i) => (Some(i), ".attn.q"),
            Site::Key(i) => (Some(i), ".attn.k"),
            Site::Value(i) => (Some(i), ".attn.v"),
            Site::CacheKey(i) => (Some(i), ".attn.cache.k"),
            Site::CacheValue(i) => (Some(i), ".attn.cache.v"),
            Site::Scores(i) => (Some(i), ".attn.scores"),
            Site::AttentionWeights(i) => (Some(i), ".attn.weights"),
            Site::Attention(i) => (Some(i), ".attn"),
            Site::Ln2(i) => (Some(i), ".ln_2"),
            Site::Mlp(i) => (Some(i), ".mlp"),
            Site::Block(i) => (Some(i), ""),
            Site::LnF => (None, "ln_f"),
            Site::Logits => (None, "logits"),
            Site::LastLogits => (None, "logits.last"),
            Site::Argmax => (None, "argmax"),
            Site::Probs => (None, "probs"),
            Site::Generated => (None, "generated"),
        };
        match block {
            Some(i) => write!(f, "h.{i}{name}"),
            None => f.write_str(name),
        }
    }
}

/// What a tap is shown: a view of the very array that the model goes on computing with.
#[derive(Clone, Debug)]
pub enum Value<'a> {
    /// Activations.
    F32(ArrayViewD<'a, f32>),
    /// Token ids.
    I64(ArrayViewD<'a, i64>),
}

/// Watches a forward pass.
///
/// The defaults watch nothing and compile to nothing: with `&mut ()` the model does no work for
/// the tap. Whatever costs extra (scores, copies of the cache, logits of every position) is
/// computed only where [`Tap::wants`] says so.
pub trait Tap {
    /// Whether to record `site`.
    #[inline]
    fn wants(&self, site: Site) -> bool {
        let _ = site;
        false
    }

    /// Takes the value at `site`; called only if [`Tap::wants`] it, once per pass.
    #[inline]
    fn record(&mut self, site: Site, value: Value<'_>) {
        let _ = (site, value);
    }

    /// Pass number `step` begins: 0 is the prompt, `n` feeds the `n`-th decoded token.
    #[inline]
    fn begin_step(&mut self, step: usize) {
        let _ = step;
    }
}

/// Watches nothing.
impl Tap for () {}

/// Records an f32 array, if it is wanted.
#[inline]
pub(crate) fn tap<D: Dimension>(tap: &mut impl Tap, site: Site, value: ArrayView<'_, f32, D>) {
    if tap.wants(site) {
        tap.record(site, Value::F32(value.into_dyn()));
    }
}

/// Records token ids, if they are wanted.
#[inline]
pub(crate) fn tap_tokens(tap: &mut impl Tap, site: Site, tokens: &[u32]) {
    if tap.wants(site) {
        let ids: ndarray::Array1<i64> = tokens.iter().map(|&id| i64::from(id)).collect();
        tap.record(site, Value::I64(ids.view().into_dyn()));
    }
}
