//! Checkpoint 8, the logits of every position: `ln_f`, then the tied embedding.

use gpt2_model::Embedding;
use gpt2_tests::{
    Altered, activations, assert_agrees, assert_caught, assert_fails_at, assert_fails_first,
    demo_model, demo_run, demo_runs, demo_weights,
};
use gpt2_trace::{Checkpoint, Tensor};
use ndarray::{Array2, Ix2};

#[test]
fn agrees_with_huggingface() {
    assert_agrees(demo_runs(), Checkpoint::FullLogits, 9);
}

/// A head of its own that is nearly the embedding.
#[test]
fn untied_head_fails() {
    let demo = Altered::demo().config("tie_word_embeddings", false);
    let wte = demo.get("wte.weight").clone();
    let same = demo.clone().tensor("lm_head.weight", wte.clone()).model();
    let (references, run) = demo_run("short");
    let logits = references.record(&same);
    assert_eq!(logits.tensors, run.ours.tensors, "a head equal to wte is the tied head");
    let near = demo.tensor("lm_head.weight", wte.mapv(|x| x * 1.001));
    assert_fails_first(&near.model(), "logits");
}

#[test]
fn head_of_another_vocabulary_order_fails() {
    let demo = Altered::demo().config("tie_word_embeddings", false);
    let mut wte = demo.get("wte.weight").clone();
    wte.invert_axis(ndarray::Axis(0));
    let wte = wte.as_standard_layout().into_owned();
    assert_fails_first(&demo.tensor("lm_head.weight", wte).model(), "logits");
}

/// Logits by our own embedding from HuggingFace's tensor called `from`.
fn logits_of(from: &str) -> Array2<f32> {
    let (references, _) = demo_run("short");
    let x = activations(&references.f32, from).view().into_dimensionality::<Ix2>();
    let compute = demo_model().compute();
    let embedding = Embedding::new(compute, demo_weights().embedding().expect("checked"));
    embedding.logits(compute, x.expect("two dimensions")).expect("its width")
}

#[test]
fn without_the_last_norm_fails() {
    let (references, run) = demo_run("short");
    let last = format!("h.{}", demo_weights().config().n_layer - 1);
    let hold = |from: &str| {
        let logits = Tensor::F32(logits_of(from).into_dyn());
        references.hold_with(&run.ours, &[("logits", logits)])
    };
    assert_fails_at(&hold(&last), "logits");
    assert!(hold("ln_f").iter().all(|entry| entry.passes()), "with it they pass");
}

/// Everything else untouched, one row of the embedding that is in no prompt.
#[test]
fn one_wrong_row_fails() {
    let (references, _) = demo_run("short");
    let used = references.f32.ids().expect("ids");
    let generated = [814, 26, 199, 41];
    let vocab = demo_weights().config().vocab_size as u32;
    let unused = (0..vocab).rev().find(|id| !used.contains(id) && !generated.contains(id));
    let row = unused.expect("the vocabulary is larger than the prompt") as usize;
    let model = Altered::demo()
        .matrix("wte.weight", |mut wte| {
            wte.row_mut(row).mapv_inplace(|x| -x);
            wte
        })
        .model();
    assert_fails_first(&model, "logits");
}

#[test]
fn known_mistakes_fail() {
    assert_caught(Checkpoint::FullLogits, &["untied-head", "head-transposed"]);
}
