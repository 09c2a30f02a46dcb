//! Checkpoint 1 on the real weights of GPT-2 124M: all 25 norms, both steps.

use gpt2_tensor::Compute;
use gpt2_tests::{Real, assert_agrees, assert_fails_at, assert_within, assert_within_absolute};
use gpt2_trace::Checkpoint;
use gpt2_weights::Config;

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
    let names = ["h.0.ln_1", "h.6.ln_2", "ln_f"];
    let parameters = names.iter().flat_map(|name| real.parameters(name)).collect();
    for layer_norm_epsilon in [0.0, 1e-6, 1e-12] {
        let config = Config { layer_norm_epsilon, ..real.config().clone() };
        let entries = real.references().hold(&real.trace_of(&parameters, config));
        for name in names {
            assert_fails_at(&entries, name);
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
