//! From the projection to the output of the attention.

use gpt2_model::Site;
use ndarray::{Array2, Array3, Axis, concatenate, s};

use crate::arithmetic::{
    CacheForm, Mask, Scale, SoftmaxForm, attend, linear, mask_and_scale, merge_heads, softmax,
    split_heads,
};
use crate::isolated::{NotComputable, Place, Recompute};

impl Recompute<'_, '_> {
    pub(super) fn projected(
        &self,
        place: Place,
        i: usize,
        part: usize,
    ) -> Result<Array3<f64>, NotComputable> {
        let x = self.matrix(place.at(Site::Ln1(i)))?;
        let c_attn = &self.params(i)?.attn.c_attn;
        let qkv = linear(&x, c_attn, self.forms.c_attn, self.forms.precision);
        let (n_head, third) = (self.config().n_head, self.forms.thirds[part]);
        let mut x = split_heads(&qkv, third, n_head, self.forms.heads);
        if part == 0 && self.forms.query_scaled {
            x /= (self.config().head_dim() as f64).sqrt();
        }
        Ok(x)
    }

    pub(super) fn cache(&self, place: Place, i: usize) -> Result<Array3<f64>, NotComputable> {
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

    pub(super) fn scores(
        &self,
        place: Place,
        i: usize,
        mask: Mask,
    ) -> Result<Array3<f64>, NotComputable> {
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

    pub(super) fn attention_weights(
        &self,
        place: Place,
        i: usize,
    ) -> Result<Array3<f64>, NotComputable> {
        let mut scores = self.cube(place.at(Site::Scores(i)))?;
        if self.forms.softmax == SoftmaxForm::MaskedAfter {
            let unmasked = self.scores(place, i, Mask::Missing)?;
            scores.zip_mut_with(&unmasked, |score, &unmasked| {
                if !score.is_finite() {
                    *score = unmasked;
                }
            });
        }
        Ok(softmax(&scores, self.forms.softmax))
    }

    pub(super) fn attention(&self, place: Place, i: usize) -> Result<Array2<f64>, NotComputable> {
        let weights = self.cube(place.at(Site::AttentionWeights(i)))?;
        let values = self.cube(place.at(Site::CacheValue(i)))?;
        let attended = attend(&weights, &values, self.forms.precision);
        let merged = merge_heads(&attended, self.forms.heads_transposed);
        if !self.forms.attn_projected {
            return Ok(merged);
        }
        let c_proj = &self.params(i)?.attn.c_proj;
        Ok(linear(&merged, c_proj, self.forms.attn_c_proj, self.forms.precision))
    }
}
