#![doc = include_str!("../README.md")]

/// `config.json` of the demo model, as HuggingFace saved it.
pub const CONFIG_JSON: &str = include_str!("../model/config.json");

/// `model.safetensors` of the demo model, as HuggingFace saved it.
pub const MODEL_SAFETENSORS: &[u8] = include_bytes!("../model/model.safetensors");

/// `tokenizer.json` of the demo model.
pub const TOKENIZER_JSON: &str = include_str!("../model/tokenizer.json");
