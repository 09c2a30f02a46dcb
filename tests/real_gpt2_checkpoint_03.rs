//! Checkpoint 3 on the real weights of GPT-2 124M: the cache of all 12 blocks after both steps.

use gpt2_tensor::Compute;
use gpt2_tests::{Real, activations, assert_agrees, assert_fails_at};
use gpt2_trace::{Checkpoint, Tensor};
use ndarray::Axis;

#[test]
fn agrees_with_huggingface() {
    let Some(real) = Real::find_or_skip(module_path!()) else { return };
    for isolated in [true, false] {
        let run = real.run(&Compute::default(), isolated);
        assert_agrees(&[run], Checkpoint::KvCache, 48);
    }
}

#[test]
fn written_one_position_off_fails() {
    let Some(real) = Real::find_or_skip(module_path!()) else { return };
    let run = real.run(&Compute::default(), true);
    let name = "step.1.h.7.attn.cache.v";
    let moved = activations(&run.ours, name).select(Axis(0), &[3, 0, 1, 2]);
    let entries = real.references().hold_with(&run.ours, &[(name, Tensor::F32(moved))]);
    assert_fails_at(&entries, name);
}
