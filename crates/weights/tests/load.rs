//! Every way in which a sound checkpoint may be stored gives the same parameters.

#![allow(clippy::unwrap_used)]

mod common;

use common::{Model, file, parameters, value};
use gpt2_weights::{
    Access, AttentionParams, Checkpoint, Dtype, Gpt2Weights, NormParams, WeightsError,
};
use half::{bf16, f16};
use serde_json::json;

/// Every parameter has the values that the tiny model gives it.
fn assert_values(weights: &Gpt2Weights) {
    let mut names = 0;
    for (name, shape) in parameters() {
        let tensor = weights.checkpoint().tensor(&name, &shape[..]).unwrap();
        assert_eq!(tensor.shape(), shape, "{name}");
        for (k, &actual) in tensor.iter().enumerate() {
            assert_eq!(actual, value(&name, k), "{name}[{k}]");
        }
        names += 1;
    }
    assert_eq!(weights.names().collect::<Vec<_>>().len(), names);
}

fn in_memory(model: &Model) -> Result<Gpt2Weights, WeightsError> {
    Gpt2Weights::from_bytes(model.config.to_string(), model.safetensors())
}

/// The tiny model with each tensor stored by `convert`.
fn stored_as(dtype: &str, convert: impl Fn(f32) -> Vec<u8>) -> Model {
    let mut model = Model::new();
    (model.tensors, model.data) = (Vec::new(), Vec::new());
    for (name, shape) in parameters() {
        let count = shape.iter().product();
        let bytes: Vec<u8> = (0..count).flat_map(|k| convert(value(&name, k))).collect();
        model.add_raw(&name, dtype, &shape, &bytes);
    }
    model
}

#[test]
fn the_embedded_demo_loads() {
    let weights =
        Gpt2Weights::from_bytes(gpt2_demo::CONFIG_JSON, gpt2_demo::MODEL_SAFETENSORS).unwrap();
    let config = weights.config();
    let (c, f) = (config.n_embd, config.n_inner);
    assert_eq!(config.head_dim() * config.n_head, c);
    let embedding = weights.embedding().unwrap();
    assert_eq!(embedding.wte.dim(), (config.vocab_size, c));
    assert_eq!(embedding.wpe.dim(), (config.n_positions, c));
    for i in 0..config.n_layer {
        let block = weights.block(i).unwrap();
        assert_eq!(block.ln_1.weight.dim(), c);
        assert_eq!(block.attn.c_attn.weight.dim(), (c, 3 * c));
        assert_eq!(block.attn.c_attn.bias.dim(), 3 * c);
        assert_eq!(block.attn.c_proj.weight.dim(), (c, c));
        assert_eq!(block.ln_2.bias.dim(), c);
        assert_eq!(block.mlp.c_fc.weight.dim(), (c, f));
        assert_eq!(block.mlp.c_fc.bias.dim(), f);
        assert_eq!(block.mlp.c_proj.weight.dim(), (f, c));
    }
    assert_eq!(weights.ln_f().unwrap().bias.dim(), c);
    assert_eq!(weights.names().count(), 4 + 12 * config.n_layer);
    assert!(weights.ignored().is_empty());
    assert_eq!(weights.non_finite(), []);
}

#[test]
fn a_file_gives_the_same_mapped_read_and_in_memory() {
    let directory = tempfile::tempdir().unwrap();
    let model = Model::new();
    model.write(directory.path());
    assert_values(&in_memory(&model).unwrap());
    for access in [Access::Mmap, Access::Read] {
        assert_values(&Gpt2Weights::open_with(directory.path(), access).unwrap());
        let path = directory.path().join("model.safetensors");
        let checkpoint = Checkpoint::open(&path, access).unwrap();
        assert_eq!(checkpoint.source(), path);
        assert_eq!(checkpoint.len(), parameters().len());
    }
}

#[test]
fn f32_in_a_mapped_file_is_borrowed() {
    let directory = tempfile::tempdir().unwrap();
    Model::new().write(directory.path());
    for access in [Access::Mmap, Access::Read] {
        let weights = Gpt2Weights::open_with(directory.path(), access).unwrap();
        assert!(weights.embedding().unwrap().wte.is_view());
        let block = weights.block(1).unwrap();
        assert!(block.mlp.c_proj.weight.is_view() && block.mlp.c_proj.bias.is_view());
    }
}

#[test]
fn a_file_outlives_its_name() {
    let directory = tempfile::tempdir().unwrap();
    Model::new().write(directory.path());
    let weights = Gpt2Weights::open(directory.path()).unwrap();
    std::fs::remove_file(directory.path().join("model.safetensors")).unwrap();
    assert_values(&weights);
}

/// What `Access::Read` is for; a mapped file would end the process here.
#[test]
fn a_file_that_was_read_may_be_truncated() {
    let directory = tempfile::tempdir().unwrap();
    Model::new().write(directory.path());
    let weights = Gpt2Weights::open_with(directory.path(), Access::Read).unwrap();
    std::fs::write(directory.path().join("model.safetensors"), "").unwrap();
    assert_values(&weights);
}

