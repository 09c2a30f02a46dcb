//! Configurations of published models, and the fields that a GPT-2 may set.

#![allow(clippy::unwrap_used)]

mod common;

use gpt2_weights::{ActivationFunction, Config, WeightsError};
use serde_json::{Value, json};

fn read(config: &Value) -> Result<Config, WeightsError> {
    Config::from_json(config.to_string(), "config.json")
}

#[test]
fn what_a_file_leaves_out_is_the_default_of_huggingface() {
    assert_eq!(Config::from_json("{}", "config.json").unwrap(), Config::default());
    let default = Config::default();
    assert_eq!((default.n_layer, default.n_head, default.n_embd), (12, 12, 768));
    assert_eq!((default.n_inner, default.n_positions, default.vocab_size), (3072, 1024, 50257));
    assert_eq!((default.eos_token_id, default.bos_token_id), (Some(50256), Some(50256)));
    assert_eq!(default.head_dim(), 64);
}

/// openai-community/gpt2-xl.
#[test]
fn gpt2_xl() {
    let config = read(&json!({
        "activation_function": "gelu_new", "architectures": ["GPT2LMHeadModel"],
        "attn_pdrop": 0.1, "bos_token_id": 50256, "embd_pdrop": 0.1, "eos_token_id": 50256,
        "initializer_range": 0.02, "layer_norm_epsilon": 1e-05, "model_type": "gpt2",
        "n_ctx": 1024, "n_embd": 1600, "n_head": 25, "n_layer": 48, "n_positions": 1024,
        "output_past": true, "resid_pdrop": 0.1, "summary_activation": null,
        "summary_first_dropout": 0.1, "summary_proj_to_labels": true, "summary_type": "cls_index",
        "summary_use_proj": true,
        "task_specific_params": {"text-generation": {"do_sample": true, "max_length": 50}},
        "vocab_size": 50257
    }))
    .unwrap();
    let expected =
        Config { n_layer: 48, n_head: 25, n_embd: 1600, n_inner: 6400, ..Config::default() };
    assert_eq!(config, expected);
    assert_eq!(config.head_dim(), 64);
}

/// distilbert/distilgpt2, whose file still carries fields of a classifier.
#[test]
fn distilgpt2() {
    let config = read(&json!({
        "_num_labels": 1, "activation_function": "gelu_new", "architectures": ["GPT2LMHeadModel"],
        "attn_pdrop": 0.1, "bos_token_id": 50256, "embd_pdrop": 0.1, "eos_token_id": 50256,
        "id2label": {"0": "LABEL_0"}, "initializer_range": 0.02, "label2id": {"LABEL_0": 0},
        "layer_norm_epsilon": 1e-05, "model_type": "gpt2", "n_ctx": 1024, "n_embd": 768,
        "n_head": 12, "n_layer": 6, "n_positions": 1024, "resid_pdrop": 0.1, "vocab_size": 50257
    }))
    .unwrap();
    assert_eq!(config, Config { n_layer: 6, ..Config::default() });
}

/// cerebras/Cerebras-GPT-111M: the exact GELU, an inner width that is given, 2048 positions.
#[test]
fn cerebras_gpt() {
    let config = read(&json!({
        "activation_function": "gelu", "architectures": ["GPT2Model"], "attn_pdrop": 0.0,
        "bos_token_id": 50256, "embd_pdrop": 0.0, "eos_token_id": 50256, "initializer_range": 0.02,
        "layer_norm_epsilon": 1e-05, "model_type": "gpt2", "n_embd": 768, "n_head": 12,
        "n_inner": 3072, "n_layer": 10, "n_positions": 2048, "reorder_and_upcast_attn": false,
        "resid_pdrop": 0.0, "scale_attn_by_inverse_layer_idx": false, "scale_attn_weights": true,
        "torch_dtype": "float32", "use_cache": true, "vocab_size": 50257
    }))
    .unwrap();
    let expected = Config {
        n_layer: 10,
        n_positions: 2048,
        activation_function: ActivationFunction::Gelu,
        ..Config::default()
    };
    assert_eq!(config, expected);
}

