//! Checkpoint 1, LayerNorm: biased variance, epsilon from the config, inside the root.

use gpt2_tests::{Altered, assert_agrees, assert_caught, assert_fails_first, demo_runs};
use gpt2_trace::Checkpoint;

#[test]
fn agrees_with_huggingface() {
    assert_agrees(demo_runs(), Checkpoint::LayerNorm, 100);
}

/// What the first LayerNorm is given.
#[test]
fn embedding_agrees_with_huggingface() {
    assert_agrees(demo_runs(), Checkpoint::Embedding, 9);
}

#[test]
fn without_epsilon_fails() {
    let model = Altered::demo().config("layer_norm_epsilon", 0.0).model();
    assert_fails_first(&model, "h.0.ln_1");
}

#[test]
fn with_another_epsilon_fails() {
    let model = Altered::demo().config("layer_norm_epsilon", 1e-6).model();
    assert_fails_first(&model, "h.0.ln_1");
}

/// Dividing the variance by n - 1 makes every output smaller by `sqrt((n - 1) / n)`.
#[test]
fn unbiased_variance_fails() {
    let unbiased = |gain: ndarray::Array1<f32>| {
        let n = gain.len() as f32;
        gain * ((n - 1.0) / n).sqrt()
    };
    let model = Altered::demo().vector("h.2.ln_1.weight", unbiased).model();
    assert_fails_first(&model, "h.2.ln_1");
    let model = Altered::demo().vector("ln_f.weight", unbiased).model();
    assert_fails_first(&model, "ln_f");
}

#[test]
fn without_bias_fails() {
    let model = Altered::demo().vector("h.1.ln_2.bias", |bias| bias * 0.0).model();
    assert_fails_first(&model, "h.1.ln_2");
}

#[test]
fn the_norm_of_another_place_fails() {
    let demo = Altered::demo();
    let (gain, bias) = (demo.get("h.0.ln_2.weight").clone(), demo.get("h.0.ln_2.bias").clone());
    let model = demo.tensor("h.0.ln_1.weight", gain).tensor("h.0.ln_1.bias", bias).model();
    assert_fails_first(&model, "h.0.ln_1");
}

#[test]
fn position_embedding_one_off_fails() {
    let model = Altered::demo()
        .matrix("wpe.weight", |wpe| {
            let last = wpe.nrows() - 1;
            ndarray::Array2::from_shape_fn(wpe.dim(), |(p, c)| wpe[[(p + 1).min(last), c]])
        })
        .model();
    assert_fails_first(&model, "embed");
}

#[test]
fn mistakes_in_the_embedding_fail() {
    assert_caught(
        Checkpoint::Embedding,
        &[
            "position-from-one",
            "position-restarted",
            "position-missing",
            "token-scaled",
            "weights-bf16",
            "weights-f16",
            "values-bf16",
            "values-f16",
        ],
    );
}

#[test]
fn known_mistakes_fail() {
    assert_caught(
        Checkpoint::LayerNorm,
        &[
            "unbiased-variance",
            "epsilon-missing",
            "epsilon-1e-6",
            "epsilon-1e-12",
            "epsilon-outside",
            "norm-gain-missing",
            "norm-bias-missing",
            "norm-gain-bias-swapped",
            "rms-norm",
            "norm-missing",
            "second-norm-is-first",
            "final-norm-missing",
            "final-norm-twice",
            "block-of-next",
        ],
    );
}
