use std::collections::HashMap;
use std::path::Path;

use anyhow::{ensure, Context, Result};
use candle_core::{DType, Device, IndexOp, Tensor, D};
use candle_nn::kv_cache::KvCache;
use candle_nn::ops::softmax_last_dim;
use candle_nn::{LayerNorm, Module};
use serde_json::Value;

/// HuggingFace's `Conv1D`: `x @ weight + bias`.
struct Conv1d {
    weight: Tensor,
    bias: Tensor,
}

impl Conv1d {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        Ok(x.matmul(&self.weight)?.broadcast_add(&self.bias)?)
    }
}

struct Block {
    ln_1: LayerNorm,
    c_attn: Conv1d,
    attn_c_proj: Conv1d,
    ln_2: LayerNorm,
    c_fc: Conv1d,
    mlp_c_proj: Conv1d,
    cache: KvCache,
}

pub struct Gpt2 {
    wte: Tensor,
    wpe: Tensor,
    blocks: Vec<Block>,
    ln_f: LayerNorm,
    n_head: usize,
    past: usize,
}

impl Gpt2 {
    pub fn load(directory: &Path) -> Result<Self> {
        let config: Value =
            serde_json::from_str(&std::fs::read_to_string(directory.join("config.json"))?)?;
        ensure!(config["activation_function"] == "gelu_new", "the activation is not gelu_new");
        let number = |name: &str| config[name].as_u64().with_context(|| name.to_owned());
        let (n_layer, n_head) = (number("n_layer")?, number("n_head")? as usize);
        let n_positions = number("n_positions")? as usize;
        let epsilon = config["layer_norm_epsilon"].as_f64().context("layer_norm_epsilon")?;
        let file = directory.join("model.safetensors");
        let tensors: HashMap<String, Tensor> = candle_core::safetensors::load(file, &Device::Cpu)?
            .into_iter()
            .map(|(name, x)| (name.trim_start_matches("transformer.").to_owned(), x))
            .collect();
        let get = |name: String| tensors.get(&name).cloned().context(name);
        let norm = |name: String| -> Result<LayerNorm> {
            let (weight, bias) = (get(format!("{name}.weight"))?, get(format!("{name}.bias"))?);
            Ok(LayerNorm::new(weight, bias, epsilon))
        };
        let conv = |name: String| -> Result<Conv1d> {
            let (weight, bias) = (get(format!("{name}.weight"))?, get(format!("{name}.bias"))?);
            Ok(Conv1d { weight, bias })
        };
        let blocks = (0..n_layer)
            .map(|i| {
                Ok(Block {
                    ln_1: norm(format!("h.{i}.ln_1"))?,
                    c_attn: conv(format!("h.{i}.attn.c_attn"))?,
                    attn_c_proj: conv(format!("h.{i}.attn.c_proj"))?,
                    ln_2: norm(format!("h.{i}.ln_2"))?,
                    c_fc: conv(format!("h.{i}.mlp.c_fc"))?,
                    mlp_c_proj: conv(format!("h.{i}.mlp.c_proj"))?,
                    cache: KvCache::new(1, n_positions),
                })
            })
            .collect::<Result<_>>()?;
        Ok(Gpt2 {
            wte: get("wte.weight".into())?,
            wpe: get("wpe.weight".into())?,
            blocks,
            ln_f: norm("ln_f".into())?,
            n_head,
            past: 0,
        })
    }

    /// Forgets what came before, takes a prompt.
    pub fn start(&mut self, tokens: &[u32]) -> Result<Tensor> {
        self.past = 0;
        self.blocks.iter_mut().for_each(|block| block.cache.reset());
        self.forward(tokens)
    }

    /// The logits of the last position, `[V]`.
    pub fn forward(&mut self, tokens: &[u32]) -> Result<Tensor> {
        let t = tokens.len();
        let ids = Tensor::new(tokens, &Device::Cpu)?;
        let positions = self.wpe.narrow(0, self.past, t)?;
        let mut x = (self.wte.index_select(&ids, 0)? + positions)?;
        let mask = if t == 1 { None } else { Some(mask(self.past, t)?) };
        for block in &mut self.blocks {
            x = block.forward(&x, mask.as_ref(), self.n_head)?;
        }
        self.past += t;
        let last = self.ln_f.forward(&x.i(t - 1..)?)?;
        Ok(last.matmul(&self.wte.t()?)?.squeeze(0)?)
    }
}

impl Block {
    fn forward(&mut self, x: &Tensor, mask: Option<&Tensor>, n_head: usize) -> Result<Tensor> {
        let (t, c) = x.dims2()?;
        let qkv = self.c_attn.forward(&self.ln_1.forward(x)?)?;
        let qkv = qkv.reshape((t, 3, n_head, c / n_head))?.permute((1, 2, 0, 3))?;
        let (k, v) = (qkv.i(1)?.contiguous()?, qkv.i(2)?.contiguous()?);
        let (k, v) = self.cache.append(&k, &v)?;
        let scale = ((c / n_head) as f64).sqrt().recip();
        let mut scores = (qkv.i(0)?.contiguous()?.matmul(&k.transpose(1, 2)?)? * scale)?;
        if let Some(mask) = mask {
            scores = scores.broadcast_add(mask)?;
        }
        let attended = softmax_last_dim(&scores)?.matmul(&v.contiguous()?)?;
        let attended = attended.permute((1, 0, 2))?.reshape((t, c))?;
        let x = (x + self.attn_c_proj.forward(&attended)?)?;
        let hidden = self.c_fc.forward(&self.ln_2.forward(&x)?)?.gelu()?;
        Ok((&x + self.mlp_c_proj.forward(&hidden)?)?)
    }
}

/// `[T, S]`: 0 where a query may look, -inf where not.
fn mask(past: usize, t: usize) -> Result<Tensor> {
    let rows = Tensor::arange(past as u32, (past + t) as u32, &Device::Cpu)?.unsqueeze(D::Minus1)?;
    let columns = Tensor::arange(0, (past + t) as u32, &Device::Cpu)?.unsqueeze(0)?;
    let seen = rows.broadcast_ge(&columns)?;
    let zero = seen.zeros_like()?.to_dtype(DType::F32)?;
    let never = Tensor::full(f32::NEG_INFINITY, zero.shape(), &Device::Cpu)?;
    Ok(seen.where_cond(&zero, &never)?)
}
