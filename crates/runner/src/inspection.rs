use std::collections::BTreeMap;
use std::path::PathBuf;

use gpt2_weights::{Config, Gpt2Weights};
use serde::Serialize;

use crate::Tokenizer;

/// What a checkpoint is: its config and everything counted that can be counted.
#[derive(Clone, Debug, Serialize)]
pub struct Inspection {
    /// What the model is called.
    pub name: String,
    /// The files with the weights.
    pub files: Vec<PathBuf>,
    /// The config, with the defaults filled in.
    pub config: Config,
    /// Whether the logits are made by the token embedding.
    pub tied: bool,
    /// How many parameters there are.
    pub parameters: Parameters,
    /// How many of the parameters are stored as what, by the name that safetensors gives the type.
    pub dtypes: BTreeMap<String, usize>,
    /// The size of the parameters as stored.
    pub bytes: usize,
    /// Tensors that the file holds and the model does not use.
    pub ignored: Vec<String>,
    /// Tensors with NaN or infinite elements.
    pub non_finite: Vec<NonFinite>,
    /// How many tokens the tokenizer has; `None` without a tokenizer.
    pub tokenizer_size: Option<usize>,
}

/// Parameters by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Parameters {
    /// `wte`.
    pub token_embedding: usize,
    /// `wpe`.
    pub position_embedding: usize,
    /// `attn` of all blocks.
    pub attention: usize,
    /// `mlp` of all blocks.
    pub feed_forward: usize,
    /// `ln_1` and `ln_2` of all blocks, and `ln_f`.
    pub layer_norm: usize,
    /// `lm_head`, where it is not `wte`.
    pub output_head: usize,
    /// All of these.
    pub total: usize,
}

/// A tensor that holds what is not a number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NonFinite {
    /// Its name.
    pub tensor: String,
    /// How many elements are NaN or infinite.
    pub count: usize,
}

impl Inspection {
    /// Looks at every parameter once.
    pub fn new(name: &str, weights: &Gpt2Weights, tokenizer: Option<&Tokenizer>) -> Self {
        let mut parameters = Parameters::default();
        let (mut dtypes, mut bytes) = (BTreeMap::new(), 0);
        for name in weights.names() {
            let Some(raw) = weights.checkpoint().raw(&name) else { continue };
            let count: usize = raw.shape.iter().product();
            *parameters.kind(&name, weights.config().tie_word_embeddings) += count;
            parameters.total += count;
            *dtypes.entry(raw.dtype.to_string()).or_default() += count;
            bytes += raw.bytes.len();
        }
        let non_finite = weights.non_finite().into_iter();
        Inspection {
            name: name.to_owned(),
            files: weights.checkpoint().files().map(PathBuf::from).collect(),
            config: weights.config().clone(),
            tied: weights.config().tie_word_embeddings,
            parameters,
            dtypes,
            bytes,
            ignored: weights.ignored().to_vec(),
            non_finite: non_finite.map(|(tensor, count)| NonFinite { tensor, count }).collect(),
            tokenizer_size: tokenizer.map(Tokenizer::vocab_size),
        }
    }
}

impl Parameters {
    /// The count that a tensor belongs to. A tied embedding may be stored under the name of the head.
    fn kind(&mut self, name: &str, tied: bool) -> &mut usize {
        if name.starts_with("wpe.") {
            &mut self.position_embedding
        } else if name.starts_with("lm_head.") && !tied {
            &mut self.output_head
        } else if name.contains(".attn.") {
            &mut self.attention
        } else if name.contains(".mlp.") {
            &mut self.feed_forward
        } else if name.contains("ln_") {
            &mut self.layer_norm
        } else {
            &mut self.token_embedding
        }
    }
}
