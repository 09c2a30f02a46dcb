//! Loading what HuggingFace saves.

use gpt2_weights::Gpt2Weights;

#[test]
fn the_embedded_demo_loads() {
    let weights = Gpt2Weights::from_bytes(gpt2_demo::CONFIG_JSON, gpt2_demo::MODEL_SAFETENSORS)
        .expect("the demo is a valid checkpoint");
    assert_eq!(weights.config().head_dim(), 32);
    assert_eq!(weights.embedding().expect("wte").wte.dim(), (1024, 128));
    assert_eq!(weights.names().count(), 2 + 5 * 12 + 2);
    assert!(weights.ignored().is_empty());
    assert_eq!(weights.non_finite(), []);
}
