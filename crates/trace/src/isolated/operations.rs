//! One operation each: its inputs fetched, its arithmetic called.

use gpt2_model::Site;
use gpt2_tensor::reference;
use gpt2_weights::{ActivationFunction, BlockParams, NormParams};
use ndarray::{Array1, Array2, Array3, ArrayD, Axis, concatenate, s};

use super::recompute::{Missing, Recompute};
use super::{NotComputable, Place, Tokens};
use crate::arithmetic::{
    Activation, BlockForm, CacheForm, Forms, HeadForm, Mask, Positions, ProbsForm, Scale,
    SoftmaxForm, attend, layer_norm, linear, mask_and_scale, merge_heads, project, softmax,
    split_heads,
};
use crate::{Tensor, Trace};

impl Recompute<'_> {
    pub(super) fn operation(&self, place: Place) -> Result<ArrayD<f64>, NotComputable> {
        Ok(match place.site {
            Site::Embed => self.embed(place)?.into_dyn(),
            Site::Ln1(i) => self.first_norm(place, i)?.into_dyn(),
            Site::Query(i) => self.projected(place, i, 0)?.into_dyn(),
            Site::Key(i) => self.projected(place, i, 1)?.into_dyn(),
            Site::Value(i) => self.projected(place, i, 2)?.into_dyn(),
            Site::CacheKey(i) | Site::CacheValue(i) => self.cache(place, i)?.into_dyn(),
            Site::Scores(i) => self.scores(place, i, self.forms.mask)?.into_dyn(),
            Site::AttentionWeights(i) => self.attention_weights(place, i)?.into_dyn(),
            Site::Attention(i) => self.attention(place, i)?.into_dyn(),
            Site::Ln2(i) => self.second_norm(place, i)?.into_dyn(),
            Site::Mlp(i) => self.mlp(place, i)?.into_dyn(),
            Site::Block(i) => self.block(place, i)?.into_dyn(),
            Site::LnF => self.final_norm(place)?.into_dyn(),
            Site::Logits => self.logits(&self.matrix(place.at(Site::LnF))?)?.into_dyn(),
            Site::LastLogits => self.last_logits(place)?.into_dyn(),
            Site::Argmax => self.argmax(place)?.into_dyn(),
            Site::Probs => self.probs(place)?.into_dyn(),
            Site::Generated => self.generated()?.into_dyn(),
            _ => return Err(NotComputable::Unknown { name: place.to_string() }),
        })
    }

    fn embed(&self, place: Place) -> Result<Array2<f64>, NotComputable> {
        let ids = self.fed(place.step)?;
        let past = self.tokens.past(place.step);
        let params = self.weights.embedding()?;
        let precision = self.forms.precision;
        let width = self.config().n_embd;
        let token_scale = if self.forms.tokens_scaled { (width as f64).sqrt() } else { 1.0 };
        let out_of_range =
            |index: usize, rows: usize| NotComputable::Index { index, rows, step: place.step };
        let mut x = Array2::zeros((ids.len(), width));
        for (i, (mut x, &id)) in x.outer_iter_mut().zip(ids).enumerate() {
            let (id, rows) = (id as usize, params.wte.nrows());
            if id >= rows {
                return Err(out_of_range(id, rows));
            }
            let token = params.wte.row(id).mapv(|w| precision.weight(w));
            x.scaled_add(token_scale, &token);
            let position = match self.forms.positions {
                Positions::Right => past + i,
                Positions::FromOne => past + i + 1,
                Positions::Restarted => i,
                Positions::Missing => continue,
            };
            if position >= params.wpe.nrows() {
                return Err(out_of_range(position, params.wpe.nrows()));
            }
            x += &params.wpe.row(position).mapv(|w| precision.weight(w));
        }
        Ok(x)
    }

    fn params(&self, block: usize) -> Result<BlockParams<'_>, NotComputable> {
        let last = self.config().n_layer.saturating_sub(1);
        if block > last {
            return Err(NotComputable::Block { block, n_layer: last + 1 });
        }
        Ok(self.weights.block((block + self.forms.parameters_of).min(last))?)
    }

    fn norm(&self, x: &Array2<f64>, params: &NormParams<'_>) -> Array2<f64> {
        let parameter = |x: &Array1<f32>| x.mapv(|x| self.forms.precision.weight(x));
        let (gain, bias) = (params.weight.to_owned(), params.bias.to_owned());
        layer_norm(x, &parameter(&gain), &parameter(&bias), self.forms.norm)
    }

    fn first_norm(&self, place: Place, i: usize) -> Result<Array2<f64>, NotComputable> {
        let x = self.matrix(place.stream_before(i))?;
        let params = self.params(i)?.ln_1;
        Ok(if self.forms.norms_skipped { x } else { self.norm(&x, &params) })
    }

    /// The residual stream between attention and feed-forward network.
    fn middle(&self, place: Place, i: usize) -> Result<Array2<f64>, NotComputable> {
        let mut x = self.matrix(place.at(Site::Attention(i)))?;
        if self.forms.first_residual {
            x += &self.matrix(place.stream_before(i))?;
        }
        Ok(x)
    }

    fn second_norm(&self, place: Place, i: usize) -> Result<Array2<f64>, NotComputable> {
        let x = self.middle(place, i)?;
        let params = self.params(i)?;
        let params = if self.forms.second_is_first { params.ln_1 } else { params.ln_2 };
        Ok(if self.forms.norms_skipped { x } else { self.norm(&x, &params) })
    }

    fn final_norm(&self, place: Place) -> Result<Array2<f64>, NotComputable> {
        let mut x = self.matrix(place.stream_before(self.config().n_layer))?;
        let params = self.weights.ln_f()?;
        for _ in 0..self.forms.final_norms {
            x = self.norm(&x, &params);
        }
        Ok(x)
    }

    fn projected(&self, place: Place, i: usize, part: usize) -> Result<Array3<f64>, NotComputable> {
        let x = self.matrix(place.at(Site::Ln1(i)))?;
        let c_attn = self.params(i)?.attn.c_attn;
        let qkv = linear(&x, &c_attn, self.forms.c_attn, self.forms.precision);
        let (n_head, third) = (self.config().n_head, self.forms.thirds[part]);
        let mut x = split_heads(&qkv, third, n_head, self.forms.heads);
        if part == 0 && self.forms.query_scaled {
            x /= (self.config().head_dim() as f64).sqrt();
        }
        Ok(x)
    }

    fn cache(&self, place: Place, i: usize) -> Result<Array3<f64>, NotComputable> {
        let form = self.forms.cache;
        let wants_keys = matches!(place.site, Site::CacheKey(_));
        let holds_keys = wants_keys != matches!(form, CacheForm::Swapped);
        let source = match form {
            CacheForm::OfBlockBefore => i.checked_sub(1).ok_or(NotComputable::NoBlockBefore)?,
            _ => i,
        };
        let new = place.at(if holds_keys { Site::Key(source) } else { Site::Value(source) });
        let new = self.cube(new)?;
        let (t, h, d) = new.dim();
        let before = match place.step.checked_sub(1) {
            None => Array3::zeros((0, h, d)),
            Some(step) => {
                let site = if holds_keys { Site::CacheKey(i) } else { Site::CacheValue(i) };
                self.cube(Place { step, site })?
            }
        };
        let past = before.len_of(Axis(0));
        if matches!(form, CacheForm::NotAppended | CacheForm::Overwritten) && past == 0 {
            return Err(NotComputable::NoStepBefore);
        }
        let mut cache = match form {
            CacheForm::NotAppended => return Ok(before),
            CacheForm::Overwritten => return Ok(new),
            CacheForm::OneEarly | CacheForm::OneLate => {
                concatenate![Axis(0), before, Array3::zeros((t, h, d))]
            }
            _ => return Ok(concatenate![Axis(0), before, new]),
        };
        match form {
            CacheForm::OneLate => {
                cache.slice_mut(s![past + 1.., .., ..]).assign(&new.slice(s![..t - 1, .., ..]));
            }
            _ => {
                let lost = usize::from(past == 0);
                let from = past + lost - 1;
                cache.slice_mut(s![from..past + t - 1, .., ..]).assign(&new.slice(s![
                    lost..,
                    ..,
                    ..
                ]));
            }
        }
        Ok(cache)
    }

    fn scores(&self, place: Place, i: usize, mask: Mask) -> Result<Array3<f64>, NotComputable> {
        let q = self.cube(place.at(Site::Query(i)))?;
        let keys = self.cube(place.at(Site::CacheKey(i)))?;
        let d = self.config().head_dim() as f64;
        let mut scale = match self.forms.scale {
            Scale::One => 1.0,
            Scale::RootHeadDim => 1.0 / d.sqrt(),
            Scale::HeadDim => 1.0 / d,
            Scale::RootHeadDimTwice => 1.0 / d.sqrt() / d.sqrt(),
            Scale::RootWidth => 1.0 / (self.config().n_embd as f64).sqrt(),
        };
        if self.forms.scale_by_block {
            scale /= (i + 1) as f64;
        }
        Ok(mask_and_scale(&q, &keys, scale, mask, self.forms.precision))
    }

    fn attention_weights(&self, place: Place, i: usize) -> Result<Array3<f64>, NotComputable> {
        let scores = match self.forms.softmax {
            SoftmaxForm::MaskedAfter => self.scores(place, i, Mask::Missing)?,
            _ => self.cube(place.at(Site::Scores(i)))?,
        };
        Ok(softmax(&scores, self.forms.softmax))
    }

    fn attention(&self, place: Place, i: usize) -> Result<Array2<f64>, NotComputable> {
        let weights = self.cube(place.at(Site::AttentionWeights(i)))?;
        let values = self.cube(place.at(Site::CacheValue(i)))?;
        let attended = attend(&weights, &values, self.forms.precision);
        let merged = merge_heads(&attended, self.forms.heads_transposed);
        if !self.forms.attn_projected {
            return Ok(merged);
        }
        let c_proj = self.params(i)?.attn.c_proj;
        Ok(linear(&merged, &c_proj, self.forms.attn_c_proj, self.forms.precision))
    }

    fn mlp(&self, place: Place, i: usize) -> Result<Array2<f64>, NotComputable> {
        let x = self.matrix(place.at(Site::Ln2(i)))?;
        let params = self.params(i)?.mlp;
        let hidden = linear(&x, &params.c_fc, self.forms.c_fc, self.forms.precision);
        let activation = activation(self.forms.activation).ok_or(NotComputable::Activation)?;
        let hidden = hidden.mapv_into(activation);
        Ok(linear(&hidden, &params.c_proj, self.forms.mlp_c_proj, self.forms.precision))
    }

    fn block(&self, place: Place, i: usize) -> Result<Array2<f64>, NotComputable> {
        if matches!(self.forms.block, BlockForm::Skipped) {
            return self.matrix(place.stream_before(i));
        }
        let mut y = self.matrix(place.at(Site::Mlp(i)))?;
        if self.forms.second_residual {
            y += &self.middle(place, i)?;
        }
        if self.forms.post_norm {
            y = self.norm(&y, &self.params(i)?.ln_2);
        }
        match self.forms.block {
            BlockForm::Twice => self.block_again(place, i, y),
            _ => Ok(y),
        }
    }

    /// Block `i` once more, on its own output.
    fn block_again(
        &self,
        place: Place,
        i: usize,
        y: Array2<f64>,
    ) -> Result<Array2<f64>, NotComputable> {
        if place.step > 0 {
            return Err(NotComputable::LaterStep);
        }
        let stream = place.stream_before(i).to_string();
        let tensors = [(stream, Tensor::F64(y.into_dyn()))].into();
        let trace = Trace { tensors, ..Trace::default() };
        let tokens = Tokens::of_prompt(self.fed(0)?.to_vec());
        let forms = Forms { block: BlockForm::Once, ..self.forms.clone() };
        let again = Recompute::new(&trace, &tokens, self.weights, forms, Missing::Recompute);
        again.block(place, i)
    }

    fn logits(&self, x: &Array2<f64>) -> Result<Array2<f64>, NotComputable> {
        let wte = self.weights.embedding()?.wte;
        let own = self.weights.lm_head()?;
        let head = match (self.forms.head, &own) {
            (HeadForm::Untied, None) => return Ok(Array2::zeros((x.nrows(), wte.nrows()))),
            (HeadForm::Untied, Some(_)) | (_, None) => wte.view(),
            (_, Some(own)) => own.view(),
        };
        let precision = self.forms.precision;
        if matches!(self.forms.head, HeadForm::Transposed) {
            let (v, c) = head.dim();
            let stored: Vec<f32> = head.iter().copied().collect();
            let head = Array2::from_shape_fn((c, v), |(i, j)| stored[i * v + j]);
            return Ok(project(x, head.view(), precision));
        }
        Ok(project(x, head.t(), precision))
    }

    fn last_logits(&self, place: Place) -> Result<Array1<f64>, NotComputable> {
        let back = self.forms.last;
        if self.recorded(place.at(Site::Logits)) {
            let logits = self.matrix(place.at(Site::Logits))?;
            let row = logits.nrows().checked_sub(back).ok_or(NotComputable::NoPositionBefore)?;
            return Ok(logits.row(row).to_owned());
        }
        let x = self.matrix(place.at(Site::LnF))?;
        let row = x.nrows().checked_sub(back).ok_or(NotComputable::NoPositionBefore)?;
        let x = x.slice(s![row..=row, ..]).to_owned();
        Ok(self.logits(&x)?.row(0).to_owned())
    }

    fn argmax(&self, place: Place) -> Result<Array1<f64>, NotComputable> {
        let logits = self.input(place.at(Site::LastLogits))?;
        let mut best = (0, f64::NEG_INFINITY);
        for (id, &logit) in logits.iter().enumerate() {
            if logit > best.1 {
                best = (id, logit);
            }
        }
        Ok(Array1::from_elem(1, (best.0 + self.forms.first_id) as f64))
    }

    fn probs(&self, place: Place) -> Result<Array1<f64>, NotComputable> {
        let logits = self.input(place.at(Site::LastLogits))?;
        let max = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = logits.iter().map(|x| (x - max).exp()).sum();
        Ok(logits
            .iter()
            .map(|x| match self.forms.probs {
                ProbsForm::Softmax => (x - max).exp() / sum,
                ProbsForm::LogSoftmax => x - max - sum.ln(),
            })
            .collect())
    }

    fn generated(&self) -> Result<Array1<f64>, NotComputable> {
        (0..self.tokens.steps())
            .map(|step| {
                let step = if self.forms.stale { step.saturating_sub(1) } else { step };
                let id = self.input(Place { step, site: Site::Argmax })?;
                Ok(id.iter().copied().next().unwrap_or(f64::NAN))
            })
            .collect()
    }
}

/// The function, or `None` for one that is not known here.
fn activation(form: Activation) -> Option<fn(f64) -> f64> {
    Some(match form {
        Activation::Of(ActivationFunction::GeluNew) => reference::gelu_new,
        Activation::Of(ActivationFunction::Gelu) => reference::gelu,
        Activation::Of(ActivationFunction::Relu) => |x| x.max(0.0),
        Activation::Of(ActivationFunction::Silu) => reference::silu,
        Activation::Of(_) => return None,
        Activation::SigmoidGelu => |x| x / (1.0 + (-1.702 * x).exp()),
        Activation::Identity => |x| x,
    })
}
