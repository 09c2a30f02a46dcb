//! Checkpoint 5 on the real weights of GPT-2 124M: the output of attention of all 12 blocks.

use gpt2_model::Attention;
use gpt2_tensor::Compute;
use gpt2_tests::{Real, assert_agrees, assert_fails_at};
use gpt2_trace::{Checkpoint, Trace};

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
    let compute = Compute::default();
    let mut params = real.attention_params(9);
    params.c_proj.weight = params.c_proj.weight.t().to_owned().into();
    let attention = Attention::new(&compute, params, real.config(), 9);
    let mut ours = Trace::default();
    real.run_block(&compute, 9, &attention, true, &mut ours);
    let entries = real.references().hold(&ours);
    for name in ["h.9.attn", "step.1.h.9.attn"] {
        assert_fails_at(&entries, name);
    }
}