/// Everything that is read, set to something else than the default.
#[test]
fn every_field_is_read() {
    let config = read(&json!({
        "model_type": "gpt2", "n_layer": 3, "n_head": 5, "n_embd": 15, "n_inner": 7,
        "n_positions": 11, "vocab_size": 13, "layer_norm_epsilon": 0.5,
        "activation_function": "relu", "scale_attn_weights": false,
        "scale_attn_by_inverse_layer_idx": true, "reorder_and_upcast_attn": true,
        "tie_word_embeddings": false, "eos_token_id": null, "bos_token_id": 12
    }))
    .unwrap();
    let expected = Config {
        n_layer: 3,
        n_head: 5,
        n_embd: 15,
        n_inner: 7,
        n_positions: 11,
        vocab_size: 13,
        layer_norm_epsilon: 0.5,
        activation_function: ActivationFunction::Relu,
        scale_attn_weights: false,
        scale_attn_by_inverse_layer_idx: true,
        reorder_and_upcast_attn: true,
        tie_word_embeddings: false,
        eos_token_id: None,
        bos_token_id: Some(12),
    };
    assert_eq!(config, expected);
}

#[test]
fn the_names_of_other_models_are_read_too() {
    let config = read(&json!({
        "num_hidden_layers": 2, "num_attention_heads": 4, "hidden_size": 16,
        "max_position_embeddings": 32, "n_embd": 16
    }))
    .unwrap();
    assert_eq!((config.n_layer, config.n_head, config.n_embd), (2, 4, 16));
    assert_eq!((config.n_inner, config.n_positions), (64, 32));
}

/// The names of `ACT2FN` in `activations.py`, and what they compute there.
#[test]
fn activations() {
    use ActivationFunction::{Gelu, GeluNew, Relu, Silu, Tanh};
    let known = [
        (
            GeluNew,
            &["gelu_new", "gelu_fast", "gelu_pytorch_tanh", "gelu_python_tanh", "gelu_accurate"][..],
        ),
        (Gelu, &["gelu", "gelu_python"]),
        (Relu, &["relu"]),
        (Silu, &["silu", "swish"]),
        (Tanh, &["tanh"]),
    ];
    for (expected, names) in known {
        for name in names {
            let config = read(&json!({"activation_function": name})).unwrap();
            assert_eq!(config.activation_function, expected, "{name}");
        }
        assert_eq!(expected.to_string(), names[0]);
        assert_eq!(serde_json::to_value(expected).unwrap(), names[0]);
    }
    let unknown = [
        "gelu_10",
        "hardswish",
        "laplace",
        "leaky_relu",
        "linear",
        "mish",
        "quick_gelu",
        "relu2",
        "relu6",
        "sigmoid",
        "sqrtsoftplus",
        "prelu",
        "xielu",
        "GELU",
        "",
    ];
    for name in unknown {
        let error = read(&json!({"activation_function": name})).unwrap_err();
        assert!(matches!(error, WeightsError::Unsupported { .. }), "{name}: {error}");
    }
}

#[test]
fn values_that_change_nothing_are_accepted() {
    let mut config = common::config();
    for (field, value) in [
        ("add_cross_attention", json!(false)),
        ("is_causal", json!(true)),
        ("quantization_config", Value::Null),
        ("pruned_heads", json!({})),
        ("eos_token_id", json!([7])),
        ("n_ctx", json!(1_000_000)),
        ("torch_dtype", json!("float16")),
        ("some_new_field", json!({"of": ["any", "kind"]})),
    ] {
        config[field] = value;
    }
    assert_eq!(read(&config).unwrap().eos_token_id, Some(7));
}

#[test]
fn a_configuration_serializes_under_the_names_it_is_read_by() {
    let config = Config { n_layer: 3, eos_token_id: None, ..Config::default() };
    let json = serde_json::to_string(&config).unwrap();
    assert_eq!(Config::from_json(json, "config.json").unwrap(), config);
}
