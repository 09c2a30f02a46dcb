use gpt2_model::Site;
use ndarray::{ArrayD, Axis, IxDyn};

use crate::{Place, Tensor};

/// Lays `tensor` out as the reference has it, where there is one way to; says what was done.
///
/// Dimensions of 1 that the reference does not have are dropped, joined heads are taken apart, and the
/// heads are moved behind the positions.
pub(super) fn fit(place: Place, tensor: Tensor, expected: &[usize]) -> (Tensor, Vec<String>) {
    match tensor {
        Tensor::F32(x) => {
            let (x, notes) = fit_array(place, x, expected);
            (Tensor::F32(x), notes)
        }
        Tensor::F64(x) => {
            let (x, notes) = fit_array(place, x, expected);
            (Tensor::F64(x), notes)
        }
        Tensor::I64(x) => {
            let (x, notes) = fit_array(place, x, expected);
            (Tensor::I64(x), notes)
        }
    }
}

fn fit_array<T: Clone>(
    place: Place,
    mut x: ArrayD<T>,
    expected: &[usize],
) -> (ArrayD<T>, Vec<String>) {
    let mut notes = Vec::new();
    let by_head = matches!(
        place.site,
        Site::Query(_) | Site::Key(_) | Site::Value(_) | Site::CacheKey(_) | Site::CacheValue(_)
    );
    // Joined heads have one dimension less, so a batch may hide in the count.
    let joined = |shape: &[usize]| match *expected {
        [positions, heads, width] if by_head => shape == [1, positions, heads * width],
        _ => false,
    };
    while (x.ndim() > expected.len() && x.shape().first() == Some(&1)) || joined(x.shape()) {
        x = x.index_axis_move(Axis(0), 0);
        notes.push("batch dimension of 1 dropped".to_owned());
    }
    if !by_head {
        return (x, notes);
    }
    let [positions, heads, width] = *expected else { return (x, notes) };
    if x.shape() == [positions, heads * width] {
        notes.push("joined heads [T, H * D] taken apart".to_owned());
        let elements: Vec<T> = x.iter().cloned().collect();
        if let Ok(split) = ArrayD::from_shape_vec(IxDyn(expected), elements) {
            x = split;
        }
    } else if x.shape() == [heads, positions, width] {
        if positions == heads {
            notes.push("ambiguous: as many heads as positions; taken as [T, H, D]".to_owned());
        } else {
            notes.push("[H, T, D] put in the order [T, H, D]".to_owned());
            x.swap_axes(0, 1);
            x = x.as_standard_layout().into_owned();
        }
    }
    (x, notes)
}
