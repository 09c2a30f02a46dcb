use ndarray::{ArrayD, IxDyn};

/// One recorded value.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Tensor {
    /// Activations as the model computed them.
    F32(ArrayD<f32>),
    /// Activations of an f64 reference.
    F64(ArrayD<f64>),
    /// Token ids.
    I64(ArrayD<i64>),
}

impl Tensor {
    /// The shape; the dimensions mean what the tap of this name says.
    pub fn shape(&self) -> &[usize] {
        match self {
            Tensor::F32(x) => x.shape(),
            Tensor::F64(x) => x.shape(),
            Tensor::I64(x) => x.shape(),
        }
    }

    /// The number of elements.
    pub fn len(&self) -> usize {
        self.shape().iter().product()
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The elements in row-major order, as f64: exact for both float types, and for token ids.
    pub fn values(&self) -> Box<dyn Iterator<Item = f64> + '_> {
        match self {
            Tensor::F32(x) => Box::new(x.iter().map(|&x| f64::from(x))),
            Tensor::F64(x) => Box::new(x.iter().copied()),
            Tensor::I64(x) => Box::new(x.iter().map(|&x| x as f64)),
        }
    }

    /// The index of element number `flat` in row-major order.
    pub fn index_of(&self, flat: usize) -> Vec<usize> {
        let mut rest = flat;
        let mut index: Vec<usize> = self
            .shape()
            .iter()
            .rev()
            .map(|&len| {
                let i = rest % len.max(1);
                rest /= len.max(1);
                i
            })
            .collect();
        index.reverse();
        index
    }

    pub(crate) fn dtype(&self) -> safetensors::Dtype {
        match self {
            Tensor::F32(_) => safetensors::Dtype::F32,
            Tensor::F64(_) => safetensors::Dtype::F64,
            Tensor::I64(_) => safetensors::Dtype::I64,
        }
    }

    /// The elements in row-major order, little-endian.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        match self {
            Tensor::F32(x) => x.iter().flat_map(|x| x.to_le_bytes()).collect(),
            Tensor::F64(x) => x.iter().flat_map(|x| x.to_le_bytes()).collect(),
            Tensor::I64(x) => x.iter().flat_map(|x| x.to_le_bytes()).collect(),
        }
    }

    /// The inverse of [`Tensor::to_bytes`]; `Err` says why not.
    pub(crate) fn from_bytes(
        dtype: safetensors::Dtype,
        shape: &[usize],
        bytes: &[u8],
    ) -> Result<Tensor, String> {
        fn array<T, const N: usize>(
            shape: &[usize],
            bytes: &[u8],
            from: impl Fn([u8; N]) -> T,
        ) -> Result<ArrayD<T>, String> {
            let (chunks, _) = bytes.as_chunks::<N>();
            let values = chunks.iter().map(|chunk| from(*chunk)).collect();
            ArrayD::from_shape_vec(IxDyn(shape), values).map_err(|error| error.to_string())
        }
        match dtype {
            safetensors::Dtype::F32 => array(shape, bytes, f32::from_le_bytes).map(Tensor::F32),
            safetensors::Dtype::F64 => array(shape, bytes, f64::from_le_bytes).map(Tensor::F64),
            safetensors::Dtype::I64 => array(shape, bytes, i64::from_le_bytes).map(Tensor::I64),
            other => Err(format!("dtype {other:?}; a trace holds F32, F64 and I64")),
        }
    }
}