#[test]
fn unaligned_tensors_are_copied() {
    let model = Model::new();
    for spaces in 1..4 {
        // A header that is not a multiple of four bytes: the format allows it, old files have it.
        let mut header = model.header().trim_end().to_owned();
        while header.len() % 4 != spaces {
            header.push(' ');
        }
        let bytes = file(header.as_bytes(), &model.data);
        let directory = tempfile::tempdir().unwrap();
        model.write(directory.path());
        std::fs::write(directory.path().join("model.safetensors"), &bytes).unwrap();
        let mapped = Gpt2Weights::open(directory.path()).unwrap();
        assert_values(&mapped);
        assert!(!mapped.embedding().unwrap().wte.is_view());
        assert_values(&Gpt2Weights::from_bytes(model.config.to_string(), bytes).unwrap());
    }
}

#[test]
fn a_tensor_behind_one_of_odd_length_is_copied() {
    let mut model = Model::new();
    let shift = "h.0.attn.bias";
    let (tensors, data) = (std::mem::take(&mut model.tensors), std::mem::take(&mut model.data));
    model.add_raw(shift, "BOOL", &[1, 1, 1, 3], &[1; 3]);
    for t in tensors {
        let shape: Vec<usize> = t.shape.iter().map(|&n| n as usize).collect();
        let bytes = &data[t.offsets.0 as usize..t.offsets.1 as usize];
        model.add_raw(&t.name, &t.dtype, &shape, bytes);
    }
    let weights = in_memory(&model).unwrap();
    assert_values(&weights);
    assert_eq!(weights.ignored(), [shift]);
}

#[test]
fn every_float_type_is_read() {
    let models = [
        (Dtype::F16, stored_as("F16", |x| f16::from_f32(x).to_le_bytes().to_vec())),
        (Dtype::BF16, stored_as("BF16", |x| bf16::from_f32(x).to_le_bytes().to_vec())),
        (Dtype::F64, stored_as("F64", |x| f64::from(x).to_le_bytes().to_vec())),
    ];
    for (dtype, model) in models {
        let weights = in_memory(&model).unwrap();
        assert_eq!(weights.checkpoint().raw("wte.weight").unwrap().dtype, dtype);
        assert_values(&weights);
    }
}

#[test]
fn names_with_and_without_the_prefix_are_the_same() {
    let mut model = Model::new();
    for tensor in &mut model.tensors {
        tensor.name.insert_str(0, "transformer.");
    }
    let weights = in_memory(&model).unwrap();
    assert_values(&weights);
    assert!(weights.checkpoint().names().all(|name| !name.starts_with("transformer.")));
    let raw = weights.checkpoint().raw("transformer.wte.weight").unwrap();
    assert_eq!((raw.name, raw.shape), ("wte.weight", &[10, 4][..]));
}

#[test]
fn the_masks_of_old_checkpoints_are_ignored_by_name() {
    let mut model = Model::new();
    model.add_raw("h.1.attn.bias", "U8", &[1, 1, 8, 8], &[0; 64]);
    model.add("transformer.h.0.attn.masked_bias", &[]);
    model.add("h.0.attn.bias", &[1, 1, 8, 8]);
    let weights = in_memory(&model).unwrap();
    assert_values(&weights);
    assert_eq!(weights.ignored(), ["h.0.attn.bias", "h.0.attn.masked_bias", "h.1.attn.bias"]);
}

#[test]
fn a_tied_head_may_be_stored_as_a_copy() {
    let mut model = Model::new();
    let bytes = model.data[..160].to_vec();
    model.add_raw("lm_head.weight", "F32", &[10, 4], &bytes);
    let weights = in_memory(&model).unwrap();
    assert_values(&weights);
    assert!(weights.lm_head().unwrap().is_none());
    assert_eq!(weights.ignored(), ["lm_head.weight"]);
}

#[test]
fn a_tied_head_may_be_all_that_is_stored() {
    let mut model = Model::new();
    model.tensor("wte.weight").name = "lm_head.weight".to_owned();
    let weights = in_memory(&model).unwrap();
    assert_eq!(weights.embedding().unwrap().wte[[0, 1]], value("wte.weight", 1));
    assert!(weights.lm_head().unwrap().is_none());
    assert_eq!(weights.names().next().unwrap(), "lm_head.weight");
    assert!(weights.ignored().is_empty());
}

#[test]
fn an_untied_head_is_a_parameter() {
    let mut model = Model::new();
    model.config["tie_word_embeddings"] = json!(false);
    model.add("lm_head.weight", &[10, 4]);
    let weights = in_memory(&model).unwrap();
    let head = weights.lm_head().unwrap().unwrap();
    assert_eq!(head.dim(), (10, 4));
    assert_eq!(head[[2, 3]], value("lm_head.weight", 11));
    assert_eq!(weights.names().last().unwrap(), "lm_head.weight");
    drop(head);
    model.tensor("lm_head.weight").shape = vec![4, 10];
    assert!(matches!(in_memory(&model), Err(WeightsError::WrongShape { .. })));
}

