//! Checkpoint 2 on the real weights of GPT-2 124M: queries, keys and values of all 12 blocks.

use gpt2_tensor::Compute;
use gpt2_tests::{Real, assert_agrees, assert_fails_at, assert_within, assert_within_absolute};
use gpt2_trace::Checkpoint;

/// Per unit of the tensor's largest magnitude: HuggingFace's own f32 is farther than this from its f64.
const BAR: f64 = 1.6e-6;

#[test]
fn agrees_with_huggingface() {
    let Some(real) = Real::find_or_skip(module_path!()) else { return };
    for isolated in [true, false] {
        let run = real.run(&Compute::default(), isolated);
        assert_within(real.references(), &run, Checkpoint::QkvProjection, BAR);
        assert_agrees(&[run], Checkpoint::QkvProjection, 72);
    }
}

/// Sums in fused multiply-adds over short blocks round less than long chains.
#[test]
fn is_nearer_to_f64_than_huggingface() {
    let Some(real) = Real::find_or_skip(module_path!()) else { return };
    let run = real.run(&Compute::default(), false);
    for entry in run.entries.iter().filter(|e| e.checkpoint == Some(Checkpoint::QkvProjection)) {
        let truth = entry.result.as_ref().ok().and_then(|it| it.truth.as_ref());
        let ratio = truth.and_then(|truth| truth.ratio()).expect("there is an f64 reference");
        assert!(ratio < 0.5, "{}: {ratio} of HuggingFace's distance to f64", entry.name);
    }
}

#[test]
fn the_weights_of_another_block_fail() {
    let Some(real) = Real::find_or_skip(module_path!()) else { return };
    // Block 4 is fed to the projections of block 5.
    let theirs = real.parameters("h.5.attn.c_").into_iter();
    let parameters = theirs.map(|(name, x)| (name.replace("h.5.", "h.4."), x)).collect();
    let ours = real.trace_of(&parameters, real.config().clone());
    assert_fails_at(&real.references().hold(&ours), "h.4.attn.q");
}

/// HuggingFace's f32 is 3.8e-6 from its own f64 here; to the f64, the bar holds as it stands.
#[test]
fn the_first_block_is_within_the_bar_of_f64() {
    let Some(real) = Real::find_or_skip(module_path!()) else { return };
    let run = real.run(&Compute::default(), false);
    let names = ["h.0.attn.q", "h.0.attn.k", "h.0.attn.v"];
    assert_within_absolute(&run.ours, &real.references().f64, &names, BAR);
}
