//! The demo model with a mistake in it: another config, or other weights.

use std::collections::BTreeMap;

use gpt2_model::Gpt2;
use gpt2_weights::Gpt2Weights;
use ndarray::{Array1, Array2, ArrayD, IxDyn};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde_json::{Map, Value};

/// A copy of the demo checkpoint that can be changed and loaded.
#[derive(Clone, Debug)]
pub struct Altered {
    config: Map<String, Value>,
    tensors: BTreeMap<String, ArrayD<f32>>,
}

impl Altered {
    /// The demo as it is.
    pub fn demo() -> Self {
        let config = serde_json::from_str(gpt2_demo::CONFIG_JSON).expect("the config is JSON");
        let file = SafeTensors::deserialize(gpt2_demo::MODEL_SAFETENSORS).expect("safetensors");
        let tensors = file.tensors().into_iter().map(|(name, view)| {
            let (chunks, _) = view.data().as_chunks::<4>();
            let values = chunks.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
            let array = ArrayD::from_shape_vec(IxDyn(view.shape()), values).expect("its shape");
            (name.trim_start_matches("transformer.").to_owned(), array)
        });
        Altered { config, tensors: tensors.collect() }
    }

    /// Sets one field of `config.json`.
    #[must_use]
    pub fn config(mut self, field: &str, value: impl Into<Value>) -> Self {
        self.config.insert(field.to_owned(), value.into());
        self
    }

    /// Adds a tensor.
    #[must_use]
    pub fn tensor(mut self, name: &str, value: ArrayD<f32>) -> Self {
        self.tensors.insert(name.to_owned(), value);
        self
    }

    /// One tensor as it is now.
    pub fn get(&self, name: &str) -> &ArrayD<f32> {
        self.tensors.get(name).unwrap_or_else(|| panic!("the demo has no tensor {name}"))
    }

    /// Changes a matrix.
    #[must_use]
    pub fn matrix(self, name: &str, change: impl Fn(Array2<f32>) -> Array2<f32>) -> Self {
        let matrix = self.get(name).clone().into_dimensionality().expect("a matrix");
        self.tensor(name, change(matrix).as_standard_layout().into_owned().into_dyn())
    }

    /// Changes a vector.
    #[must_use]
    pub fn vector(self, name: &str, change: impl Fn(Array1<f32>) -> Array1<f32>) -> Self {
        let vector = self.get(name).clone().into_dimensionality().expect("a vector");
        self.tensor(name, change(vector).into_dyn())
    }

    /// Loads it.
    pub fn model(&self) -> Gpt2 {
        let bytes: BTreeMap<&String, Vec<u8>> = self
            .tensors
            .iter()
            .map(|(name, x)| (name, x.iter().flat_map(|x| x.to_le_bytes()).collect()))
            .collect();
        let views = bytes.iter().map(|(&name, bytes)| {
            let shape = self.tensors[name].shape().to_vec();
            (name, TensorView::new(Dtype::F32, shape, bytes).expect("its own bytes"))
        });
        let file = safetensors::serialize(views, None).expect("in memory");
        let config = serde_json::to_string(&self.config).expect("a map is JSON");
        let weights = Gpt2Weights::from_bytes(config, file).unwrap_or_else(|e| panic!("{e}"));
        Gpt2::new(&weights).unwrap_or_else(|error| panic!("{error}"))
    }
}
