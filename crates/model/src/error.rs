use gpt2_tensor::TensorError;
use gpt2_weights::WeightsError;

/// Why the model cannot be made, or cannot take what it was given.
///
/// A failed call leaves the cache as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// No token was given.
    #[error("no tokens were given, a forward pass takes at least one")]
    EmptyInput,
    /// A token id is not in the vocabulary.
    #[error("token {token} at position {position} is not in the vocabulary of {vocab_size} tokens")]
    TokenOutOfRange {
        /// The id given.
        token: u32,
        /// Its index in the tokens given.
        position: usize,
        /// The first id that does not exist.
        vocab_size: usize,
    },
    /// More tokens than there are positions.
    #[error(
        "the context is full: the cache holds {held} of {n_positions} positions, \
         {new} more do not fit"
    )]
    ContextFull {
        /// Positions in the cache.
        held: usize,
        /// Positions that the call needs.
        new: usize,
        /// Positions that the cache has room for.
        n_positions: usize,
    },
    /// The cache was made for a model of another shape.
    #[error(
        "the cache is for {actual_layers} layers of {actual_heads} heads, {actual_dim} wide; \
         this model has {layers} of {heads}, {dim} wide"
    )]
    CacheMismatch {
        /// Layers of the model.
        layers: usize,
        /// Heads of the model.
        heads: usize,
        /// Head width of the model.
        dim: usize,
        /// Layers of the cache.
        actual_layers: usize,
        /// Heads of the cache.
        actual_heads: usize,
        /// Head width of the cache.
        actual_dim: usize,
    },
    /// The config names an activation function that this crate does not compute.
    #[error("activation_function {0:?} is not implemented")]
    UnsupportedActivation(gpt2_weights::ActivationFunction),
    /// The arithmetic refused a shape.
    #[error(transparent)]
    Tensor(#[from] TensorError),
    /// The checkpoint could not be read.
    #[error(transparent)]
    Weights(#[from] WeightsError),
}
