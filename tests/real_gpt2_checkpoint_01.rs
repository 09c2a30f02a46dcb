//! Checkpoint 1 on the real weights of GPT-2 124M: all 25 norms, both steps.

use gpt2_tensor::Compute;
use gpt2_tests::{Real, assert_agrees, assert_fails_at, assert_within, assert_within_absolute};
use gpt2_trace::{Checkpoint, Trace};

/// Four times 2^-24, per unit of the tensor's largest magnitude: four roundings.
const BAR: f64 = 4.0 * 5.96e-8;

#[test]
fn agrees_with_huggingface() {
    let Some(real) = Real::find_or_skip(module_path!()) else { return };
    let run = real.run(&Compute::default(), true);
    assert_within(real.references(), &run, Checkpoint::LayerNorm, BAR);
    assert_agrees(&[run], Checkpoint::LayerNorm, 50);
}

#[test]
fn another_epsilon_fails() {
    let Some(real) = Real::find_or_skip(module_path!()) else { return };
    let compute = Compute::default();
    for epsilon in [0.0, 1e-6, 1e-12] {
        let mut ours = Trace::default();
        for name in ["h.0.ln_1", "h.6.ln_2", "ln_f"] {
            real.run_norm(&compute, name, &real.norm(name, epsilon), &mut ours);
            assert_fails_at(&real.references().hold(&ours), name);
        }
    }
}

/// In the first block, whose values are of order 1, the bar holds as it stands.
#[test]
fn the_first_block_is_within_four_roundings() {
    let Some(real) = Real::find_or_skip(module_path!()) else { return };
    let run = real.run(&Compute::default(), true);
    let names = ["h.0.ln_1", "step.1.h.0.ln_1"];
    assert_within_absolute(&run.ours, &real.references().f32, &names, BAR);
}
