use gpt2_tensor::KeyValues;
use gpt2_weights::Config;

use crate::ModelError;

/// The keys and values of every layer, for every position that the model has seen.
///
/// One cache belongs to one sequence. [`crate::Gpt2::forward`] appends to it: a prompt at once, in
/// chunks, or token by token leaves the same cache.
#[derive(Clone, Debug)]
pub struct KvCache {
    layers: Vec<KeyValues>,
    n_positions: usize,
}

impl KvCache {
    /// An empty cache with room for the whole context, `config.n_positions`.
    pub fn new(config: &Config) -> Self {
        KvCache::with_capacity(config, config.n_positions)
    }

    /// An empty cache with room for `n_positions`, at most those of the config.
    pub fn with_capacity(config: &Config, n_positions: usize) -> Self {
        let n_positions = n_positions.min(config.n_positions);
        // Not a clone of one: that would touch memory which a short text never needs.
        let layer = |_| KeyValues::new(config.n_head, config.head_dim(), n_positions);
        KvCache { layers: (0..config.n_layer).map(layer).collect(), n_positions }
    }

    /// How many positions it holds.
    pub fn len(&self) -> usize {
        self.layers.first().map_or(0, KeyValues::len)
    }

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many positions it has room for.
    pub fn capacity(&self) -> usize {
        self.n_positions
    }

    /// Forgets everything after the first `len` positions.
    pub fn truncate(&mut self, len: usize) {
        for layer in &mut self.layers {
            layer.truncate(len);
        }
    }

    /// The keys and values of one block, or `None` beyond the last.
    pub fn layer(&self, block: usize) -> Option<&KeyValues> {
        self.layers.get(block)
    }

    pub(crate) fn layers_mut(&mut self) -> std::slice::IterMut<'_, KeyValues> {
        self.layers.iter_mut()
    }

    /// Whether the cache fits the model and has room for `new` positions.
    pub(crate) fn check(&self, config: &Config, new: usize) -> Result<(), ModelError> {
        let actual_heads = self.layers.first().map_or(0, KeyValues::n_head);
        let actual_dim = self.layers.first().map_or(0, KeyValues::head_dim);
        if (self.layers.len(), actual_heads, actual_dim)
            != (config.n_layer, config.n_head, config.head_dim())
        {
            return Err(ModelError::CacheMismatch {
                layers: config.n_layer,
                heads: config.n_head,
                dim: config.head_dim(),
                actual_layers: self.layers.len(),
                actual_heads,
                actual_dim,
            });
        }
        let n_positions = self.n_positions.min(config.n_positions);
        if new > n_positions.saturating_sub(self.len()) {
            return Err(ModelError::ContextFull { held: self.len(), new, n_positions });
        }
        Ok(())
    }
}
