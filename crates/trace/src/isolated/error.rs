/// Why one operation could not be recomputed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NotComputable {
    /// An input was not recorded.
    #[error("its input `{name}` was not recorded")]
    Missing {
        /// The input.
        name: String,
    },
    /// An input has a shape that it cannot have.
    #[error("its input `{name}` has shape {actual:?}, not {expected:?}")]
    Shape {
        /// The input.
        name: String,
        /// The shape that the model and the tokens demand.
        expected: Vec<usize>,
        /// The recorded shape.
        actual: Vec<usize>,
    },
    /// The trace does not say which tokens the pass was fed.
    #[error("the trace does not say which tokens step {step} was fed")]
    Tokens {
        /// The step.
        step: usize,
    },
    /// A token or a position has no embedding.
    #[error("step {step} asks for row {index} of an embedding with {rows}")]
    Index {
        /// The token id, or the position.
        index: usize,
        /// How many there are.
        rows: usize,
        /// The step.
        step: usize,
    },
    /// The name is that of a block which the model does not have.
    #[error("the model has no block {block}, it has {n_layer}")]
    Block {
        /// The block.
        block: usize,
        /// How many there are.
        n_layer: usize,
    },
    /// The name is not that of a tap.
    #[error("`{name}` is not the name of any tap")]
    Unknown {
        /// The name.
        name: String,
    },
    /// The activation function of the config has no plain form here.
    #[error("its activation function has no plain form")]
    Activation,
    /// It would need itself.
    #[error("`{name}` was not recorded and depends on itself")]
    Circular {
        /// The value.
        name: String,
    },
    /// It makes no difference in the first step.
    #[error("there is no step before")]
    NoStepBefore,
    /// It is defined for the prompt only.
    #[error("it is only tried on the prompt")]
    LaterStep,
    /// It makes no difference in the first block.
    #[error("there is no block before")]
    NoBlockBefore,
    /// It makes no difference to a single position.
    #[error("there is no position before the last")]
    NoPositionBefore,
    /// A parameter could not be read.
    #[error(transparent)]
    Weights(#[from] gpt2_weights::WeightsError),
}
