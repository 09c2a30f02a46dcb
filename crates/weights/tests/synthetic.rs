//! Synthetic checkpoints: what is written is what is in memory, in every dtype and number of shards.

#![allow(clippy::unwrap_used)]

use gpt2_weights::{Config, Dtype, Gpt2Weights, Synthetic, WeightsError};

fn config() -> Config {
    Config { n_layer: 2, n_head: 3, n_embd: 24, n_inner: 40, vocab_size: 61, ..Config::default() }
}

fn wte(weights: &Gpt2Weights) -> Vec<f32> {
    weights.embedding().unwrap().wte.iter().copied().collect()
}

#[test]
fn every_dtype_and_number_of_shards_holds_the_same_model() {
    let model = Synthetic::new(config(), 7);
    let expected = wte(&model.weights().unwrap());
    for (dtype, tolerance) in
        [(Dtype::F32, 0.0), (Dtype::F64, 0.0), (Dtype::F16, 1e-3), (Dtype::BF16, 4e-3)]
    {
        for shards in [1, 3] {
            let directory = tempfile::tempdir().unwrap();
            model.save(directory.path(), dtype, shards).unwrap();
            let weights = Gpt2Weights::open(directory.path()).unwrap();
            assert_eq!(*weights.config(), config());
            assert_eq!(weights.checkpoint().raw("wte.weight").unwrap().dtype, dtype);
            for (a, b) in wte(&weights).iter().zip(&expected) {
                assert!((a - b).abs() <= tolerance * b.abs(), "{dtype:?}: {a} for {b}");
            }
        }
    }
}

#[test]
fn values_have_the_scale_that_was_asked_for() {
    let weights = Synthetic::new(config(), 7).weights().unwrap();
    let values = wte(&weights);
    let n = values.len() as f32;
    let mean = values.iter().sum::<f32>() / n;
    let variance = values.iter().map(|x| (x - mean).powi(2)).sum::<f32>() / n;
    assert!(mean.abs() < 0.02, "{mean}");
    assert!((variance.sqrt() - 0.14).abs() < 0.01, "{}", variance.sqrt());
    assert!(weights.non_finite().is_empty());
}

#[test]
fn another_seed_is_another_model() {
    let [a, b] = [1, 2].map(|seed| wte(&Synthetic::new(config(), seed).weights().unwrap()));
    assert_ne!(a, b);
}

#[test]
fn integers_are_no_weights() {
    let directory = tempfile::tempdir().unwrap();
    let error = Synthetic::new(config(), 1).save(directory.path(), Dtype::I8, 1).unwrap_err();
    assert!(matches!(error, WeightsError::Synthetic { .. }), "{error}");
}

#[test]
fn presets_are_the_published_sizes() {
    for name in Config::PRESETS {
        assert!(Config::preset(name).is_some(), "{name}");
    }
    assert_eq!(Config::preset("gpt2"), Some(Config::default()));
    assert_eq!(Config::preset("gpt3"), None);
}
