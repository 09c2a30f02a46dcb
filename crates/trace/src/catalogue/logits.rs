//! Mistakes of the logits and of what follows from them; precision.

use super::{Mistake, mistake, precision, sites};
use crate::Checkpoint;
use crate::arithmetic::{HeadForm, Precision, ProbsForm};

pub(super) const LOGITS: &[Mistake] = &[
    // Logits and what follows from them.
    mistake(
        "untied-head",
        Checkpoint::FullLogits,
        sites::logits,
        "logits of another head: the embedding where the checkpoint has a head, an empty head where it has none",
        |f| f.head = HeadForm::Untied,
    ),
    mistake(
        "head-transposed",
        Checkpoint::FullLogits,
        sites::logits,
        "logits with the head read as [n_embd, vocab_size]",
        |f| f.head = HeadForm::Transposed,
    ),
    mistake(
        "last-but-one-logits",
        Checkpoint::SelectedLogits,
        sites::last,
        "the logits of the position before the last",
        |f| f.last = 2,
    ),
    mistake(
        "argmax-from-one",
        Checkpoint::Argmax,
        sites::argmax,
        "token ids counted from 1",
        |f| f.first_id = 1,
    ),
    mistake(
        "log-softmax",
        Checkpoint::Probabilities,
        sites::probs,
        "logarithms of the probabilities",
        |f| f.probs = ProbsForm::LogSoftmax,
    ),
    mistake(
        "stale-logits",
        Checkpoint::EndToEnd,
        sites::generated,
        "tokens chosen from the logits of the step before",
        |f| f.stale = true,
    ),
    // Precision.
    precision(
        "weights-bf16",
        Checkpoint::Embedding,
        sites::with_weights,
        "computed with weights rounded to bf16",
        |f| f.precision = Precision::WeightsBf16,
    ),
    precision(
        "weights-f16",
        Checkpoint::Embedding,
        sites::with_weights,
        "computed with weights rounded to f16",
        |f| f.precision = Precision::WeightsF16,
    ),
    precision(
        "values-bf16",
        Checkpoint::Embedding,
        sites::any_float,
        "kept in bf16, weights and activations",
        |f| f.precision = Precision::ValuesBf16,
    ),
    precision(
        "values-f16",
        Checkpoint::Embedding,
        sites::any_float,
        "kept in f16, weights and activations",
        |f| f.precision = Precision::ValuesF16,
    ),
    precision(
        "tf32",
        Checkpoint::QkvProjection,
        sites::products,
        "computed with factors rounded as TF32 does",
        |f| f.precision = Precision::Tf32,
    ),
];
