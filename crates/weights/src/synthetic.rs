//! Checkpoints of any shape with made-up weights: for tests and benches without a download.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

use safetensors::{Dtype, View};
use serde_json::json;

use crate::gpt2::parameters_of;
use crate::{Config, Gpt2Weights, WeightsError};

/// A GPT-2 whose weights are noise of the scale that training leaves, so that logits stay finite
/// and no value is special.
///
/// The same configuration and seed give the same values on every machine, whatever the dtype and
/// the number of shards; each tensor is made when it is written, so that a checkpoint larger than
/// the memory can be made.
#[derive(Debug, Clone, PartialEq)]
pub struct Synthetic {
    config: Config,
    seed: u64,
}

impl Synthetic {
    /// The model of `config`, with the values of `seed`.
    #[must_use]
    pub fn new(config: Config, seed: u64) -> Self {
        Self { config, seed }
    }

    /// The model in memory, in f32.
    ///
    /// # Errors
    ///
    /// [`WeightsError::Synthetic`] if the configuration is too large to serialize.
    pub fn weights(&self) -> Result<Gpt2Weights, WeightsError> {
        let bytes = safetensors::serialize(self.tensors(Dtype::F32)?, None)
            .map_err(|error| self.error(Path::new("memory"), &error))?;
        Gpt2Weights::from_bytes(self.config_json(Dtype::F32), bytes)
    }

    /// Writes `config.json` and `model.safetensors` into `directory`, which is made if it is
    /// missing; with more than one shard `model-00001-of-0000N.safetensors` and so on, and their
    /// index.
    ///
    /// # Errors
    ///
    /// [`WeightsError::Synthetic`] for a dtype other than F32, F16, BF16 and F64, and when a file
    /// cannot be written; [`WeightsError::Io`].
    pub fn save(
        &self,
        directory: impl AsRef<Path>,
        dtype: Dtype,
        shards: usize,
    ) -> Result<(), WeightsError> {
        let directory = directory.as_ref();
        let io = |file: &Path| {
            let file = file.to_owned();
            move |source| WeightsError::Io { file, source }
        };
        std::fs::create_dir_all(directory).map_err(io(directory))?;
        let config = directory.join("config.json");
        std::fs::write(&config, self.config_json(dtype)).map_err(io(&config))?;

        let tensors = self.tensors(dtype)?;
        let total: usize = tensors.iter().map(|(_, tensor)| tensor.data_len()).sum();
        let shards = shards.clamp(1, tensors.len());
        let mut files: Vec<Vec<(String, Noise)>> = (0..shards).map(|_| Vec::new()).collect();
        let (mut written, mut weight_map) = (0, BTreeMap::new());
        for (name, tensor) in tensors {
            // By the bytes before it, so that shards are of like size.
            let shard = (written * shards / total.max(1)).min(shards - 1);
            written += tensor.data_len();
            weight_map.insert(name.clone(), shard_name(shard, shards));
            files[shard].push((name, tensor));
        }
        for (shard, tensors) in files.into_iter().enumerate() {
            let file = directory.join(shard_name(shard, shards));
            let format = [("format".to_owned(), "pt".to_owned())].into();
            safetensors::serialize_to_file(tensors, Some(format), &file)
                .map_err(|error| self.error(&file, &error))?;
        }
        if shards > 1 {
            let index = json!({ "metadata": { "total_size": total }, "weight_map": weight_map });
            let file = directory.join("model.safetensors.index.json");
            std::fs::write(&file, format!("{index:#}\n")).map_err(io(&file))?;
        }
        Ok(())
    }

    /// As HuggingFace writes it: the fields of [`Config`] are its fields.
    fn config_json(&self, dtype: Dtype) -> String {
        let mut config = json!(self.config);
        config["model_type"] = json!("gpt2");
        config["architectures"] = json!(["GPT2LMHeadModel"]);
        config["dtype"] = json!(match dtype {
            Dtype::F16 => "float16",
            Dtype::BF16 => "bfloat16",
            Dtype::F64 => "float64",
            _ => "float32",
        });
        format!("{config:#}\n")
    }

    fn tensors(&self, dtype: Dtype) -> Result<Vec<(String, Noise)>, WeightsError> {
        if !matches!(dtype, Dtype::F32 | Dtype::F16 | Dtype::BF16 | Dtype::F64) {
            return Err(self.error(Path::new("memory"), &format!("dtype {dtype:?}")));
        }
        Ok(parameters_of(&self.config, "wte.weight")
            .map(|(name, shape)| {
                let (mean, deviation) = self.scale(&name);
                let seed = name.bytes().fold(self.seed, |seed, byte| mix(seed ^ u64::from(byte)));
                // HuggingFace's files have the prefix on all but the head.
                let stored =
                    if name.starts_with("lm_head") { name } else { format!("transformer.{name}") };
                (stored, Noise { dtype, shape, mean, deviation, seed })
            })
            .collect())
    }

    /// Mean and standard deviation of a parameter, about as in the trained GPT-2.
    fn scale(&self, name: &str) -> (f32, f32) {
        match name.rsplit_once('.').map_or("", |(module, _)| module) {
            "wte" | "lm_head" => (0.0, 0.14),
            "wpe" => (0.0, 0.1),
            _ if name.ends_with("bias") => (0.0, 0.05),
            module if module.contains("ln_") => (1.0, 0.1),
            // The residual stream must not grow with the depth.
            module if module.ends_with("c_proj") => {
                (0.0, 0.14 / (2.0 * self.config.n_layer as f32).sqrt())
            }
            _ => (0.0, 0.14),
        }
    }

    fn error(&self, file: &Path, reason: &dyn ToString) -> WeightsError {
        WeightsError::Synthetic { file: file.to_owned(), reason: reason.to_string() }
    }
}

fn shard_name(shard: usize, shards: usize) -> String {
    match shards {
        1 => "model.safetensors".to_owned(),
        _ => format!("model-{:05}-of-{shards:05}.safetensors", shard + 1),
    }
}

/// A tensor of seeded noise, made when it is read.
#[derive(Debug)]
struct Noise {
    dtype: Dtype,
    shape: Vec<usize>,
    mean: f32,
    deviation: f32,
    seed: u64,
}

impl Noise {
    /// The sum of four uniform numbers: near enough to a normal distribution, and without tails.
    fn values(&self) -> impl Iterator<Item = f32> {
        // The four have a variance of 1/12 each, for a range of 1.
        let scale = self.deviation * 3.0_f32.sqrt() / 65_536.0;
        let mut state = self.seed;
        (0..self.shape.iter().product()).map(move |_| {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let bits = mix(state);
            let sum: u64 = (0..4).map(|quarter| (bits >> (16 * quarter)) & 0xffff).sum();
            self.mean + (sum as f32 - 131_070.0) * scale
        })
    }
}

impl View for Noise {
    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        let values = self.values();
        Cow::Owned(match self.dtype {
            Dtype::F16 => values.flat_map(|x| half::f16::from_f32(x).to_le_bytes()).collect(),
            Dtype::BF16 => values.flat_map(|x| half::bf16::from_f32(x).to_le_bytes()).collect(),
            Dtype::F64 => values.flat_map(|x| f64::from(x).to_le_bytes()).collect(),
            _ => values.flat_map(f32::to_le_bytes).collect(),
        })
    }

    fn data_len(&self) -> usize {
        self.shape.iter().product::<usize>() * self.dtype.bitsize() / 8
    }
}

/// The output function of `SplitMix64` (Steele, Lea and Flood 2014).
fn mix(state: u64) -> u64 {
    let z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
