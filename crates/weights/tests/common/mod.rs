//! A tiny GPT-2, written byte by byte so that a test can break any of them.

#![allow(dead_code, clippy::unwrap_used)] // each test file uses its part

use std::path::Path;

use serde_json::{Map, Value, json};

/// One tensor as the header of a file states it, true or not.
#[derive(Debug, Clone)]
pub(crate) struct Tensor {
    pub(crate) name: String,
    pub(crate) dtype: String,
    pub(crate) shape: Vec<u64>,
    pub(crate) offsets: (u64, u64),
}

/// The two files of a model before they are written.
#[derive(Debug, Clone)]
pub(crate) struct Model {
    pub(crate) config: Value,
    pub(crate) tensors: Vec<Tensor>,
    pub(crate) data: Vec<u8>,
}

/// `config.json` of the tiny model: 2 blocks, 2 heads, width 4, 8 positions, 10 tokens.
pub(crate) fn config() -> Value {
    json!({
        "model_type": "gpt2", "n_layer": 2, "n_head": 2, "n_embd": 4, "n_inner": null,
        "n_positions": 8, "vocab_size": 10, "activation_function": "gelu_new",
        "layer_norm_epsilon": 1e-5, "tie_word_embeddings": true, "attn_pdrop": 0.1,
        "architectures": ["GPT2LMHeadModel"], "n_ctx": 8, "dtype": "float32",
    })
}

/// Names and shapes of the tiny model's parameters, written out rather than derived.
pub(crate) fn parameters() -> Vec<(String, Vec<usize>)> {
    let mut list = vec![("wte.weight".to_owned(), vec![10, 4])];
    list.push(("wpe.weight".to_owned(), vec![8, 4]));
    for i in 0..2 {
        for (name, shape) in [
            ("ln_1.weight", vec![4]),
            ("ln_1.bias", vec![4]),
            ("attn.c_attn.weight", vec![4, 12]),
            ("attn.c_attn.bias", vec![12]),
            ("attn.c_proj.weight", vec![4, 4]),
            ("attn.c_proj.bias", vec![4]),
            ("ln_2.weight", vec![4]),
            ("ln_2.bias", vec![4]),
            ("mlp.c_fc.weight", vec![4, 16]),
            ("mlp.c_fc.bias", vec![16]),
            ("mlp.c_proj.weight", vec![16, 4]),
            ("mlp.c_proj.bias", vec![4]),
        ] {
            list.push((format!("h.{i}.{name}"), shape));
        }
    }
    list.push(("ln_f.weight".to_owned(), vec![4]));
    list.push(("ln_f.bias".to_owned(), vec![4]));
    list
}

/// The value of element `k` of a tensor: exact in every dtype that is read.
pub(crate) fn value(name: &str, k: usize) -> f32 {
    let sum = name.bytes().map(usize::from).sum::<usize>() + k;
    (sum % 64) as f32 / 64.0 - 0.5
}

impl Model {
    /// The tiny model in f32, names without prefix.
    pub(crate) fn new() -> Self {
        let mut model = Self { config: config(), tensors: Vec::new(), data: Vec::new() };
        for (name, shape) in parameters() {
            model.add(&name, &shape);
        }
        model
    }

    /// Adds an f32 tensor at the end, with the [`value`]s of its name.
    pub(crate) fn add(&mut self, name: &str, shape: &[usize]) {
        let count = shape.iter().product();
        let bytes: Vec<u8> = (0..count).flat_map(|k| value(name, k).to_le_bytes()).collect();
        self.add_raw(name, "F32", shape, &bytes);
    }

    /// Adds a tensor at the end, as it is given.
    pub(crate) fn add_raw(&mut self, name: &str, dtype: &str, shape: &[usize], bytes: &[u8]) {
        let begin = self.data.len() as u64;
        self.data.extend_from_slice(bytes);
        self.tensors.push(Tensor {
            name: name.to_owned(),
            dtype: dtype.to_owned(),
            shape: shape.iter().map(|&n| n as u64).collect(),
            offsets: (begin, self.data.len() as u64),
        });
    }

    /// The header entry of a tensor.
    pub(crate) fn tensor(&mut self, name: &str) -> &mut Tensor {
        self.tensors.iter_mut().find(|t| t.name == name).unwrap()
    }

    /// Takes a tensor out, bytes and all.
    pub(crate) fn remove(&mut self, name: &str) {
        let at = self.tensors.iter().position(|t| t.name == name).unwrap();
        let (begin, end) = self.tensors.remove(at).offsets;
        self.data.drain(begin as usize..end as usize);
        for tensor in &mut self.tensors {
            if tensor.offsets.0 >= end {
                tensor.offsets =
                    (tensor.offsets.0 - (end - begin), tensor.offsets.1 - (end - begin));
            }
        }
    }

    /// The JSON of the header.
    pub(crate) fn header(&self) -> String {
        let mut map = Map::new();
        map.insert("__metadata__".to_owned(), json!({"format": "pt"}));
        for t in &self.tensors {
            let entry = json!({"dtype": t.dtype, "shape": t.shape, "data_offsets": t.offsets});
            map.insert(t.name.clone(), entry);
        }
        let mut text = Value::Object(map).to_string();
        while !text.len().is_multiple_of(8) {
            text.push(' ');
        }
        text
    }

    /// `model.safetensors`.
    pub(crate) fn safetensors(&self) -> Vec<u8> {
        file(self.header().as_bytes(), &self.data)
    }

    /// Writes `config.json` and `model.safetensors`.
    pub(crate) fn write(&self, directory: &Path) {
        std::fs::write(directory.join("config.json"), self.config.to_string()).unwrap();
        std::fs::write(directory.join("model.safetensors"), self.safetensors()).unwrap();
    }

    /// Writes `config.json`, two shards and their index: the first `split` tensors, and the rest.
    pub(crate) fn write_sharded(&self, directory: &Path, split: usize) {
        let names = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
        let mut weight_map = Map::new();
        for (shard, part) in [&self.tensors[..split], &self.tensors[split..]].iter().enumerate() {
            let mut half = Self { config: Value::Null, tensors: Vec::new(), data: Vec::new() };
            for t in *part {
                let shape: Vec<usize> = t.shape.iter().map(|&n| n as usize).collect();
                let bytes = &self.data[t.offsets.0 as usize..t.offsets.1 as usize];
                half.add_raw(&t.name, &t.dtype, &shape, bytes);
                weight_map.insert(t.name.clone(), json!(names[shard]));
            }
            std::fs::write(directory.join(names[shard]), half.safetensors()).unwrap();
        }
        let index = json!({"metadata": {"total_size": self.data.len()}, "weight_map": weight_map});
        std::fs::write(directory.join("config.json"), self.config.to_string()).unwrap();
        write_index(directory, &index);
    }
}

/// A file of this header and data, the length being right.
pub(crate) fn file(header: &[u8], data: &[u8]) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(header);
    bytes.extend_from_slice(data);
    bytes
}

pub(crate) fn write_index(directory: &Path, index: &Value) {
    std::fs::write(directory.join("model.safetensors.index.json"), index.to_string()).unwrap();
}

pub(crate) fn read_index(directory: &Path) -> Value {
    let text = std::fs::read(directory.join("model.safetensors.index.json")).unwrap();
    serde_json::from_slice(&text).unwrap()
}
