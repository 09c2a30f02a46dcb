//! Checkpoint 6, the feed-forward network: `c_fc`, the tanh form of GELU, `c_proj`.

use gpt2_tests::{Altered, assert_agrees, assert_caught, assert_fails_first, demo_runs};
use gpt2_trace::Checkpoint;
use ndarray::Array2;

#[test]
fn agrees_with_huggingface() {
    assert_agrees(demo_runs(), Checkpoint::FfnOutput, 45);
}

/// The two forms of GELU are never farther apart than 5e-4.
#[test]
fn erf_form_of_gelu_fails() {
    let model = Altered::demo().config("activation_function", "gelu").model();
    assert_fails_first(&model, "h.0.mlp");
}

#[test]
fn other_activations_fail() {
    for activation in ["relu", "silu", "tanh"] {
        let model = Altered::demo().config("activation_function", activation).model();
        assert_fails_first(&model, "h.0.mlp");
    }
}

/// The bytes of `[in, out]` taken for those of `[out, in]`, which `torch.nn.Linear` has.
#[test]
fn transposed_weights_fail() {
    for name in ["h.1.mlp.c_fc.weight", "h.1.mlp.c_proj.weight"] {
        let model = Altered::demo()
            .matrix(name, |weight| {
                let (rows, columns) = weight.dim();
                let values = weight.iter().copied().collect();
                let taken = Array2::from_shape_vec((columns, rows), values).expect("as many");
                taken.t().to_owned()
            })
            .model();
        assert_fails_first(&model, "h.1.mlp");
    }
}

#[test]
fn without_bias_fails() {
    for name in ["h.2.mlp.c_fc.bias", "h.2.mlp.c_proj.bias"] {
        let model = Altered::demo().vector(name, |bias| bias * 0.0).model();
        assert_fails_first(&model, "h.2.mlp");
    }
}

#[test]
fn known_mistakes_fail() {
    assert_caught(
        Checkpoint::FfnOutput,
        &[
            "gelu-erf",
            "gelu-sigmoid",
            "relu",
            "activation-missing",
            "mlp-fc-bias-missing",
            "mlp-proj-bias-missing",
            "mlp-fc-transposed",
            "mlp-proj-transposed",
        ],
    );
}
