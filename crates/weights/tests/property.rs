//! Whatever the bytes are, the answer is a value: never a panic, and never more trusting than
//! the `safetensors` crate.

#![allow(clippy::unwrap_used)]

mod common;

use std::path::Path;

use common::{Model, file};
use gpt2_weights::{Checkpoint, Config, Gpt2Weights};
use proptest::collection::vec;
use proptest::prelude::*;
use safetensors::SafeTensors;

/// Reads everything that a checkpoint offers.
fn explore(bytes: &[u8], config: &str) -> bool {
    let read = Checkpoint::from_bytes(bytes.to_vec(), "property");
    if let Ok(checkpoint) = &read {
        // What is accepted here is accepted there, with the same contents.
        let theirs = SafeTensors::deserialize(bytes).unwrap();
        assert_eq!(checkpoint.len(), theirs.len());
        for tensor in checkpoint.iter() {
            let other = [tensor.name.to_owned(), format!("transformer.{}", tensor.name)]
                .iter()
                .find_map(|name| theirs.tensor(name).ok())
                .unwrap();
            assert_eq!(tensor.bytes, other.data());
            assert_eq!(tensor.shape, other.shape());
            assert_eq!(tensor.dtype, other.dtype());
            let elements: usize = tensor.shape.iter().product();
            let read = checkpoint.tensor(tensor.name, tensor.shape);
            if let Some(count) = checkpoint.non_finite(tensor.name) {
                let values = read.unwrap();
                assert_eq!(values.len(), elements);
                assert_eq!(values.iter().filter(|v| !v.is_finite()).count(), count);
            } else {
                assert!(read.is_err());
            }
        }
        checkpoint.names().for_each(|name| checkpoint.release(name));
    }
    if let Ok(weights) = Gpt2Weights::from_bytes(config, bytes.to_vec()) {
        weights.embedding().unwrap();
        weights.ln_f().unwrap();
        weights.lm_head().unwrap();
        (0..weights.config().n_layer).for_each(|i| drop(weights.block(i).unwrap()));
        assert!(weights.non_finite().iter().all(|(_, count)| *count > 0));
    }
    read.is_ok()
}

/// One change to a sequence of bytes.
#[derive(Debug, Clone)]
enum Mutation {
    Set(prop::sample::Index, u8),
    Insert(prop::sample::Index, Vec<u8>),
    Remove(prop::sample::Index, usize),
    Truncate(prop::sample::Index),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    // Bytes that mean something in a header, and others.
    let byte =
        || prop_oneof![prop::sample::select(b"{}[]\",:0123456789-.eF \\".to_vec()), any::<u8>()];
    prop_oneof![
        4 => (any::<prop::sample::Index>(), byte()).prop_map(|(at, b)| Mutation::Set(at, b)),
        2 => (any::<prop::sample::Index>(), vec(byte(), 1..6)).prop_map(|(at, b)| Mutation::Insert(at, b)),
        2 => (any::<prop::sample::Index>(), 1_usize..40).prop_map(|(at, n)| Mutation::Remove(at, n)),
        1 => any::<prop::sample::Index>().prop_map(Mutation::Truncate),
    ]
}

fn mutate(bytes: &mut Vec<u8>, mutations: &[Mutation]) {
    for mutation in mutations {
        if bytes.is_empty() {
            return;
        }
        match mutation {
            Mutation::Set(at, byte) => {
                let at = at.index(bytes.len());
                bytes[at] = *byte;
            }
            Mutation::Insert(at, new) => {
                let at = at.index(bytes.len());
                bytes.splice(at..at, new.iter().copied());
            }
            Mutation::Remove(at, count) => {
                let at = at.index(bytes.len());
                let end = (at + count).min(bytes.len());
                bytes.drain(at..end);
            }
            Mutation::Truncate(at) => bytes.truncate(at.index(bytes.len())),
        }
    }
}

