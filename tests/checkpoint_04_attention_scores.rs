//! Checkpoint 4, attention scores: scaled, masked, before the softmax; and the weights after it.

use gpt2_tensor::{AttentionProbe, KeyValues, causal_attention_probed};
use gpt2_tests::{
    Altered, activations, assert_agrees, assert_caught, assert_fails_at, assert_fails_first,
    demo_model, demo_run, demo_runs, demo_weights,
};
use gpt2_trace::{Checkpoint, Entry, Tensor};
use ndarray::{Array3, ArrayD, Axis, Ix3, concatenate, s};

const SCORES: &str = "h.2.attn.scores";
const WEIGHTS: &str = "h.2.attn.weights";

#[test]
fn agrees_with_huggingface() {
    assert_agrees(demo_runs(), Checkpoint::AttentionScores, 45);
}

#[test]
fn weights_agree_with_huggingface() {
    assert_agrees(demo_runs(), Checkpoint::AttentionWeights, 45);
}

/// Exactly the positions after a query's own are masked, and get no weight.
#[test]
fn mask_is_causal() {
    let mut checked = 0;
    for run in demo_runs() {
        for (name, _) in run.ours.tensors.iter().filter(|(name, _)| name.ends_with(".scores")) {
            let scores = cube(activations(&run.ours, name));
            let weights = cube(activations(&run.ours, &name.replace(".scores", ".weights")));
            let past = scores.len_of(Axis(2)) - scores.len_of(Axis(1));
            for ((head, i, j), score) in scores.indexed_iter() {
                let masked = j > past + i;
                assert_eq!(*score == f32::NEG_INFINITY, masked, "{name} {head} {i} {j}");
                assert_eq!(weights[[head, i, j]] == 0.0, masked, "{name} {head} {i} {j}");
            }
            for (sum, lane) in weights.sum_axis(Axis(2)).iter().zip(0..) {
                assert!((sum - 1.0).abs() < 1e-6, "{name}: row {lane} sums to {sum}");
            }
            checked += 1;
        }
    }
    assert_eq!(checked, 45);
}

#[test]
fn unscaled_fails() {
    let model = Altered::demo().config("scale_attn_weights", false).model();
    assert_fails_first(&model, "h.0.attn.scores");
}

#[test]
fn scaled_by_the_layer_as_well_fails() {
    let model = Altered::demo().config("scale_attn_by_inverse_layer_idx", true).model();
    // The first block divides by one.
    assert_fails_first(&model, "h.1.attn.scores");
}

/// Our attention on HuggingFace's own queries, keys and values of block 2, `wrong` in some way.
fn attend(
    scale: f32,
    change: impl Fn(Array3<f32>, Array3<f32>, Array3<f32>) -> [Array3<f32>; 3],
) -> AttentionProbe {
    let (references, _) = demo_run("short");
    let [q, k, v] =
        ["q", "k", "v"].map(|name| cube(activations(&references.f32, &format!("h.2.attn.{name}"))));
    let [q, k, v] = change(q, k, v);
    let (positions, n_head, head_dim) = k.dim();
    let mut kv = KeyValues::new(n_head, head_dim, positions);
    let compute = demo_model().compute();
    kv.append(compute, k.view(), v.view()).expect("there is room");
    causal_attention_probed(compute, q.view(), &kv, scale).expect("the shapes fit").1
}

/// How HuggingFace's scores and weights compare with these.
fn hold(scores: Array3<f32>, weights: Array3<f32>) -> Vec<Entry> {
    let (references, run) = demo_run("short");
    let tensor = |x: Array3<f32>| Tensor::F32(x.into_dyn());
    references.hold_with(&run.ours, &[(SCORES, tensor(scores)), (WEIGHTS, tensor(weights))])
}

fn cube(array: &ArrayD<f32>) -> Array3<f32> {
    array.clone().into_dimensionality::<Ix3>().expect("three dimensions")
}

fn root_scale() -> f32 {
    1.0 / (demo_weights().config().head_dim() as f32).sqrt()
}

fn unchanged(q: Array3<f32>, k: Array3<f32>, v: Array3<f32>) -> [Array3<f32>; 3] {
    [q, k, v]
}

/// That what follows fails for its mistake alone.
#[test]
fn right_arithmetic_passes_in_isolation() {
    let probe = attend(root_scale(), unchanged);
    let entries = hold(probe.scores, probe.weights);
    for name in [SCORES, WEIGHTS] {
        let entry = entries.iter().find(|entry| entry.name == name).expect("it is compared");
        assert!(entry.passes(), "{name}: {:?}", entry.result);
    }
}

#[test]
fn scaled_by_head_dim_instead_of_its_root_fails() {
    let probe = attend(root_scale() * root_scale(), unchanged);
    let entries = hold(probe.scores, probe.weights);
    assert_fails_at(&entries, SCORES);
    assert_fails_at(&entries, WEIGHTS);
}

/// With a key more than there are queries, each query sees one position beyond its own.
#[test]
fn mask_one_too_far_fails() {
    let probe = attend(root_scale(), |q, k, v| {
        let twice = |x: Array3<f32>| {
            let last = x.slice(s![x.len_of(Axis(0)) - 1.., .., ..]);
            concatenate(Axis(0), &[x.view(), last]).expect("the same heads")
        };
        [q, twice(k), twice(v)]
    });
    let t = probe.scores.len_of(Axis(1));
    let cut = |x: Array3<f32>| x.slice(s![.., .., ..t]).to_owned();
    let entries = hold(cut(probe.scores), cut(probe.weights));
    assert_fails_at(&entries, SCORES);
    assert_fails_at(&entries, WEIGHTS);
}

/// Each query sees only what is before it.
#[test]
fn mask_one_too_near_fails() {
    let mut probe = attend(root_scale(), unchanged);
    for i in 1..probe.scores.len_of(Axis(1)) {
        probe.scores.slice_mut(s![.., i, i]).fill(f32::NEG_INFINITY);
    }
    assert_fails_at(&hold(probe.scores, probe.weights), SCORES);
}

#[test]
fn finite_number_for_masked_positions_fails() {
    let mut probe = attend(root_scale(), unchanged);
    probe.scores.mapv_inplace(|x| if x == f32::NEG_INFINITY { f32::MIN } else { x });
    assert_fails_at(&hold(probe.scores, probe.weights), SCORES);
}

#[test]
fn queries_and_keys_swapped_fail() {
    let probe = attend(root_scale(), |q, k, v| [k, q, v]);
    assert_fails_at(&hold(probe.scores, probe.weights), SCORES);
}

#[test]
fn known_mistakes_fail() {
    assert_caught(
        Checkpoint::AttentionScores,
        &[
            "scale-missing",
            "scale-by-head-dim",
            "scale-by-root-width",
            "scaled-twice",
            "scale-by-block",
            "mask-missing",
            "mask-off-by-one",
            "mask-hides-self",
            "mask-additive",
        ],
    );
}

#[test]
fn mistakes_in_the_weights_fail() {
    assert_caught(Checkpoint::AttentionWeights, &["mask-after-softmax", "softmax-over-queries"]);
}
