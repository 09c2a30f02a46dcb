//! Checkpoint 5, the output of attention: heads merged, then `c_proj`.

use gpt2_tests::{
    Altered, assert_agrees, assert_caught, assert_fails_first, demo_runs, demo_weights,
};
use gpt2_trace::Checkpoint;
use ndarray::Axis;

#[test]
fn agrees_with_huggingface() {
    assert_agrees(demo_runs(), Checkpoint::AttentionOutput, 45);
}

/// The matrix is square: no check of shapes finds this.
#[test]
fn transposed_weight_fails() {
    let model = Altered::demo().matrix("h.0.attn.c_proj.weight", |w| w.t().to_owned()).model();
    assert_fails_first(&model, "h.0.attn");
}

#[test]
fn without_bias_fails() {
    let model = Altered::demo().vector("h.4.attn.c_proj.bias", |bias| bias * 0.0).model();
    assert_fails_first(&model, "h.4.attn");
}

/// Features merged as `[head_dim, heads]` instead of `[heads, head_dim]`.
#[test]
fn heads_merged_in_another_order_fail() {
    let config = demo_weights().config();
    let (heads, dim) = (config.n_head, config.head_dim());
    let rows: Vec<usize> = (0..heads * dim).map(|row| row % heads * dim + row / heads).collect();
    let model = Altered::demo()
        .matrix("h.2.attn.c_proj.weight", |weight| weight.select(Axis(0), &rows))
        .model();
    assert_fails_first(&model, "h.2.attn");
}

/// Right shapes, right scores, wrong mixture.
#[test]
fn the_projection_of_another_block_fails() {
    let demo = Altered::demo();
    let other = demo.get("h.0.attn.c_proj.weight").clone();
    assert_fails_first(&demo.tensor("h.3.attn.c_proj.weight", other).model(), "h.3.attn");
}

#[test]
fn known_mistakes_fail() {
    assert_caught(
        Checkpoint::AttentionOutput,
        &[
            "heads-not-transposed",
            "attention-projection-missing",
            "attention-projection-transposed",
            "attention-bias-missing",
        ],
    );
}
