//! What HuggingFace says of the embedded model, as `gpt2-demo` brings it.

use serde::Deserialize;

use super::{KnownAnswer, KnownModel, Question, Text, WeightFile, parse, sha256};
use crate::RunnerError;

/// The name of the embedded model.
pub(super) const NAME: &str = "demo";

/// Ours are f32 logits and f64 sums, HuggingFace's are all f32: the mean of some hundred terms
/// differs by far less.
const TOLERANCE: f64 = 1e-5;

#[derive(Deserialize)]
struct Greedy {
    prompt: String,
    n: usize,
    ids: Vec<u32>,
    generated: Vec<u32>,
    text: String,
}

#[derive(Deserialize)]
struct Scoring {
    ids: Vec<u32>,
    rows: usize,
    row_len: usize,
    mean_cross_entropy_f32: f64,
}

pub(super) fn model() -> Result<KnownModel, RunnerError> {
    let greedy: Greedy = parse(gpt2_demo::GREEDY_JSON, "greedy.json")?;
    let scoring: Scoring = parse(gpt2_demo::SCORING_JSON, "scoring.json")?;
    let answer = |name: String, source: &str, question| KnownAnswer {
        name,
        source: format!("transformers, {source}"),
        question,
    };
    let after = format!("{} greedy tokens after {:?}", greedy.n, greedy.prompt);
    let answers = vec![
        answer(
            format!("{after}, by their ids"),
            "greedy.json",
            Question::GreedyIds { prompt: greedy.ids, expected: greedy.generated },
        ),
        answer(
            format!("{after}, by their text"),
            "greedy.json",
            Question::GreedyText { prompt: greedy.prompt, tokens: greedy.n, expected: greedy.text },
        ),
        answer(
            format!("mean cross-entropy, {} x {} tokens", scoring.rows, scoring.row_len),
            "scoring.json",
            Question::CrossEntropy {
                text: Text::Ids(scoring.ids),
                rows: scoring.rows,
                row_len: scoring.row_len,
                expected: scoring.mean_cross_entropy_f32,
                tolerance: TOLERANCE,
            },
        ),
    ];
    let bytes = gpt2_demo::MODEL_SAFETENSORS;
    let digest = sha256(bytes).map_err(|source| RunnerError::File {
        file: "the embedded model.safetensors".into(),
        source,
    })?;
    let weights = vec![WeightFile { size: bytes.len() as u64, sha256: digest }];
    Ok(KnownModel { repository: NAME.to_owned(), weights, answers })
}
