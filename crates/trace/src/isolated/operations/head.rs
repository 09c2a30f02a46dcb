//! The logits, and what follows from them.

use gpt2_model::Site;
use ndarray::{Array1, Array2, s};

use crate::arithmetic::{HeadForm, ProbsForm, project};
use crate::isolated::{NotComputable, Place, Recompute};

impl Recompute<'_, '_> {
    pub(super) fn logits(&self, x: &Array2<f64>) -> Result<Array2<f64>, NotComputable> {
        let wte = &self.weights.embedding()?.wte;
        let own = self.weights.lm_head()?;
        let head = match (self.forms.head, own) {
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

    pub(super) fn last_logits(&self, place: Place) -> Result<Array1<f64>, NotComputable> {
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

    pub(super) fn argmax(&self, place: Place) -> Result<Array1<f64>, NotComputable> {
        let logits = self.input(place.at(Site::LastLogits))?;
        let mut best = (0, f64::NEG_INFINITY);
        for (id, &logit) in logits.iter().enumerate() {
            if logit > best.1 {
                best = (id, logit);
            }
        }
        Ok(Array1::from_elem(1, (best.0 + self.forms.first_id) as f64))
    }

    pub(super) fn probs(&self, place: Place) -> Result<Array1<f64>, NotComputable> {
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

    pub(super) fn generated(&self) -> Result<Array1<f64>, NotComputable> {
        (0..self.tokens.steps())
            .map(|step| {
                let step = if self.forms.stale { step.saturating_sub(1) } else { step };
                let id = self.input(Place { step, site: Site::Argmax })?;
                Ok(id.iter().copied().next().unwrap_or(f64::NAN))
            })
            .collect()
    }
}
