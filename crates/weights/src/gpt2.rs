//! A configuration and the checkpoint that belongs to it, checked against each other.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::path::Path;

use ndarray::{CowArray, Ix2};

use crate::params::{BlockParams, EmbeddingParams, NormParams};
use crate::{Access, Checkpoint, Config, WeightsError};

/// The name of the configuration file in a model's directory.
const CONFIG: &str = "config.json";

/// The token embedding.
const WTE: &str = "wte.weight";

/// The output head, where it is not the token embedding.
const LM_HEAD: &str = "lm_head.weight";

/// The weights of a GPT-2: every parameter of the configuration is there, in its shape, as floats,
/// and nothing else is.
///
/// Opening reads the configuration and the header, no weights. The parameters of a module are
/// handed out when asked for, borrowed from the mapped file where it holds aligned `f32`.
#[derive(Debug)]
pub struct Gpt2Weights {
    config: Config,
    checkpoint: Checkpoint,
    /// The name under which the token embedding is stored.
    wte: &'static str,
    ignored: Vec<String>,
}

impl Gpt2Weights {
    /// Opens the directory of a model, as HuggingFace's `save_pretrained` writes it, and maps it.
    ///
    /// Read [`Access`] on what must hold while the file is mapped.
    ///
    /// # Errors
    ///
    /// Any [`WeightsError`]: see [`Config::open`], [`Checkpoint::open`] and
    /// [`new`](Self::new).
    pub fn open(directory: impl AsRef<Path>) -> Result<Self, WeightsError> {
        Self::open_with(directory, Access::default())
    }

    /// Opens the directory of a model, mapping or reading it.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn open_with(directory: impl AsRef<Path>, access: Access) -> Result<Self, WeightsError> {
        let directory = directory.as_ref();
        let config = Config::open(directory.join(CONFIG))?;
        Self::new(config, Checkpoint::open(directory, access)?)
    }

    /// A model in memory: the text of its `config.json` and the bytes of its `model.safetensors`.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open); the files are called `config.json` and `model.safetensors`.
    pub fn from_bytes(
        config_json: impl AsRef<[u8]>,
        safetensors: impl Into<Cow<'static, [u8]>>,
    ) -> Result<Self, WeightsError> {
        let config = Config::from_json(config_json, CONFIG)?;
        Self::new(config, Checkpoint::from_bytes(safetensors, "model.safetensors")?)
    }

    /// Checks a checkpoint against a configuration.
    ///
    /// # Errors
    ///
    /// [`MissingTensor`](WeightsError::MissingTensor), [`WrongShape`](WeightsError::WrongShape)
    /// or [`WrongDtype`](WeightsError::WrongDtype) for the first parameter, in the order of the
    /// computation, that is not as it must be; then
    /// [`UnexpectedTensor`](WeightsError::UnexpectedTensor) for tensors that are neither
    /// parameters nor [`ignored`](Self::ignored);
    /// [`TiedHeadDiffers`](WeightsError::TiedHeadDiffers).
    pub fn new(config: Config, checkpoint: Checkpoint) -> Result<Self, WeightsError> {
        let wte = find_wte(&config, &checkpoint);
        // One at a time: a configuration may claim a billion blocks, the file ends the search.
        let mut parameters = BTreeSet::new();
        for (name, shape) in parameters_of(&config, wte) {
            checkpoint.check(&name, &shape)?;
            parameters.insert(name);
        }
        let (ignored, unexpected): (Vec<_>, Vec<_>) = checkpoint
            .names()
            .filter(|&name| !parameters.contains(name))
            .partition(|name| is_ignored(name, &config));
        if let Some(&tensor) = unexpected.first() {
            let file = checkpoint.raw(tensor).map_or(checkpoint.source(), |t| t.file);
            return Err(WeightsError::UnexpectedTensor {
                file: file.to_owned(),
                tensor: tensor.to_owned(),
                count: unexpected.len(),
            });
        }
        let ignored = ignored.into_iter().map(str::to_owned).collect();
        check_tied_head(&config, &checkpoint)?;
        Ok(Self { config, checkpoint, wte, ignored })
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The tensors as they are stored.
    #[must_use]
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The canonical names of all parameters, in the order of the computation.
    pub fn names(&self) -> impl Iterator<Item = String> {
        parameters_of(&self.config, self.wte).map(|(name, _)| name)
    }

    /// The tensors of the checkpoint that are known and not used: `h.{i}.attn.bias` and
    /// `h.{i}.attn.masked_bias`, the causal mask that old versions of `transformers` saved, and a
    /// copy of `wte.weight` under `lm_head.weight` where the head is tied.
    #[must_use]
    pub fn ignored(&self) -> &[String] {
        &self.ignored
    }

    /// `wte.weight` and `wpe.weight`. Where the head is tied and only `lm_head.weight` is stored,
    /// that is `wte`.
    ///
    /// # Errors
    ///
    /// As [`Checkpoint::tensor`]; none after what [`new`](Self::new) has checked.
    pub fn embedding(&self) -> Result<EmbeddingParams<'_>, WeightsError> {
        let Config { vocab_size, n_positions, n_embd, .. } = self.config;
        Ok(EmbeddingParams {
            wte: self.checkpoint.tensor(self.wte, (vocab_size, n_embd))?,
            wpe: self.checkpoint.tensor("wpe.weight", (n_positions, n_embd))?,
        })
    }

    /// The parameters of block `i`, `h.{i}.*`.
    ///
    /// # Errors
    ///
    /// [`NoSuchBlock`](WeightsError::NoSuchBlock) unless `i < n_layer`.
    pub fn block(&self, i: usize) -> Result<BlockParams<'_>, WeightsError> {
        if i >= self.config.n_layer {
            return Err(WeightsError::NoSuchBlock {
                file: self.checkpoint.source().to_owned(),
                block: i,
                n_layer: self.config.n_layer,
            });
        }
        BlockParams::from_checkpoint(&self.checkpoint, i, self.config.n_embd, self.config.n_inner)
    }

    /// The last `LayerNorm`, `ln_f`.
    ///
    /// # Errors
    ///
    /// As [`Checkpoint::tensor`]; none after what [`new`](Self::new) has checked.
    pub fn ln_f(&self) -> Result<NormParams<'_>, WeightsError> {
        NormParams::from_checkpoint(&self.checkpoint, "ln_f", self.config.n_embd)
    }

    /// `lm_head.weight`, `[V, C]` as `torch.nn.Linear` holds it, or `None` where the head is tied
    /// and `wte` takes its place.
    ///
    /// # Errors
    ///
    /// As [`Checkpoint::tensor`]; none after what [`new`](Self::new) has checked.
    pub fn lm_head(&self) -> Result<Option<CowArray<'_, f32, Ix2>>, WeightsError> {
        if self.config.tie_word_embeddings {
            return Ok(None);
        }
        let shape = (self.config.vocab_size, self.config.n_embd);
        self.checkpoint.tensor(LM_HEAD, shape).map(Some)
    }

    /// The parameters with elements that are NaN or infinite as `f32`, and how many.
    ///
    /// Such a model loads, because a file can hold it; what it computes is worth nothing. Reads
    /// every parameter once and releases its pages.
    #[must_use]
    pub fn non_finite(&self) -> Vec<(String, usize)> {
        self.names()
            .filter_map(|name| {
                let count = self.checkpoint.non_finite(&name)?;
                self.checkpoint.release(&name);
                (count > 0).then_some((name, count))
            })
            .collect()
    }

    /// Gives the pages of block `i` back to the system: [`Checkpoint::release`] of each parameter.
    pub fn release_block(&self, i: usize) {
        for (name, _) in block_parameters(i, &self.config) {
            self.checkpoint.release(&name);
        }
    }
}

