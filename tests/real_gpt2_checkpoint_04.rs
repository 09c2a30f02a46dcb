//! Checkpoint 4 on the real weights of GPT-2 124M: scores and weights of all 144 heads, both steps.

use gpt2_tensor::Compute;
use gpt2_tests::{Real, assert_agrees, assert_fails_at};
use gpt2_trace::Checkpoint;
use gpt2_weights::Config;

#[test]
fn agrees_with_huggingface() {
    let Some(real) = Real::find_or_skip(module_path!()) else { return };
    for isolated in [true, false] {
        let runs = [real.run(&Compute::default(), isolated)];
        assert_agrees(&runs, Checkpoint::AttentionScores, 24);
        assert_agrees(&runs, Checkpoint::AttentionWeights, 24);
    }
}

#[test]
fn unscaled_fails() {
    let Some(real) = Real::find_or_skip(module_path!()) else { return };
    let config = Config { scale_attn_weights: false, ..real.config().clone() };
    let ours = real.trace_of(&real.parameters("h.3.attn.c_"), config);
    let entries = real.references().hold(&ours);
    for name in ["h.3.attn.scores", "h.3.attn.weights", "step.1.h.3.attn.scores"] {
        assert_fails_at(&entries, name);
    }
}
