use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use gpt2_model::Site;
use gpt2_weights::Config;
use ndarray::{Array2, Array3, ArrayD, Dimension, IxDyn};

use super::{NotComputable, Parameters, Place, Tokens};
use crate::arithmetic::Forms;
use crate::{Tensor, Trace};

/// What to do about an input that was not recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    /// Say so.
    Refuse,
    /// Recompute it from what was.
    Recompute,
}

/// Recomputes operations, each from the inputs that one trace recorded.
pub(crate) struct Recompute<'a, 'w> {
    trace: &'a Trace,
    pub(super) tokens: &'a Tokens,
    pub(super) weights: &'a Parameters<'w>,
    pub(super) forms: Forms,
    missing: Missing,
    known: RefCell<BTreeMap<Place, Rc<ArrayD<f64>>>>,
    /// What is being recomputed: a wrong form may ask for what depends on itself.
    open: RefCell<BTreeSet<Place>>,
}

impl<'a, 'w> Recompute<'a, 'w> {
    pub(crate) fn new(
        trace: &'a Trace,
        tokens: &'a Tokens,
        weights: &'a Parameters<'w>,
        forms: Forms,
        missing: Missing,
    ) -> Self {
        let (known, open) = (RefCell::default(), RefCell::default());
        Recompute { trace, tokens, weights, forms, missing, known, open }
    }

    pub(super) fn config(&self) -> &Config {
        self.weights.config()
    }

    /// The operation at `place`, as a tensor of the kind that a trace holds there.
    pub(crate) fn tensor(&self, place: Place) -> Result<Tensor, NotComputable> {
        let x = self.value(place)?;
        let token = matches!(place.site, Site::Argmax | Site::Generated);
        Ok(match self.trace.tensors.get(&place.to_string()) {
            _ if token => Tensor::I64(x.mapv(|x| x as i64)),
            Some(Tensor::F64(_)) => Tensor::F64(x.as_ref().clone()),
            _ => Tensor::F32(x.mapv(|x| x as f32)),
        })
    }

    /// The operation at `place`, whatever was recorded there.
    pub(crate) fn value(&self, place: Place) -> Result<Rc<ArrayD<f64>>, NotComputable> {
        if let Some(known) = self.known.borrow().get(&place) {
            return Ok(Rc::clone(known));
        }
        if !self.open.borrow_mut().insert(place) {
            return Err(NotComputable::Circular { name: place.to_string() });
        }
        let result = self.operation(place);
        self.open.borrow_mut().remove(&place);
        let precision = self.forms.precision;
        let value = Rc::new(result?.mapv_into(|x| precision.result(x)));
        self.known.borrow_mut().insert(place, Rc::clone(&value));
        Ok(value)
    }

    /// The places that were recomputed so far.
    pub(crate) fn recomputed(&self) -> Vec<Place> {
        self.known.borrow().keys().copied().collect()
    }

    /// What was recorded at `place`; recomputed if nothing was and that is wanted.
    pub(super) fn input(&self, place: Place) -> Result<ArrayD<f64>, NotComputable> {
        let name = place.to_string();
        let Some(tensor) = self.trace.tensors.get(&name) else {
            return match self.missing {
                Missing::Refuse => Err(NotComputable::Missing { name }),
                Missing::Recompute => Ok(self.value(place)?.as_ref().clone()),
            };
        };
        let (past, new) = (self.tokens.past(place.step), self.fed(place.step)?.len());
        let expected = place.shape(self.config(), past, new, tensor.len());
        if tensor.shape() != expected {
            return Err(NotComputable::Shape { name, expected, actual: tensor.shape().to_vec() });
        }
        ArrayD::from_shape_vec(IxDyn(&expected), tensor.values().collect())
            .map_err(|_| NotComputable::Missing { name })
    }

    /// Whether an input would have to be recomputed.
    pub(super) fn recorded(&self, place: Place) -> bool {
        self.trace.tensors.contains_key(&place.to_string())
    }

    pub(super) fn matrix(&self, place: Place) -> Result<Array2<f64>, NotComputable> {
        dimensions(place, self.input(place)?)
    }

    pub(super) fn cube(&self, place: Place) -> Result<Array3<f64>, NotComputable> {
        dimensions(place, self.input(place)?)
    }

    pub(super) fn fed(&self, step: usize) -> Result<&'a [u32], NotComputable> {
        self.tokens.fed(step).ok_or(NotComputable::Tokens { step })
    }
}

/// The number of dimensions that the type says; the recorded shape was checked already.
fn dimensions<D: Dimension>(
    place: Place,
    x: ArrayD<f64>,
) -> Result<ndarray::Array<f64, D>, NotComputable> {
    let actual = x.shape().to_vec();
    x.into_dimensionality().map_err(|_| NotComputable::Shape {
        name: place.to_string(),
        expected: vec![0; D::NDIM.unwrap_or(0)],
        actual,
    })
}
