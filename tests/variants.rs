//! Tiny models that use every option of the architecture: other widths, epsilons, activations, heads
//! of their own, other scales of the scores, other names. Each against HuggingFace, everywhere.

use gpt2_model::Gpt2;
use gpt2_tensor::Compute;
use gpt2_tests::{Run, Variant, assert_agrees_everywhere, root, say};
use gpt2_trace::Checkpoint;
use gpt2_weights::Gpt2Weights;

/// The options that must be there, so that a folder that lost one is noticed.
const NAMES: [&str; 12] = [
    "bare_names",
    "gelu_fast",
    "gelu_odd_inner",
    "gelu_pytorch_tanh",
    "inverse_layer_scale",
    "relu_epsilon",
    "sharded_bf16",
    "silu_head_dim_3",
    "tanh_one_head",
    "unscaled_buffers",
    "untied_head",
    "upcast",
];

#[test]
fn agree_with_huggingface() {
    let variants = Variant::all();
    let runs: Vec<Run> = variants.iter().map(|variant| variant.run(Compute::default())).collect();
    let names: Vec<&str> = runs.iter().map(|run| run.name.as_str()).collect();
    for name in NAMES {
        assert!(names.contains(&name), "tests/data/variants has no {name}, only {names:?}");
    }
    for (variant, run) in variants.iter().zip(&runs) {
        // Three passes with 6 taps and 12 in each block, and what was generated.
        let n_layer = variant.weights.config().n_layer;
        assert_eq!(run.entries.len(), 3 * (6 + 12 * n_layer) + 1, "{}", run.name);
        let used = run.entries.iter().filter_map(|entry| Some(entry.result.as_ref().ok()?.used()));
        let used = used.fold(0.0, f64::max);
        say(&format!("{}: {} tensors, {used:.2} of the tolerance", run.name, run.entries.len()));
        for checkpoint in Checkpoint::ALL {
            let here = run.entries.iter().any(|entry| entry.checkpoint == Some(checkpoint));
            assert!(here, "{} has nothing for {checkpoint}", run.name);
        }
    }
    assert_agrees_everywhere(&runs);
}

/// An option that is read and then forgotten would leave the model as it is without it.
#[test]
fn every_option_counts() {
    let options = [
        ("relu_epsilon", "layer_norm_epsilon", serde_json::json!(1e-5)),
        ("relu_epsilon", "activation_function", serde_json::json!("gelu_new")),
        ("gelu_odd_inner", "activation_function", serde_json::json!("gelu_new")),
        ("silu_head_dim_3", "activation_function", serde_json::json!("relu")),
        ("silu_head_dim_3", "n_head", serde_json::json!(4)),
        ("tanh_one_head", "activation_function", serde_json::json!("gelu_new")),
        ("inverse_layer_scale", "scale_attn_by_inverse_layer_idx", serde_json::json!(false)),
        ("unscaled_buffers", "scale_attn_weights", serde_json::json!(true)),
    ];
    let variants = Variant::all();
    for (name, option, other) in options {
        let variant = variants.iter().find(|variant| variant.references.name == name);
        let variant = variant.unwrap_or_else(|| panic!("there is no {name}"));
        let folder = root().join("tests/data/variants").join(name);
        let config = std::fs::read_to_string(folder.join("config.json")).expect("a config");
        let mut config: serde_json::Value = serde_json::from_str(&config).expect("JSON");
        assert_ne!(config[option], other, "{name} has this {option}");
        config[option] = other;
        let weights = std::fs::read(folder.join("model.safetensors")).expect("weights");
        let weights = Gpt2Weights::from_bytes(config.to_string(), weights).expect("it loads");
        let run = variant.references.run(&Gpt2::new(&weights).expect("it is implemented"));
        let failed = run.entries.iter().filter(|entry| !entry.passes()).count();
        assert!(failed > 0, "{name} passes with another {option}");
    }
}
