use gpt2_weights::Config;

/// The work that an operation cannot do without: what its time is held against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Multiplications and additions, each counted as one.
    pub flops: u64,
    /// What must come from memory at least once: weights, keys and values. Activations are small
    /// and stay in the caches.
    pub bytes: u64,
}

impl Cost {
    /// `[rows, in]` by `[in, out]`.
    pub fn linear(rows: usize, n_in: usize, n_out: usize) -> Self {
        Cost { flops: (2 * rows * n_in * n_out) as u64, bytes: (4 * n_in * n_out) as u64 }
    }

    /// `new` queries after `past` positions, of which the causal mask leaves each its own and those
    /// before it.
    pub fn attention(n_embd: usize, past: usize, new: usize) -> Self {
        let pairs = new * past + new * (new + 1) / 2;
        Cost { flops: (4 * pairs * n_embd) as u64, bytes: (8 * (past + new) * n_embd) as u64 }
    }

    /// One block.
    pub fn block(config: &Config, past: usize, new: usize) -> Self {
        let (c, f) = (config.n_embd, config.n_inner);
        [(c, 3 * c), (c, c), (c, f), (f, c)]
            .into_iter()
            .map(|(n_in, n_out)| Cost::linear(new, n_in, n_out))
            .fold(Cost::attention(c, past, new), Cost::plus)
    }

    /// `new` tokens after `past` through the whole model, and the logits of the last one.
    pub fn forward(config: &Config, past: usize, new: usize) -> Self {
        let blocks = Cost::block(config, past, new).times(config.n_layer as u64);
        blocks.plus(Cost::linear(1, config.n_embd, config.vocab_size))
    }

    /// One after the other.
    pub fn plus(self, other: Cost) -> Self {
        Cost { flops: self.flops + other.flops, bytes: self.bytes + other.bytes }
    }

    /// `n` times.
    pub fn times(self, n: u64) -> Self {
        Cost { flops: n * self.flops, bytes: n * self.bytes }
    }

    /// FLOP per byte: small is bound by the memory, large by the arithmetic.
    pub fn intensity(self) -> f64 {
        self.flops as f64 / self.bytes as f64
    }
}
