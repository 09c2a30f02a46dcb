//! Configurations that no GPT-2 has, or that ask for other arithmetic.

use std::path::Path;

use serde_json::{Value, json};

use super::{Case, case, model};

/// The sound model with one field of its configuration replaced.
fn field(name: &'static str, value: Value) -> impl Fn(&Path) {
    model(move |m| m.config[name] = value.clone())
}

/// The sound model with another text for a configuration.
fn text(config: impl Into<Vec<u8>>) -> impl Fn(&Path) {
    let config = config.into();
    move |directory| {
        crate::common::Model::new().write(directory);
        std::fs::write(directory.join("config.json"), &config).unwrap();
    }
}

pub(super) fn cases() -> Vec<Case> {
    let nested = "[".repeat(100_000);
    let huge = format!("{{\"a\":[{}0]}}", "0,".repeat(1 << 20));
    // Just small enough to be parsed, and as costly as JSON of that size can be.
    let costly = format!("{{\"model_type\":[{}0]}}", "0,".repeat((1 << 19) - 16));
    vec![
        case!(
            "config: no heads",
            field("n_head", json!(0)),
            Config { field: "n_head", .. },
            "n_head: expected an integer of at least 1, found 0"
        ),
        case!(
            "config: no width",
            field("n_embd", json!(0)),
            Config { field: "n_embd", .. },
            "at least 1, found 0"
        ),
        case!(
            "config: no blocks",
            field("n_layer", json!(0)),
            Config { field: "n_layer", .. },
            "at least 1, found 0"
        ),
        case!(
            "config: no tokens",
            field("vocab_size", json!(0)),
            Config { field: "vocab_size", .. },
            "at least 1, found 0"
        ),
        case!(
            "config: no positions",
            field("n_positions", json!(0)),
            Config { field: "n_positions", .. },
            "at least 1, found 0"
        ),
        case!(
            "config: inner width 0",
            field("n_inner", json!(0)),
            Config { field: "n_inner", .. },
            "at least 1, found 0"
        ),
        case!(
            "config: heads do not divide the width",
            field("n_head", json!(3)),
            Config { field: "n_embd", .. },
            "n_embd: expected a multiple of n_head = 3, found 4"
        ),
        case!(
            "config: a billion blocks",
            field("n_layer", json!(1_000_000_000)),
            MissingTensor { .. },
            "tensor \"h.2.ln_1.weight\" is missing"
        ),
        case!(
            "config: negative",
            field("n_layer", json!(-1)),
            Config { field: "n_layer", .. },
            "at least 1, found -1"
        ),
        case!(
            "config: a float for an integer",
            field("n_layer", json!(2.0)),
            Config { field: "n_layer", .. },
            "an integer of at least 1, found 2.0"
        ),
        case!(
            "config: text for an integer",
            field("n_layer", json!("2")),
            Config { field: "n_layer", .. },
            "an integer of at least 1, found \"2\""
        ),
        case!(
            "config: null for an integer",
            field("n_layer", Value::Null),
            Config { field: "n_layer", .. },
            "an integer of at least 1, found null"
        ),
        case!(
            "config: 2^64",
            text(r#"{"n_embd": 18446744073709551616, "n_head": 1}"#),
            Config { field: "n_embd", .. },
            "an integer of at least 1"
        ),
        case!(
            "config: width whose fourfold overflows",
            field("n_embd", json!(1_u64 << 62)),
            Config { field: "n_embd", .. },
            "n_embd: expected a size whose fourfold fits"
        ),
        case!(
            "config: width near the limit",
            field("n_embd", json!(1_u64 << 61)),
            WrongShape { .. },
            "\"wte.weight\": expected shape [10, 2305843009213693952]"
        ),
        case!(
            "config: vocabulary of 2^63",
            field("vocab_size", json!(1_u64 << 63)),
            WrongShape { .. },
            "\"wte.weight\": expected shape [9223372036854775808, 4], found [10, 4]"
        ),
        case!(
            "config: a field missing that the weights contradict",
            model(|m| {
                m.config.as_object_mut().unwrap().remove("n_layer");
            }),
            MissingTensor { .. },
            "\"h.2.ln_1.weight\" is missing"
        ),
        case!(
            "config: alias disagrees",
            field("hidden_size", json!(8)),
            Config { field: "n_embd", .. },
            "n_embd: expected 8, as hidden_size says, found 4"
        ),
        case!(
            "config: epsilon is text",
            field("layer_norm_epsilon", json!("1e-5")),
            Config { field: "layer_norm_epsilon", .. },
            "a number, found \"1e-5\""
        ),
        case!(
            "config: epsilon is negative",
            field("layer_norm_epsilon", json!(-1e-5)),
            Config { field: "layer_norm_epsilon", .. },
            "finite and not negative, found -0.00001"
        ),
        case!(
            "config: epsilon too large for f32",
            field("layer_norm_epsilon", json!(1e300)),
            Config { field: "layer_norm_epsilon", .. },
            "finite and not negative, found inf"
        ),
        case!(
            "config: a number for a truth",
            field("scale_attn_weights", json!(1)),
            Config { field: "scale_attn_weights", .. },
            "true or false, found 1"
        ),
        case!(
            "config: several ends of text",
            field("eos_token_id", json!([1, 2])),
            Config { field: "eos_token_id", .. },
            "one token id or null, found [1,2]"
        ),
        case!(
            "config: negative token",
            field("bos_token_id", json!(-1)),
            Config { field: "bos_token_id", .. },
            "one token id or null, found -1"
        ),
        case!(
            "config: unknown activation",
            field("activation_function", json!("gelu_10")),
            Unsupported { field: "activation_function", .. },
            "activation_function = \"gelu_10\" is not supported: one of gelu_new"
        ),
        case!(
            "config: activation is a number",
            field("activation_function", json!(7)),
            Unsupported { field: "activation_function", .. },
            "activation_function = 7 is not"
        ),
        case!(
            "config: llama",
            field("model_type", json!("llama")),
            Unsupported { field: "model_type", .. },
            "model_type = \"llama\" is not supported: only \"gpt2\" is"
        ),
        case!(
            "config: cross attention",
            field("add_cross_attention", json!(true)),
            Unsupported { field: "add_cross_attention", .. },
            "add_cross_attention = true"
        ),
        case!(
            "config: not causal",
            field("is_causal", json!(false)),
            Unsupported { field: "is_causal", .. },
            "is_causal = false is not supported"
        ),
        case!(
            "config: quantized",
            field("quantization_config", json!({"bits": 4})),
            Unsupported { field: "quantization_config", .. },
            "quantization_config = {\"bits\":4}"
        ),
        case!(
            "config: pruned heads",
            field("pruned_heads", json!({"0": [1]})),
            Unsupported { field: "pruned_heads", .. },
            "pruned_heads = {\"0\":[1]}"
        ),
        case!(
            "config: multi-query attention",
            field("attention_head_type", json!("multiquery")),
            Unsupported { field: "attention_head_type", .. },
            "only \"multihead\" is"
        ),
        case!(
            "config: code of its own",
            field("auto_map", json!({"AutoModel": "m.M"})),
            Unsupported { field: "auto_map", .. },
            "code that a model brings is not run"
        ),
        case!(
            "config: not JSON",
            text("n_layer = 2"),
            Json { what: "the configuration", .. },
            "the configuration is not valid: expected ident"
        ),
        case!(
            "config: not UTF-8",
            text(b"{\"\xff\": 1}".to_vec()),
            Json { what: "the configuration", .. },
            "the configuration is not valid"
        ),
        case!(
            "config: a list",
            text("[1, 2]"),
            Json { what: "the configuration", .. },
            "expected a JSON object"
        ),
        case!(
            "config: cut off",
            text("{\"n_layer\": 2"),
            Json { what: "the configuration", .. },
            "EOF while parsing"
        ),
        case!(
            "config: two objects",
            text("{} {}"),
            Json { what: "the configuration", .. },
            "trailing characters"
        ),
        case!(
            "config: a key twice",
            text(r#"{"n_layer": 2, "n_head": 2, "n_layer": 3}"#),
            DuplicateName { .. },
            "\"n_layer\" appears more than once"
        ),
        case!(
            "config: 100,000 brackets",
            text(nested.clone()),
            Json { what: "the configuration", .. },
            "expected a JSON object"
        ),
        case!(
            "config: 100,000 brackets in a field",
            text(format!("{{\"a\":{nested}")),
            Json { what: "the configuration", .. },
            "recursion limit exceeded"
        ),
        case!("config: empty", text(""), Empty { .. }, "config.json: the file is empty"),
        case!(
            "config: two megabytes",
            text(huge),
            TooLarge { what: "the configuration", .. },
            "the configuration has 2097161 bytes, more than the 1048576 that are accepted"
        ),
        case!(
            "config: a megabyte of zeros",
            text(costly),
            Unsupported { field: "model_type", .. },
            "0,0,0..."
        ),
    ]
}