/// Numbers where arithmetic goes wrong.
fn number() -> impl Strategy<Value = u64> {
    prop_oneof![
        6 => 0_u64..20,
        1 => prop::sample::select(vec![1 << 31, 1 << 32, 1 << 62, 1 << 63, u64::MAX - 1, u64::MAX]),
        1 => any::<u64>(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_header_with_any_change(mutations in vec(mutation(), 1..5)) {
        let model = Model::new();
        let mut header = model.header().into_bytes();
        mutate(&mut header, &mutations);
        explore(&file(&header, &model.data), &model.config.to_string());
    }

    #[test]
    fn a_file_with_any_change(mutations in vec(mutation(), 1..5)) {
        let model = Model::new();
        let mut bytes = model.safetensors();
        mutate(&mut bytes, &mutations);
        explore(&bytes, &model.config.to_string());
    }

    #[test]
    fn a_header_of_any_tensors(
        tensors in vec((0_usize..30, vec(number(), 0..4), number(), number()), 0..5),
        data in 0_usize..64,
    ) {
        const DTYPES: [&str; 9] = ["F32", "F16", "BF16", "F64", "U8", "F4", "I64", "C64", "F31"];
        let mut model = Model::new();
        (model.tensors, model.data) = (Vec::new(), vec![0; data]);
        for (i, (kind, shape, begin, end)) in tensors.into_iter().enumerate() {
            let name = if kind >= 27 { "same".to_owned() } else { i.to_string() };
            model.add_raw(&name, DTYPES[kind % 9], &[], &[]);
            let tensor = model.tensors.last_mut().unwrap();
            (tensor.shape, tensor.offsets) = (shape, (begin, end));
        }
        explore(&model.safetensors(), &model.config.to_string());
    }

    /// Tensors that are in order, so that most are accepted: the two readers must agree on them.
    #[test]
    fn a_header_of_sound_tensors(
        tensors in vec((0_usize..4, vec(0_usize..4, 0..4), any::<u8>()), 0..6),
        padding in 0_usize..8,
    ) {
        let mut model = Model::new();
        (model.tensors, model.data) = (Vec::new(), Vec::new());
        for (i, (dtype, shape, fill)) in tensors.iter().enumerate() {
            let (dtype, size) = [("F32", 4), ("F16", 2), ("F64", 8), ("U8", 1)][*dtype];
            let bytes = vec![*fill; size * shape.iter().product::<usize>()];
            model.add_raw(&format!("t{i}"), dtype, shape, &bytes);
        }
        let header = model.header() + &" ".repeat(padding);
        assert!(explore(&file(header.as_bytes(), &model.data), &model.config.to_string()));
    }

    #[test]
    fn any_bytes(bytes in vec(any::<u8>(), 0..200), length in 0_u64..200) {
        explore(&bytes, "{}");
        let mut framed = length.to_le_bytes().to_vec();
        framed.extend(bytes);
        explore(&framed, "{}");
    }

    #[test]
    fn a_configuration_with_any_change(mutations in vec(mutation(), 1..5)) {
        let mut config = common::config().to_string().into_bytes();
        mutate(&mut config, &mutations);
        if let Ok(config) = Config::from_json(&config, "property") {
            prop_assert_eq!(config.n_embd % config.n_head, 0);
            prop_assert_eq!(config.head_dim() * config.n_head, config.n_embd);
            prop_assert!(config.layer_norm_epsilon >= 0.0);
        }
    }

    #[test]
    fn an_index_with_any_change(mutations in vec(mutation(), 1..5)) {
        let directory = tempfile::tempdir().unwrap();
        Model::new().write_sharded(directory.path(), 9);
        let path = directory.path().join("model.safetensors.index.json");
        let mut index = std::fs::read(&path).unwrap();
        mutate(&mut index, &mutations);
        std::fs::write(&path, index).unwrap();
        open(directory.path());
    }
}

fn open(directory: &Path) {
    if let Ok(weights) = Gpt2Weights::open(directory) {
        assert_eq!(weights.checkpoint().files().count(), 2);
        weights.block(1).unwrap();
    }
}
