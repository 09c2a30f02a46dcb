#![doc = include_str!("../README.md")]

mod comparison;
mod diagnosing;
mod error;
mod generate;
mod inspection;
mod known;
mod reference;
mod report;
mod sampling;
mod score;
mod source;
mod stream;
mod tokenizer;
mod validation;

pub use comparison::Comparison;
pub use diagnosing::{Diagnosed, diagnose_file};
pub use error::RunnerError;
pub use generate::{Generation, GenerationOptions, Stop, generate, generate_ids};
pub use inspection::{Inspection, NonFinite, Parameters};
pub use known::{KnownAnswer, KnownAnswers, KnownResult, Question, Text, TextFile, TextPlaces};
pub use reference::{ReferenceSource, truth_beside};
pub use report::{Case, CheckpointRow, Failure, Verdict, failures};
pub use sampling::{Sampler, Sampling};
pub use score::{Score, score};
pub use source::ModelSource;
pub use stream::TextStream;
pub use tokenizer::{Tokenizer, TokenizerError};
pub use validation::Validation;
