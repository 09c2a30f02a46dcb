//! Checkpoint 5 on the real weights of GPT-2 124M: the output of attention of all 12 blocks.

use gpt2_tensor::Compute;
use gpt2_tests::{Real, assert_agrees, assert_fails_at};
use gpt2_trace::Checkpoint;

#[test]
fn agrees_with_huggingface() {
    let Some(real) = Real::find_or_skip(module_path!()) else { return };
    for isolated in [true, false] {
        let run = real.run(&Compute::default(), isolated);
        assert_agrees(&[run], Checkpoint::AttentionOutput, 24);
    }
}

/// The matrix is square: no check of shapes finds this.
#[test]
fn transposed_projection_fails() {
    let Some(real) = Real::find_or_skip(module_path!()) else { return };
    let mut parameters = real.parameters("h.9.attn.c_");
    for (name, x) in &mut parameters {
        if name.ends_with("c_proj.weight") {
            x.swap_axes(0, 1);
        }
    }
    let ours = real.trace_of(&parameters, real.config().clone());
    let entries = real.references().hold(&ours);
    for name in ["h.9.attn", "step.1.h.9.attn"] {
        assert_fails_at(&entries, name);
    }
}
