//! Checkpoint 11, probabilities: the softmax of the last logits at temperature 1.

use gpt2_tensor::softmax;
use gpt2_tests::{
    activations, assert_agrees, assert_caught, assert_fails_at, demo_model, demo_run, demo_runs,
};
use gpt2_trace::{Checkpoint, Entry, Tensor};
use ndarray::{Array1, Axis, Ix1};

#[test]
fn agrees_with_huggingface() {
    assert_agrees(demo_runs(), Checkpoint::Probabilities, 22);
}

#[test]
fn sum_to_one() {
    let mut compared = 0;
    for run in demo_runs() {
        for name in run.ours.tensors.keys().filter(|name| name.ends_with("probs")) {
            let probs = activations(&run.ours, name);
            let sum: f64 = probs.iter().map(|&p| f64::from(p)).sum();
            assert!((sum - 1.0).abs() < 1e-6, "{} {name}: {sum}", run.name);
            assert!(probs.iter().all(|&p| (0.0..=1.0).contains(&p)), "{} {name}", run.name);
            compared += 1;
        }
    }
    assert_eq!(compared, 22);
}

/// Probabilities by `change` from HuggingFace's logits, held against HuggingFace's probabilities.
fn hold(change: impl Fn(Array1<f32>) -> Array1<f32>) -> Vec<Entry> {
    let (references, run) = demo_run("short");
    let logits = activations(&references.f32, "logits.last").clone();
    let probs = change(logits.into_dimensionality::<Ix1>().expect("one dimension"));
    references.hold_with(&run.ours, &[("probs", Tensor::F32(probs.into_dyn()))])
}

fn of(logits: Array1<f32>) -> Array1<f32> {
    softmax(demo_model().compute(), logits.insert_axis(Axis(0)).view()).remove_axis(Axis(0))
}

/// That what follows fails for its mistake alone.
#[test]
fn right_arithmetic_passes_in_isolation() {
    assert!(hold(of).iter().all(Entry::passes));
}

#[test]
fn another_temperature_fails() {
    for temperature in [0.999, 2.0] {
        assert_fails_at(&hold(|logits| of(logits / temperature)), "probs");
    }
}

#[test]
fn logarithms_fail() {
    assert_fails_at(&hold(|logits| of(logits).mapv(f32::ln)), "probs");
}

#[test]
fn without_the_normalisation_fails() {
    assert_fails_at(&hold(|logits| logits.mapv(f32::exp)), "probs");
}

#[test]
fn without_the_smallest_fails() {
    // What top-k sampling with k = 40 would give.
    let top = |logits: Array1<f32>| {
        let mut sorted = logits.to_vec();
        sorted.sort_by(|a, b| b.total_cmp(a));
        of(logits.mapv(|x| if x < sorted[39] { f32::NEG_INFINITY } else { x }))
    };
    assert_fails_at(&hold(top), "probs");
}

#[test]
fn known_mistakes_fail() {
    assert_caught(Checkpoint::Probabilities, &["log-softmax"]);
}
