//! `config.json`: the fields that decide what a GPT-2 computes.

use std::path::Path;

use serde::Serialize;

use crate::fields::Fields;
use crate::file::Source;
use crate::{ActivationFunction, WeightsError};

/// The largest configuration that is read, in bytes; real ones have about one thousand.
const MAX_CONFIG: u64 = 1 << 20;

/// The architecture of a GPT-2, verified.
///
/// Follows `GPT2Config` of HuggingFace's `configuration_gpt2.py`: the same names, the same
/// defaults for what the file leaves out, the same aliases (`hidden_size`,
/// `max_position_embeddings`, `num_attention_heads`, `num_hidden_layers`).
///
/// A value that changes the arithmetic in a way that is not implemented is an error, never
/// ignored. What does not change inference is ignored: dropouts, `initializer_range`,
/// `summary_*`, `use_cache`, `n_ctx`, `task_specific_params`, and `dtype` or `torch_dtype`
/// (everything is computed in `f32`), as are the many fields that `modeling_gpt2.py` does not read.
///
/// What [`from_json`](Self::from_json) returns holds: all sizes are at least 1, `n_embd` is a
/// multiple of `n_head`, `4 * n_embd` does not overflow, `layer_norm_epsilon` is finite and not
/// negative. [`Config::default`] is GPT-2 124M.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Config {
    /// The number of blocks.
    pub n_layer: usize,
    /// The number of attention heads of each block.
    pub n_head: usize,
    /// The width of the hidden states, `C` in the shapes of this crate.
    pub n_embd: usize,
    /// The width inside the feed-forward layer; where the file says `null`, `4 * n_embd`.
    pub n_inner: usize,
    /// The longest sequence, `P` in the shapes of this crate.
    pub n_positions: usize,
    /// The number of token ids, `V` in the shapes of this crate.
    pub vocab_size: usize,
    /// Added to the variance in every `LayerNorm`.
    pub layer_norm_epsilon: f32,
    /// The activation of the feed-forward layer.
    pub activation_function: ActivationFunction,
    /// Whether attention scores are divided by `sqrt(head_dim)`.
    pub scale_attn_weights: bool,
    /// Whether the scores of block `i` are also divided by `i + 1`.
    pub scale_attn_by_inverse_layer_idx: bool,
    /// Whether HuggingFace computes the scores in `f32` and scales before the product.
    pub reorder_and_upcast_attn: bool,
    /// Whether the output head is `wte`; if not, the checkpoint has `lm_head.weight`.
    pub tie_word_embeddings: bool,
    /// The token that ends a text, if there is one. It may lie outside the vocabulary, as it does
    /// in some small models that kept the default.
    pub eos_token_id: Option<u32>,
    /// The token that begins a text, if there is one.
    pub bos_token_id: Option<u32>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            n_layer: 12,
            n_head: 12,
            n_embd: 768,
            n_inner: 4 * 768,
            n_positions: 1024,
            vocab_size: 50257,
            layer_norm_epsilon: 1e-5,
            activation_function: ActivationFunction::GeluNew,
            scale_attn_weights: true,
            scale_attn_by_inverse_layer_idx: false,
            reorder_and_upcast_attn: false,
            tie_word_embeddings: true,
            eos_token_id: Some(50256),
            bos_token_id: Some(50256),
        }
    }
}

impl Config {
    /// Reads and verifies a `config.json`.
    ///
    /// # Errors
    ///
    /// [`WeightsError::Io`], [`NotAFile`](WeightsError::NotAFile),
    /// [`Empty`](WeightsError::Empty) or [`TooLarge`](WeightsError::TooLarge) if the file cannot
    /// be read, and those of [`from_json`](Self::from_json).
    pub fn open(path: impl AsRef<Path>) -> Result<Self, WeightsError> {
        let path = path.as_ref();
        let bytes = Source::open(path)?.read_small("the configuration", MAX_CONFIG)?;
        Self::from_json(bytes, path)
    }