#[test]
fn shards_are_one_checkpoint() {
    let model = Model::new();
    for split in [1, 9, model.tensors.len() - 1] {
        let directory = tempfile::tempdir().unwrap();
        model.write_sharded(directory.path(), split);
        for access in [Access::Mmap, Access::Read] {
            let weights = Gpt2Weights::open_with(directory.path(), access).unwrap();
            assert_values(&weights);
            assert_eq!(weights.checkpoint().files().count(), 2);
        }
        let index = directory.path().join("model.safetensors.index.json");
        let checkpoint = Checkpoint::open(&index, Access::Mmap).unwrap();
        assert_eq!(checkpoint.len(), model.tensors.len());
        assert_eq!(checkpoint.source(), index);
    }
}

#[test]
fn the_single_file_comes_before_the_index() {
    let directory = tempfile::tempdir().unwrap();
    Model::new().write(directory.path());
    std::fs::write(directory.path().join("model.safetensors.index.json"), "broken").unwrap();
    assert_values(&Gpt2Weights::open(directory.path()).unwrap());
}

/// The HuggingFace cache is a directory of links into another one.
#[cfg(unix)]
#[test]
fn links_are_followed() {
    let (blobs, snapshot) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    Model::new().write_sharded(blobs.path(), 5);
    for entry in std::fs::read_dir(blobs.path()).unwrap() {
        let from = entry.unwrap().path();
        let to = snapshot.path().join(from.file_name().unwrap());
        std::os::unix::fs::symlink(from, to).unwrap();
    }
    assert_values(&Gpt2Weights::open(snapshot.path()).unwrap());
}

#[test]
fn released_pages_come_back() {
    let directory = tempfile::tempdir().unwrap();
    Model::new().write(directory.path());
    for access in [Access::Mmap, Access::Read] {
        let weights = Gpt2Weights::open_with(directory.path(), access).unwrap();
        let embedding = weights.embedding().unwrap();
        weights.checkpoint().release("wte.weight");
        weights.checkpoint().release("no such tensor");
        weights.release_block(0);
        weights.release_block(usize::MAX);
        assert_eq!(embedding.wte[[0, 3]], value("wte.weight", 3));
        assert_values(&weights);
    }
}

#[test]
fn values_that_are_not_finite_load_and_are_counted() {
    let mut model = Model::new();
    for (tensor, element, bad) in [
        ("wpe.weight", 0, f32::NAN),
        ("h.1.ln_2.bias", 1, f32::INFINITY),
        ("h.1.ln_2.bias", 3, f32::NEG_INFINITY),
    ] {
        let at = model.tensor(tensor).offsets.0 as usize + 4 * element;
        model.data[at..at + 4].copy_from_slice(&bad.to_le_bytes());
    }
    let weights = in_memory(&model).unwrap();
    let expected = [("wpe.weight".to_owned(), 1), ("h.1.ln_2.bias".to_owned(), 2)];
    assert_eq!(weights.non_finite(), expected);
    assert_eq!(weights.checkpoint().non_finite("wte.weight"), Some(0));
    assert_eq!(weights.checkpoint().non_finite("absent"), None);
}

#[test]
fn a_checkpoint_needs_no_configuration() {
    let mut model = Model::new();
    (model.tensors, model.data) = (Vec::new(), Vec::new());
    for (name, shape) in parameters() {
        if name.starts_with("h.1.attn") || name.starts_with("h.1.ln_1") {
            model.add(&name, &shape);
        }
    }
    model.add_raw("step", "I64", &[], &[0; 8]);
    let checkpoint = Checkpoint::from_bytes(model.safetensors(), "part.safetensors").unwrap();
    let attention = AttentionParams::from_checkpoint(&checkpoint, 1, 4).unwrap();
    assert_eq!(attention.c_attn.weight[[1, 0]], value("h.1.attn.c_attn.weight", 12));
    assert_eq!(NormParams::from_checkpoint(&checkpoint, "h.1.ln_1", 4).unwrap().bias.dim(), 4);
    assert_eq!(checkpoint.iter().filter(|t| t.dtype == Dtype::I64).count(), 1);

    let error = NormParams::from_checkpoint(&checkpoint, "h.0.ln_1", 4).unwrap_err();
    assert_eq!(error.to_string(), "part.safetensors: tensor \"h.0.ln_1.weight\" is missing");
    let error = AttentionParams::from_checkpoint(&checkpoint, 1, usize::MAX).unwrap_err();
    assert!(matches!(error, WeightsError::WrongShape { .. }), "{error}");
}

#[test]
fn an_empty_file_of_tensors_is_a_checkpoint() {
    let checkpoint = Checkpoint::from_bytes(file(b"{}", b""), "none").unwrap();
    assert!(checkpoint.is_empty());
}

#[test]
fn blocks_end_where_the_model_does() {
    let weights = in_memory(&Model::new()).unwrap();
    assert!(weights.block(1).is_ok());
    let error = weights.block(2).unwrap_err();
    assert_eq!(error.to_string(), "model.safetensors: block 2 was asked for, the model has 2");
}

#[test]
fn weights_can_be_shared_between_threads() {
    fn shared<T: Send + Sync + 'static>() {}
    shared::<Gpt2Weights>();
    shared::<Checkpoint>();
    shared::<WeightsError>();
}
