//! One NumPy array: `numpy/lib/format.py`.

use ndarray::{ArrayD, IxDyn, ShapeBuilder};

use crate::Tensor;

const MAGIC: &[u8] = b"\x93NUMPY";

/// The bytes of an `.npy` file as a tensor: f16 becomes f32, integers become token ids. `Err` says why
/// not; pickled objects are refused.
pub(super) fn parse(bytes: &[u8]) -> Result<Tensor, String> {
    let cut = || "the file ends within its header".to_owned();
    let rest = bytes.strip_prefix(MAGIC).ok_or("not an .npy file")?;
    let (&[major, _minor], rest) = rest.split_first_chunk::<2>().ok_or_else(cut)?;
    let (length, rest) = if major == 1 {
        let (length, rest) = rest.split_first_chunk::<2>().ok_or_else(cut)?;
        (u32::from(u16::from_le_bytes(*length)), rest)
    } else {
        let (length, rest) = rest.split_first_chunk::<4>().ok_or_else(cut)?;
        (u32::from_le_bytes(*length), rest)
    };
    let length = usize::try_from(length).map_err(|error| error.to_string())?;
    let (header, data) = rest.split_at_checked(length).ok_or_else(cut)?;
    let header = std::str::from_utf8(header).map_err(|error| error.to_string())?;

    let shape = shape(header)?;
    let fortran = match value(header, "fortran_order")? {
        text if text.starts_with("True") => true,
        text if text.starts_with("False") => false,
        _ => return Err("`fortran_order` is neither True nor False".to_owned()),
    };
    let descr = value(header, "descr")?;
    let descr = descr.strip_prefix('\'').and_then(|text| text.split_once('\''));
    let array = Array { data, shape, fortran };
    match descr.ok_or("`descr` is not that of a plain array")?.0 {
        "<f4" => array.read(f32::from_le_bytes).map(Tensor::F32),
        "<f8" => array.read(f64::from_le_bytes).map(Tensor::F64),
        "<f2" => array.read(|b| half::f16::from_le_bytes(b).to_f32()).map(Tensor::F32),
        "<i8" => array.read(i64::from_le_bytes).map(Tensor::I64),
        "<i4" => array.read(|b| i64::from(i32::from_le_bytes(b))).map(Tensor::I64),
        other => Err(format!("dtype {other}; little-endian f2, f4, f8, i4 and i8 are read")),
    }
}

/// What follows `'key':` in the header, a Python dictionary that NumPy always writes in one form.
fn value<'a>(header: &'a str, key: &str) -> Result<&'a str, String> {
    let at = header.split_once(&format!("'{key}':"));
    at.map(|(_, value)| value.trim_start()).ok_or(format!("the header has no `{key}`"))
}

fn shape(header: &str) -> Result<Vec<usize>, String> {
    let tuple = value(header, "shape")?.strip_prefix('(').and_then(|text| text.split_once(')'));
    let (tuple, _) = tuple.ok_or("`shape` is no tuple")?;
    let numbers = tuple.split(',').map(str::trim).filter(|number| !number.is_empty());
    let numbers = numbers.map(|number| number.parse().map_err(|_| format!("shape ({tuple})")));
    numbers.collect()
}

struct Array<'a> {
    data: &'a [u8],
    shape: Vec<usize>,
    fortran: bool,
}

impl Array<'_> {
    fn read<T, const N: usize>(self, from: impl Fn([u8; N]) -> T) -> Result<ArrayD<T>, String> {
        let expected = self.shape.iter().try_fold(N, |n, &dim| n.checked_mul(dim));
        if expected != Some(self.data.len()) {
            let (shape, actual) = (&self.shape, self.data.len());
            return Err(format!("shape {shape:?} does not fit {actual} bytes of data"));
        }
        let (elements, _) = self.data.as_chunks::<N>();
        let elements = elements.iter().map(|element| from(*element)).collect();
        ArrayD::from_shape_vec(IxDyn(&self.shape).set_f(self.fortran), elements)
            .map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `numpy.save` writes it.
    pub(crate) fn npy(descr: &str, fortran: &str, shape: &str, data: &[u8]) -> Vec<u8> {
        let mut header =
            format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}");
        while !(header.len() + 11).is_multiple_of(64) {
            header.push(' ');
        }
        header.push('\n');
        let length = u16::try_from(header.len()).expect("short");
        [MAGIC, &[1, 0], &length.to_le_bytes(), header.as_bytes(), data].concat()
    }

    #[test]
    fn arrays_are_read_in_both_orders() {
        let data: Vec<u8> = (0..6).flat_map(|x: i16| f32::from(x).to_le_bytes()).collect();
        let c = parse(&npy("<f4", "False", "(2, 3)", &data)).expect("an array");
        assert_eq!(c, Tensor::F32(ndarray::arr2(&[[0., 1., 2.], [3., 4., 5.]]).into_dyn()));
        let f = parse(&npy("<f4", "True", "(2, 3)", &data)).expect("an array");
        let values: Vec<f64> = f.values().collect();
        assert_eq!((f.shape(), values), (&[2, 3][..], vec![0., 2., 4., 1., 3., 5.]));
        let i = parse(&npy("<i4", "False", "(1,)", &7_i32.to_le_bytes())).expect("an array");
        assert_eq!(i, Tensor::I64(ndarray::arr1(&[7]).into_dyn()));
        let h = parse(&npy("<f2", "False", "()", &[0x00, 0x3c])).expect("a number");
        assert_eq!(h.values().collect::<Vec<_>>(), [1.0]);
    }

    #[test]
    fn what_is_no_array_is_refused() {
        for bytes in [
            b"not npy".to_vec(),
            MAGIC.to_vec(),
            npy("<f4", "False", "(2, 3)", &[0; 23]),
            npy("<f4", "False", "(2, 3)", &[0; 25]),
            npy("<f4", "False", "(99999999999, 99999999999)", &[0; 24]),
            npy("<f4", "Perhaps", "(6,)", &[0; 24]),
            npy("|O", "False", "(1,)", &[0; 8]),
            npy(">f4", "False", "(1,)", &[0; 4]),
        ] {
            assert!(parse(&bytes).is_err(), "{bytes:?}");
        }
    }
}
