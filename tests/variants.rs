//! Tiny models that use every option of the architecture: other widths, epsilons, activations, heads
//! of their own, other scales of the scores, other names. Each against HuggingFace, everywhere.

use gpt2_model::Gpt2;
use gpt2_tests::{References, Run, say, variants};
use gpt2_trace::{Checkpoint, fingerprint, weights_differ};
use gpt2_weights::Gpt2Weights;

/// Every variant in the folder, run against its reference.
fn runs() -> Vec<Run> {
    let mut runs = Vec::new();
    for directory in variants() {
        let name = directory.file_name().expect("a name").to_string_lossy().into_owned();
        let weights = Gpt2Weights::open(&directory).unwrap_or_else(|e| panic!("{name}: {e}"));
        let file = directory.join("reference/trace.safetensors");
        let references = References::open(&name, &file);
        let made_with = references.f32.weights().expect("which weights made it");
        let differ = weights_differ(&fingerprint(weights.checkpoint()), &made_with);
        assert!(differ.is_empty(), "{name}: {differ:?}");
        let model = Gpt2::new(&weights).unwrap_or_else(|error| panic!("{name}: {error}"));
        runs.push(references.run(&model));
    }
    runs
}

/// The options that must be there, so that a folder that lost one is noticed.
const NAMES: [&str; 11] = [
    "bare_names",
    "gelu_fast",
    "gelu_odd_inner",
    "gelu_pytorch_tanh",
    "inverse_layer_scale",
    "relu_epsilon",
    "silu_head_dim_3",
    "tanh_one_head",
    "unscaled_buffers",
    "untied_head",
    "upcast",
];

#[test]
fn agree_with_huggingface() {
    let runs = runs();
    let names: Vec<&str> = runs.iter().map(|run| run.name.as_str()).collect();
    for name in NAMES {
        assert!(names.contains(&name), "tests/data/variants has no {name}, only {names:?}");
    }
    for run in &runs {
        let used = run.entries.iter().filter_map(|entry| Some(entry.result.as_ref().ok()?.used()));
        let used = used.fold(0.0, f64::max);
        say(&format!("{}: {} tensors, {used:.4} of the tolerance", run.name, run.entries.len()));
        for entry in &run.entries {
            assert!(entry.passes(), "{} {}: {:?}", run.name, entry.name, entry.result);
        }
        for checkpoint in Checkpoint::ALL {
            let here = run.entries.iter().any(|entry| entry.checkpoint == Some(checkpoint));
            assert!(here, "{} has nothing for {checkpoint}", run.name);
        }
    }
    let expected = runs.iter().map(|run| run.entries.len()).sum::<usize>();
    assert!(expected > 900, "only {expected} tensors");
    // Per checkpoint, and near enough to f64.
    for checkpoint in Checkpoint::ALL {
        let of_it =
            |run: &Run| run.entries.iter().filter(|e| e.checkpoint == Some(checkpoint)).count();
        gpt2_tests::assert_agrees(&runs, checkpoint, runs.iter().map(of_it).sum());
    }
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
    for (variant, option, other) in options {
        let directory = gpt2_tests::root().join("tests/data/variants").join(variant);
        let config = std::fs::read_to_string(directory.join("config.json")).expect("a config");
        let mut config: serde_json::Value = serde_json::from_str(&config).expect("JSON");
        assert_ne!(config[option], other, "{variant} has this {option}");
        config[option] = other;
        let weights = std::fs::read(directory.join("model.safetensors")).expect("weights");
        let weights = Gpt2Weights::from_bytes(config.to_string(), weights).expect("it loads");
        let model = Gpt2::new(&weights).expect("it is implemented");
        let file = directory.join("reference/trace.safetensors");
        let run = References::open(variant, &file).run(&model);
        let failed = run.entries.iter().filter(|entry| !entry.passes()).count();
        assert!(failed > 0, "{variant} passes with another {option}");
    }
}