/// Every parameter of a configuration, by its canonical name and its shape.
pub(crate) fn parameters_of(
    config: &Config,
    wte: &'static str,
) -> impl Iterator<Item = (String, Vec<usize>)> {
    let c = config.n_embd;
    let table = |name: &str, rows| (name.to_owned(), vec![rows, c]);
    let vector = |name: &str| (name.to_owned(), vec![c]);
    let first = [table(wte, config.vocab_size), table("wpe.weight", config.n_positions)];
    let last = [vector("ln_f.weight"), vector("ln_f.bias")];
    let head = (!config.tie_word_embeddings).then(|| table(LM_HEAD, config.vocab_size));
    first
        .into_iter()
        .chain((0..config.n_layer).flat_map(|i| block_parameters(i, config)))
        .chain(last)
        .chain(head)
}

fn block_parameters(i: usize, config: &Config) -> [(String, Vec<usize>); 12] {
    let (c, f) = (config.n_embd, config.n_inner);
    let c3 = c.saturating_mul(3);
    [
        ("ln_1.weight", vec![c]),
        ("ln_1.bias", vec![c]),
        ("attn.c_attn.weight", vec![c, c3]),
        ("attn.c_attn.bias", vec![c3]),
        ("attn.c_proj.weight", vec![c, c]),
        ("attn.c_proj.bias", vec![c]),
        ("ln_2.weight", vec![c]),
        ("ln_2.bias", vec![c]),
        ("mlp.c_fc.weight", vec![c, f]),
        ("mlp.c_fc.bias", vec![f]),
        ("mlp.c_proj.weight", vec![f, c]),
        ("mlp.c_proj.bias", vec![c]),
    ]
    .map(|(name, shape)| (format!("h.{i}.{name}"), shape))
}

/// Whether a tensor that is no parameter is one of those that are known to be stray.
fn is_ignored(name: &str, config: &Config) -> bool {
    if name == LM_HEAD {
        return config.tie_word_embeddings;
    }
    let block = name.strip_prefix("h.").and_then(|rest| {
        rest.strip_suffix(".attn.bias").or_else(|| rest.strip_suffix(".attn.masked_bias"))
    });
    block.is_some_and(|digits| {
        digits.parse::<usize>().is_ok_and(|i| i < config.n_layer && i.to_string() == digits)
    })
}

/// Where the token embedding is. Of two tensors that share memory, `safetensors.torch.save_model`
/// keeps the one whose name sorts first, which is the head; HuggingFace ties `wte` to it then.
fn find_wte(config: &Config, checkpoint: &Checkpoint) -> &'static str {
    let only_head = checkpoint.raw(WTE).is_none() && checkpoint.raw(LM_HEAD).is_some();
    if config.tie_word_embeddings && only_head { LM_HEAD } else { WTE }
}

/// A tied checkpoint may hold the head too, but only as a copy: PyTorch's own files always do.
fn check_tied_head(config: &Config, checkpoint: &Checkpoint) -> Result<(), WeightsError> {
    let (true, Some(head), Some(wte)) =
        (config.tie_word_embeddings, checkpoint.raw(LM_HEAD), checkpoint.raw(WTE))
    else {
        return Ok(());
    };
    let same = head.dtype == wte.dtype && head.shape == wte.shape && head.bytes == wte.bytes;
    checkpoint.release(LM_HEAD);
    checkpoint.release(WTE);
    if same {
        return Ok(());
    }
    Err(WeightsError::TiedHeadDiffers { file: head.file.to_owned(), tensor: LM_HEAD.to_owned() })
}
