#![doc = include_str!("../README.md")]

/// `config.json`, as HuggingFace saved it.
pub const CONFIG_JSON: &str = include_str!("../model/config.json");

/// `model.safetensors`, as HuggingFace saved it: f32, the output head tied to `wte`.
pub const MODEL_SAFETENSORS: &[u8] = include_bytes!("../model/model.safetensors");

/// `tokenizer.json`: byte-level BPE with 1024 tokens.
pub const TOKENIZER_JSON: &str = include_str!("../model/tokenizer.json");

/// How the model was trained: seed, versions, and the loss it came to.
pub const TRAINING_JSON: &str = include_str!("../model/training.json");

/// What HuggingFace's `generate` says greedily after one prompt: `prompt`, `n`, `ids`, `generated`,
/// `text`.
pub const GREEDY_JSON: &str = include_str!("../model/reference/greedy.json");

/// The mean cross-entropy that HuggingFace computes over `rows` rows of `row_len` tokens:
/// `ids` (one more than there are targets), `mean_cross_entropy_f32`, `mean_cross_entropy_f64`.
pub const SCORING_JSON: &str = include_str!("../model/reference/scoring.json");

/// One run of the model through HuggingFace, with what every layer gave.
///
/// Both are safetensors files whose metadata says which tokens went in, and which versions and which
/// weights made them.
#[derive(Clone, Copy, Debug)]
pub struct Reference {
    /// The name of its file, without the ending.
    pub name: &'static str,
    /// The trace of the f32 run.
    pub f32: &'static [u8],
    /// The trace of the same weights and tokens in f64.
    pub f64: &'static [u8],
}

macro_rules! references {
    ($($name:literal),* $(,)?) => {
        &[$(Reference {
            name: $name,
            f32: include_bytes!(concat!("../model/reference/", $name, ".safetensors")),
            f64: include_bytes!(concat!("../model/reference/", $name, ".f64.safetensors")),
        }),*]
    };
}

/// Every reference trace, the smallest prompt first.
pub const REFERENCES: &[Reference] =
    references!["one_token", "short", "unseen", "to_the_brim", "full_context"];
