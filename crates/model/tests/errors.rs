//! What the model refuses, and that a refusal leaves the cache as it was.

#![allow(clippy::unwrap_used)]

use gpt2_model::{Gpt2, KvCache, ModelError, greedy};
use gpt2_weights::{Config, Gpt2Weights};

fn weights() -> Gpt2Weights {
    Gpt2Weights::from_bytes(gpt2_demo::CONFIG_JSON.as_bytes(), gpt2_demo::MODEL_SAFETENSORS)
        .unwrap()
}

fn model() -> Gpt2 {
    Gpt2::new(&weights()).unwrap()
}

#[test]
fn no_tokens() {
    let model = model();
    let error = model.forward(&[], &mut model.new_cache(), &mut ()).unwrap_err();
    assert!(matches!(error, ModelError::EmptyInput), "{error}");
}

#[test]
fn token_outside_the_vocabulary() {
    let model = model();
    let mut cache = model.new_cache();
    model.forward(&[1, 2], &mut cache, &mut ()).unwrap();
    let first_invalid = model.config().vocab_size as u32;
    let error = model.forward(&[3, first_invalid], &mut cache, &mut ()).unwrap_err();
    assert!(
        matches!(error, ModelError::TokenOutOfRange { token, position: 1, .. } if token == first_invalid),
        "{error}"
    );
    assert_eq!(cache.len(), 2);
}

#[test]
fn full_context() {
    let model = model();
    let n_positions = model.config().n_positions;
    let mut cache = model.new_cache();
    model.forward(&vec![5; n_positions], &mut cache, &mut ()).unwrap();
    let error = model.forward(&[5], &mut cache, &mut ()).unwrap_err();
    assert!(
        matches!(error, ModelError::ContextFull { held, new: 1, .. } if held == n_positions),
        "{error}"
    );
    assert_eq!(cache.len(), n_positions);
}

#[test]
fn a_cache_smaller_than_the_context_is_full_earlier() {
    let model = model();
    let mut cache = KvCache::with_capacity(model.config(), 4);
    model.forward(&[1, 2, 3], &mut cache, &mut ()).unwrap();
    assert!(matches!(
        model.forward(&[4, 5], &mut cache, &mut ()),
        Err(ModelError::ContextFull { held: 3, new: 2, n_positions: 4 })
    ));
}

#[test]
fn decoding_past_the_context_is_refused_before_it_starts() {
    let model = model();
    let n_positions = model.config().n_positions;
    let error = model.decode(&[1, 2], n_positions, &mut (), greedy).unwrap_err();
    assert!(matches!(error, ModelError::ContextFull { held: 0, .. }), "{error}");
    assert_eq!(model.decode(&[1, 2], 3, &mut (), greedy).unwrap().len(), 3);
}

#[test]
fn cache_of_another_model() {
    let model = model();
    let other = Config { n_layer: 1, ..model.config().clone() };
    let error = model.forward(&[1], &mut KvCache::new(&other), &mut ()).unwrap_err();
    assert!(matches!(error, ModelError::CacheMismatch { actual_layers: 1, .. }), "{error}");
}

#[test]
fn a_truncated_cache_goes_on_as_if_the_rest_had_never_been() {
    let model = model();
    let mut cache = model.new_cache();
    model.forward(&[1, 2, 3, 4], &mut cache, &mut ()).unwrap();
    cache.truncate(2);
    let after_truncation = model.next_logits(&[9], &mut cache, &mut ()).unwrap();
    let fresh = model.next_logits(&[1, 2, 9], &mut model.new_cache(), &mut ()).unwrap();
    assert_eq!(after_truncation, fresh);
}

#[test]
fn next_logits_are_the_last_row_of_all_logits() {
    let model = model();
    let all = model.forward(&[7, 8, 9], &mut model.new_cache(), &mut ()).unwrap();
    let last = model.next_logits(&[7, 8, 9], &mut model.new_cache(), &mut ()).unwrap();
    assert_eq!(all.row(2), last);
}
