//! Checkpoint 3, the key-value cache: every key and value, at its own position, after every step.

use gpt2_tests::{
    References, activations, assert_agrees, assert_caught, assert_fails_at, demo_model, demo_run,
    demo_runs,
};
use gpt2_trace::{Checkpoint, Entry, Problem, Tensor};
use ndarray::{ArrayD, Axis, concatenate};

#[test]
fn agrees_with_huggingface() {
    assert_agrees(demo_runs(), Checkpoint::KvCache, 90);
}

/// The cache that the model hands out is what the taps saw: the keys and values of all steps in order.
#[test]
fn holds_the_keys_and_values_of_every_step() {
    let (references, run) = demo_run("short");
    let ids = references.f32.ids().expect("ids");
    let Some(Tensor::I64(generated)) = run.ours.tensors.get("generated") else { panic!("ids") };
    let model = demo_model();
    let mut cache = model.new_cache();
    model.forward(&ids, &mut cache, &mut ()).expect("the prompt");
    let fed: Vec<u32> = generated.iter().map(|&id| id as u32).collect();
    for id in &fed[..fed.len() - 1] {
        model.forward(&[*id], &mut cache, &mut ()).expect("one token");
    }
    assert_eq!(cache.len(), ids.len() + fed.len() - 1);
    for block in 0..model.config().n_layer {
        let layer = cache.layer(block).expect("the block has a cache");
        for (held, what) in [(layer.keys(), "k"), (layer.values(), "v")] {
            let steps = (0..fed.len()).map(|step| name(step, block, what));
            let parts: Vec<_> = steps.map(|name| activations(&run.ours, &name).view()).collect();
            let all = concatenate(Axis(0), &parts).expect("the same heads");
            assert_eq!(held.into_dyn(), all, "block {block} {what}");
        }
    }
}

fn name(step: usize, block: usize, what: &str) -> String {
    let prefix = if step == 0 { String::new() } else { format!("step.{step}.") };
    format!("{prefix}h.{block}.attn.{what}")
}

const CACHE: &str = "step.2.h.1.attn.cache.k";

/// The entries after `change` was made to one cache of ours.
fn with_cache(change: impl Fn(&ArrayD<f32>) -> ArrayD<f32>) -> Vec<Entry> {
    let (references, run): (&References, _) = demo_run("short");
    let changed = change(activations(&run.ours, CACHE));
    references.hold_with(&run.ours, &[(CACHE, Tensor::F32(changed))])
}

fn rows(cache: &ArrayD<f32>, order: impl Fn(usize, usize) -> usize) -> ArrayD<f32> {
    let len = cache.len_of(Axis(0));
    cache.select(Axis(0), &(0..len).map(|row| order(row, len)).collect::<Vec<_>>())
}

#[test]
fn written_one_position_off_fails() {
    assert_fails_at(&with_cache(|cache| rows(cache, |row, len| (row + len - 1) % len)), CACHE);
    assert_fails_at(&with_cache(|cache| rows(cache, |row, len| (row + 1) % len)), CACHE);
}

#[test]
fn last_position_not_written_fails() {
    assert_fails_at(&with_cache(|cache| rows(cache, |row, len| row.min(len - 2))), CACHE);
    let shorter = with_cache(|cache| cache.select(Axis(0), &[0, 1, 2, 3, 4, 5, 6, 7]));
    assert_fails_at(&shorter, CACHE);
}

#[test]
fn swapped_heads_fail() {
    let entries = with_cache(|cache| {
        let heads: Vec<usize> = (0..cache.len_of(Axis(1))).rev().collect();
        cache.select(Axis(1), &heads)
    });
    assert_fails_at(&entries, CACHE);
}

/// Far below the tolerance, but not what was put in: the layout is compared bit for bit.
#[test]
fn one_bit_off_fails() {
    for row in [0, 4, 8] {
        let entries = with_cache(|cache| {
            let mut cache = cache.clone();
            let x = &mut cache[[row, 0, 0]];
            *x = f32::from_bits(x.to_bits() ^ 1);
            cache
        });
        let entry = entries.iter().find(|entry| entry.name == CACHE).expect("it is compared");
        let found =
            matches!(entry.result, Err(Problem::CacheLayout { position, .. }) if position == row);
        assert!(found, "row {row}: {:?}", entry.result);
    }
}

/// Keys where the values should be.
#[test]
fn keys_for_values_fail() {
    let (references, run) = demo_run("short");
    let values = "step.2.h.1.attn.cache.v";
    let keys = Tensor::F32(activations(&run.ours, CACHE).clone());
    assert_fails_at(&references.hold_with(&run.ours, &[(values, keys)]), values);
}

#[test]
fn known_mistakes_fail() {
    assert_caught(
        Checkpoint::KvCache,
        &[
            "cache-not-appended",
            "cache-overwritten",
            "cache-shifted",
            "cache-shifted-late",
            "cache-kv-swapped",
            "cache-of-wrong-block",
        ],
    );
}
