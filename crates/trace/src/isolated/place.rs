use std::fmt;

use gpt2_model::Site;
use gpt2_weights::Config;

use crate::checkpoint::split_step;

/// A site in a pass: what a recorded name says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// 0 for the prompt, `n` for the pass that feeds the `n`-th decoded token.
    pub step: usize,
    /// Where in the pass.
    pub site: Site,
}

impl Place {
    /// Reads a recorded name; `None` if it is not that of a tap.
    pub fn parse(name: &str) -> Option<Place> {
        let (step, rest) = split_step(name)?;
        let site = match rest.strip_prefix("h.") {
            None => match rest {
                "embed" => Site::Embed,
                "ln_f" => Site::LnF,
                "logits" => Site::Logits,
                "logits.last" => Site::LastLogits,
                "argmax" => Site::Argmax,
                "probs" => Site::Probs,
                "generated" => Site::Generated,
                _ => return None,
            },
            Some(rest) => {
                let (block, part) = rest.split_once('.').unwrap_or((rest, ""));
                let i = block.parse().ok()?;
                match part {
                    "" => Site::Block(i),
                    "ln_1" => Site::Ln1(i),
                    "ln_2" => Site::Ln2(i),
                    "mlp" => Site::Mlp(i),
                    "attn" => Site::Attention(i),
                    "attn.q" => Site::Query(i),
                    "attn.k" => Site::Key(i),
                    "attn.v" => Site::Value(i),
                    "attn.cache.k" => Site::CacheKey(i),
                    "attn.cache.v" => Site::CacheValue(i),
                    "attn.scores" => Site::Scores(i),
                    "attn.weights" => Site::AttentionWeights(i),
                    _ => return None,
                }
            }
        };
        Some(Place { step, site })
    }

    /// The block, if the site is in one.
    pub fn block(self) -> Option<usize> {
        match self.site {
            Site::Ln1(i)
            | Site::Query(i)
            | Site::Key(i)
            | Site::Value(i)
            | Site::CacheKey(i)
            | Site::CacheValue(i)
            | Site::Scores(i)
            | Site::AttentionWeights(i)
            | Site::Attention(i)
            | Site::Ln2(i)
            | Site::Mlp(i)
            | Site::Block(i) => Some(i),
            _ => None,
        }
    }

    /// The same step, another site.
    pub(crate) fn at(self, site: Site) -> Place {
        Place { site, ..self }
    }

    /// Where the residual stream comes from that enters block `i`.
    pub(crate) fn stream_before(self, i: usize) -> Place {
        self.at(i.checked_sub(1).map_or(Site::Embed, Site::Block))
    }

    /// The shape of the value here: `new` tokens after `past` others.
    pub(crate) fn shape(
        self,
        config: &Config,
        past: usize,
        new: usize,
        decode: usize,
    ) -> Vec<usize> {
        let (h, d) = (config.n_head, config.head_dim());
        match self.site {
            Site::Query(_) | Site::Key(_) | Site::Value(_) => vec![new, h, d],
            Site::CacheKey(_) | Site::CacheValue(_) => vec![past + new, h, d],
            Site::Scores(_) | Site::AttentionWeights(_) => vec![h, new, past + new],
            Site::Logits => vec![new, config.vocab_size],
            Site::LastLogits | Site::Probs => vec![config.vocab_size],
            Site::Argmax => vec![1],
            Site::Generated => vec![decode],
            _ => vec![new, config.n_embd],
        }
    }
}

/// The recorded name.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.step {
            0 => write!(f, "{}", self.site),
            step => write!(f, "step.{step}.{}", self.site),
        }
    }
}
