//! One operation each: its inputs fetched, its arithmetic called.

mod attention;
mod head;

use gpt2_model::Site;
use gpt2_tensor::reference;
use gpt2_weights::{ActivationFunction, BlockParams, NormParams};
use ndarray::{Array1, Array2, ArrayD};

use super::{Missing, NotComputable, Place, Recompute, Tokens};
use crate::arithmetic::{Activation, BlockForm, Forms, Positions, layer_norm, linear};
use crate::{Tensor, Trace};

impl<'w> Recompute<'_, 'w> {
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

    fn params(&self, block: usize) -> Result<&BlockParams<'w>, NotComputable> {
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
        let params = &self.params(i)?.ln_1;
        Ok(if self.forms.norms_skipped { x } else { self.norm(&x, params) })
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
        let params = if self.forms.second_is_first { &params.ln_1 } else { &params.ln_2 };
        Ok(if self.forms.norms_skipped { x } else { self.norm(&x, params) })
    }

    fn final_norm(&self, place: Place) -> Result<Array2<f64>, NotComputable> {
        let mut x = self.matrix(place.stream_before(self.config().n_layer))?;
        let params = self.weights.ln_f()?;
        for _ in 0..self.forms.final_norms {
            x = self.norm(&x, &params);
        }
        Ok(x)
    }

    fn mlp(&self, place: Place, i: usize) -> Result<Array2<f64>, NotComputable> {
        let x = self.matrix(place.at(Site::Ln2(i)))?;
        let params = &self.params(i)?.mlp;
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
}

/// The function, or `None` for one that is not known here.
fn activation(form: Activation) -> Option<fn(f64) -> f64> {
    Some(match form {
        Activation::Of(ActivationFunction::GeluNew) => reference::gelu_new,
        Activation::Of(ActivationFunction::Gelu) => reference::gelu,
        Activation::Of(ActivationFunction::Relu) => |x| x.max(0.0),
        Activation::Of(ActivationFunction::Silu) => reference::silu,
        Activation::Of(ActivationFunction::Tanh) => f64::tanh,
        Activation::Of(_) => return None,
        Activation::SigmoidGelu => |x| x / (1.0 + (-1.702 * x).exp()),
        Activation::Identity => |x| x,
    })
}