    /// Verifies the text of a `config.json`. `source` is the file that errors speak of.
    ///
    /// # Errors
    ///
    /// [`WeightsError::Json`] or [`DuplicateName`](WeightsError::DuplicateName) if it is not a
    /// JSON object with each key once, [`Config`](WeightsError::Config) for a value of the wrong
    /// type or range, [`Unsupported`](WeightsError::Unsupported) for one that asks for other
    /// arithmetic than this project has.
    pub fn from_json(
        json: impl AsRef<[u8]>,
        source: impl AsRef<Path>,
    ) -> Result<Self, WeightsError> {
        let fields = Fields::parse(json.as_ref(), source.as_ref())?;
        refuse_other_arithmetic(&fields)?;

        let default = Self::default();
        let n_embd = fields.size_or("n_embd", Some("hidden_size"), default.n_embd)?;
        let n_head = fields.size_or("n_head", Some("num_attention_heads"), default.n_head)?;
        if n_embd.checked_mul(4).is_none() {
            return Err(fields.error("n_embd", "a size whose fourfold fits in memory", n_embd));
        }
        if !n_embd.is_multiple_of(n_head) {
            return Err(fields.error("n_embd", format!("a multiple of n_head = {n_head}"), n_embd));
        }
        let epsilon = fields.number_or("layer_norm_epsilon", default.layer_norm_epsilon)?;
        if !epsilon.is_finite() || epsilon < 0.0 {
            return Err(fields.error("layer_norm_epsilon", "finite and not negative", epsilon));
        }
        Ok(Self {
            n_layer: fields.size_or("n_layer", Some("num_hidden_layers"), default.n_layer)?,
            n_head,
            n_embd,
            n_inner: fields.size_or_null("n_inner")?.unwrap_or(4 * n_embd),
            n_positions: fields.size_or(
                "n_positions",
                Some("max_position_embeddings"),
                default.n_positions,
            )?,
            vocab_size: fields.size_or("vocab_size", None, default.vocab_size)?,
            layer_norm_epsilon: epsilon,
            activation_function: activation(&fields)?,
            scale_attn_weights: fields.bool_or("scale_attn_weights", true)?,
            scale_attn_by_inverse_layer_idx: fields
                .bool_or("scale_attn_by_inverse_layer_idx", false)?,
            reorder_and_upcast_attn: fields.bool_or("reorder_and_upcast_attn", false)?,
            tie_word_embeddings: fields.bool_or("tie_word_embeddings", true)?,
            eos_token_id: fields.token_or("eos_token_id", default.eos_token_id)?,
            bos_token_id: fields.token_or("bos_token_id", default.bos_token_id)?,
        })
    }

    /// The width of one attention head, `n_embd / n_head` (0 if there are no heads).
    #[must_use]
    pub fn head_dim(&self) -> usize {
        self.n_embd.checked_div(self.n_head).unwrap_or(0)
    }
}

fn activation(fields: &Fields<'_>) -> Result<ActivationFunction, WeightsError> {
    let Some(value) = fields.get("activation_function") else {
        return Ok(ActivationFunction::default());
    };
    serde::Deserialize::deserialize(value)
        .map_err(|_| fields.unsupported("activation_function", ActivationFunction::SUPPORTED))
}

/// Refuses the fields by which a file that calls itself GPT-2 computes something else.
fn refuse_other_arithmetic(fields: &Fields<'_>) -> Result<(), WeightsError> {
    use serde_json::Value;
    let only =
        |field: &'static str, supported: &'static str, same: &dyn Fn(&Value) -> bool| match fields
            .get(field)
        {
            Some(value) if !same(value) => Err(fields.unsupported(field, supported)),
            _ => Ok(()),
        };
    let is_null = |value: &Value| value.is_null();
    only("model_type", "only \"gpt2\" is", &|value| value == "gpt2")?;
    only("add_cross_attention", "only false is", &|value| value == false)?;
    only("is_causal", "only true is", &|value| value == true)?;
    only("quantization_config", "only null is", &is_null)?;
    // Old files may list heads to cut out of the weights when loading.
    only("pruned_heads", "only {} is", &|value| {
        value.is_null() || value.as_object().is_some_and(serde_json::Map::is_empty)
    })?;
    // SantaCoder and others bring their own Python under the model type gpt2.
    only("auto_map", "code that a model brings is not run", &is_null)?;
    only("attention_head_type", "only \"multihead\" is", &|value| value == "multihead")
}
