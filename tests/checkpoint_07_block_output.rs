//! Checkpoint 7, the output of a block: pre-norm, both residuals.

use gpt2_model::{Attention, LayerNorm, Mlp};
use gpt2_tensor::KeyValues;
use gpt2_tests::{
    activations, assert_agrees, assert_caught, assert_fails_at, demo_model, demo_run, demo_runs,
    demo_weights,
};
use gpt2_trace::{Checkpoint, Tensor};
use ndarray::{Array2, ArrayView2, Ix2};

const BLOCK: &str = "h.1";

#[test]
fn agrees_with_huggingface() {
    assert_agrees(demo_runs(), Checkpoint::BlockOutput, 100);
}

/// The modules of block 1, each by itself, to be put together in wrong ways.
struct Pieces {
    ln_1: LayerNorm,
    attn: Attention,
    ln_2: LayerNorm,
    mlp: Mlp,
}

impl Pieces {
    fn new() -> Self {
        let (compute, config) = (demo_model().compute(), demo_weights().config());
        let params = demo_weights().block(1).expect("the demo has a block 1");
        Pieces {
            ln_1: LayerNorm::new(params.ln_1, config.layer_norm_epsilon),
            attn: Attention::new(compute, params.attn, config, 1),
            ln_2: LayerNorm::new(params.ln_2, config.layer_norm_epsilon),
            mlp: Mlp::new(compute, params.mlp, config.activation_function).expect("gelu_new"),
        }
    }

    fn ln_1(&self, x: &Array2<f32>) -> Array2<f32> {
        self.ln_1.forward(demo_model().compute(), x.view()).expect("its width")
    }

    fn ln_2(&self, x: &Array2<f32>) -> Array2<f32> {
        self.ln_2.forward(demo_model().compute(), x.view()).expect("its width")
    }

    fn attn(&self, x: &Array2<f32>) -> Array2<f32> {
        let config = demo_weights().config();
        let mut kv = KeyValues::new(config.n_head, config.head_dim(), x.nrows());
        self.attn.forward(demo_model().compute(), x.view(), &mut kv, &mut ()).expect("its width")
    }

    fn mlp(&self, x: &Array2<f32>) -> Array2<f32> {
        self.mlp.forward(demo_model().compute(), x.view()).expect("its width")
    }
}

/// Block 1 put together by `block`, on HuggingFace's output of block 0.
fn hold(block: impl Fn(&Pieces, ArrayView2<'_, f32>) -> Array2<f32>) -> Vec<gpt2_trace::Entry> {
    let (references, run) = demo_run("short");
    let x = activations(&references.f32, "h.0").view().into_dimensionality::<Ix2>();
    let y = block(&Pieces::new(), x.expect("two dimensions"));
    references.hold_with(&run.ours, &[(BLOCK, Tensor::F32(y.into_dyn()))])
}

fn assert_wrong(block: impl Fn(&Pieces, ArrayView2<'_, f32>) -> Array2<f32>) {
    assert_fails_at(&hold(block), BLOCK);
}

/// That what follows fails for its mistake alone.
#[test]
fn right_arithmetic_passes_in_isolation() {
    let entries = hold(|block, x| {
        let x = &block.attn(&block.ln_1(&x.to_owned())) + &x;
        block.mlp(&block.ln_2(&x)) + x
    });
    let entry = entries.iter().find(|entry| entry.name == BLOCK).expect("it is compared");
    assert!(entry.passes(), "{:?}", entry.result);
}

#[test]
fn without_the_residual_around_attention_fails() {
    assert_wrong(|block, x| {
        let x = block.attn(&block.ln_1(&x.to_owned()));
        block.mlp(&block.ln_2(&x)) + x
    });
}

#[test]
fn without_the_residual_around_the_mlp_fails() {
    assert_wrong(|block, x| {
        let x = &block.attn(&block.ln_1(&x.to_owned())) + &x;
        block.mlp(&block.ln_2(&x))
    });
}

#[test]
fn post_norm_fails() {
    assert_wrong(|block, x| {
        let x = block.ln_1(&(&block.attn(&x.to_owned()) + &x));
        block.ln_2(&(block.mlp(&x) + &x))
    });
}

/// The residual is the stream itself, not its normalised form.
#[test]
fn residual_from_after_the_norm_fails() {
    assert_wrong(|block, x| {
        let normed = block.ln_1(&x.to_owned());
        let x = block.attn(&normed) + normed;
        block.mlp(&block.ln_2(&x)) + x
    });
}

/// GPT-J and others run attention and MLP side by side.
#[test]
fn parallel_block_fails() {
    assert_wrong(|block, x| {
        let x = x.to_owned();
        block.attn(&block.ln_1(&x)) + block.mlp(&block.ln_2(&x)) + &x
    });
}

#[test]
fn norms_exchanged_fail() {
    assert_wrong(|block, x| {
        let x = &block.attn(&block.ln_2(&x.to_owned())) + &x;
        block.mlp(&block.ln_1(&x)) + x
    });
}

#[test]
fn known_mistakes_fail() {
    assert_caught(
        Checkpoint::BlockOutput,
        &[
            "attention-residual-missing",
            "mlp-residual-missing",
            "post-norm",
            "block-skipped",
            "block-repeated",
        ],
    );
}
