/// What can be wrong with the arguments of an operation.
///
/// Every operation checks its shapes before it computes; none panics on bad input.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TensorError {
    /// An operand has another shape than the other operands demand.
    #[error("{op}: `{operand}` has shape {actual:?}, expected {expected:?}")]
    Shape {
        /// The operation, e.g. `linear`.
        op: &'static str,
        /// The argument, e.g. `bias`.
        operand: &'static str,
        /// The shape that the other arguments demand.
        expected: Vec<usize>,
        /// The shape that was passed.
        actual: Vec<usize>,
    },
    /// A row was asked for that the table does not have.
    #[error("{op}: index {index} is out of range, the table has {rows} rows")]
    Index {
        /// The operation, e.g. `gather`.
        op: &'static str,
        /// The row asked for.
        index: usize,
        /// How many rows there are.
        rows: usize,
    },
    /// More positions were appended than the key-value store can hold.
    #[error(
        "the key-value store is full: it holds {len} of {capacity} positions, {new} more do not fit"
    )]
    CacheFull {
        /// Positions already held.
        len: usize,
        /// Positions to append.
        new: usize,
        /// Positions it can hold.
        capacity: usize,
    },
    /// Instructions were asked for that this CPU does not have.
    #[error("this CPU has no {isa}")]
    MissingIsa {
        /// The [`crate::Isa::name`].
        isa: &'static str,
    },
}

/// Checks one operand's shape.
pub(crate) fn expect_shape(
    op: &'static str,
    operand: &'static str,
    expected: &[usize],
    actual: &[usize],
) -> Result<(), TensorError> {
    if expected == actual {
        return Ok(());
    }
    Err(TensorError::Shape { op, operand, expected: expected.to_vec(), actual: actual.to_vec() })
}
