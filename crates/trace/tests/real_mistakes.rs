//! Mistakes made by the f32 model itself, through a wrong config or worse weights, and diagnosed:
//! nothing of the catalogue's arithmetic made these values.

mod support;

use gpt2_model::Gpt2;
use gpt2_trace::{Class, Recorder, diagnose, record};
use gpt2_weights::Gpt2Weights;
use support::{reference, tolerances, weights};

/// Runs the model that `config` and `bytes` make and names what is wrong with it.
fn named(config: &str, bytes: Vec<u8>) -> (Vec<&'static str>, String) {
    let reference = reference("short");
    let wrong = Gpt2Weights::from_bytes(config, bytes).expect("a model");
    let model = Gpt2::new(&wrong).expect("a model");
    let ids = reference.ids().expect("ids");
    let theirs = record(&model, &ids, reference.decode(), Recorder::all()).expect("recorded");
    let diagnosis = diagnose(&theirs, &weights(), &reference, &tolerances());
    let best = |finding: &gpt2_trace::Finding| {
        finding.explanations.first().map_or("unexplained", |best| best.mistake.id)
    };
    (diagnosis.findings.iter().map(best).collect(), diagnosis.to_string())
}

#[test]
fn a_wrong_config_is_named() {
    let cases: [(&str, &str, &[&str]); 7] = [
        ("\"gelu_new\"", "\"gelu_new\"", &[]),
        ("\"gelu_new\"", "\"gelu\"", &["gelu-erf"]),
        ("\"gelu_new\"", "\"relu\"", &["relu"]),
        ("\"layer_norm_epsilon\": 1e-05", "\"layer_norm_epsilon\": 1e-06", &["epsilon-1e-6"]),
        ("\"layer_norm_epsilon\": 1e-05", "\"layer_norm_epsilon\": 0.0", &["epsilon-missing"]),
        ("\"scale_attn_weights\": true", "\"scale_attn_weights\": false", &["scale-missing"]),
        (
            "\"scale_attn_by_inverse_layer_idx\": false",
            "\"scale_attn_by_inverse_layer_idx\": true",
            &["scale-by-block"],
        ),
    ];
    for (right, wrong, expected) in cases {
        let config = gpt2_demo::CONFIG_JSON.replace(right, wrong);
        assert!(config.contains(wrong), "{wrong}");
        let (names, text) = named(&config, gpt2_demo::MODEL_SAFETENSORS.to_vec());
        assert_eq!(names, expected, "{text}");
    }
}

#[test]
fn fewer_digits_are_named_as_precision() {
    // Every weight is f32: bf16 is its upper half.
    let mut bytes = gpt2_demo::MODEL_SAFETENSORS.to_vec();
    let header = u64::from_le_bytes(bytes[..8].try_into().expect("eight bytes"));
    let data = 8 + usize::try_from(header).expect("small");
    for weight in bytes[data..].chunks_exact_mut(4) {
        let x = f32::from_le_bytes(weight.try_into().expect("four bytes"));
        weight.copy_from_slice(&half::bf16::from_f32(x).to_f32().to_le_bytes());
    }
    let (names, text) = named(gpt2_demo::CONFIG_JSON, bytes);
    assert_eq!(names, ["weights-bf16"], "{text}");
    assert!(text.contains("no mistake but precision"), "{text}");
    let precision = gpt2_trace::Mistake::by_id("weights-bf16").map(|mistake| mistake.class);
    assert_eq!(precision, Some(Class::Precision));
}

#[test]
fn a_changed_weight_is_not_explained_away() {
    let mut bytes = gpt2_demo::MODEL_SAFETENSORS.to_vec();
    let tensors = safetensors::SafeTensors::deserialize(gpt2_demo::MODEL_SAFETENSORS);
    let tensors = tensors.expect("safetensors");
    let weight = tensors.tensor("transformer.h.1.mlp.c_fc.weight").expect("there");
    let at = weight.data().as_ptr() as usize - gpt2_demo::MODEL_SAFETENSORS.as_ptr() as usize;
    bytes[at..at + 4].copy_from_slice(&7.0_f32.to_le_bytes());
    let (names, text) = named(gpt2_demo::CONFIG_JSON, bytes);
    assert_eq!(names, ["unexplained"], "{text}");
    assert!(text.contains("h.1.mlp: no known mistake explains your values"), "{text}");
}
