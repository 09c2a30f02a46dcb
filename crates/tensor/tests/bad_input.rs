//! What is refused, and what passes through: NaN and infinity.

mod common;

use common::{computes, noise};
use gpt2_tensor::{
    Activation, Compute, Isa, KeyValues, TensorError, Weight, argmax, causal_attention,
    causal_attention_probed, gather, layer_norm, linear, linear_activated, softmax,
};
use ndarray::{Array3, array};

fn shape<T>(result: Result<T, TensorError>) -> String {
    match result {
        Err(error @ TensorError::Shape { .. }) => error.to_string(),
        Err(other) => panic!("another error: {other}"),
        Ok(_) => panic!("accepted"),
    }
}

#[test]
fn wrong_shapes_name_the_operand() {
    for compute in computes() {
        let weight = Weight::new(&compute, noise((3, 4), 1).view());
        let (x, bias) = (noise((2, 3), 2), noise(4, 3));
        let (bad_x, bad_bias) = (noise((2, 4), 2), noise(3, 3));
        let cases = [
            (
                shape(linear(&compute, bad_x.view(), &weight, bias.view())),
                "linear: `x` has shape [2, 4], expected [2, 3]",
            ),
            (
                shape(linear(&compute, x.view(), &weight, bad_bias.view())),
                "linear: `bias` has shape [3], expected [4]",
            ),
            (
                shape(linear_activated(
                    &compute,
                    x.view(),
                    &weight,
                    bad_bias.view(),
                    Activation::Relu,
                )),
                "linear_activated: `bias` has shape [3], expected [4]",
            ),
            (
                shape(layer_norm(&compute, x.view(), bias.view(), bad_bias.view(), 1e-5)),
                "layer_norm: `weight` has shape [4], expected [3]",
            ),
            (
                shape(layer_norm(&compute, x.view(), bad_bias.view(), bias.view(), 1e-5)),
                "layer_norm: `bias` has shape [4], expected [3]",
            ),
        ];
        for (message, expected) in cases {
            assert_eq!(message, expected);
        }
    }
}

#[test]
fn attention_refuses_other_heads_and_missing_positions() {
    for compute in computes() {
        let mut kv = KeyValues::new(2, 4, 3);
        let two = noise((2, 2, 4), 1);
        kv.append(&compute, two.view(), two.view()).expect("room");
        let cases = [
            ((3, 2, 4), "causal_attention: `q` has shape [3, 2, 4], expected [2, 2, 4]"),
            ((1, 1, 4), "causal_attention: `q` has shape [1, 1, 4], expected [1, 2, 4]"),
            ((1, 2, 5), "causal_attention: `q` has shape [1, 2, 5], expected [1, 2, 4]"),
        ];
        for (dim, expected) in cases {
            let q = Array3::zeros(dim);
            assert_eq!(shape(causal_attention(&compute, q.view(), &kv, 1.0)), expected);
            assert_eq!(shape(causal_attention_probed(&compute, q.view(), &kv, 1.0)), expected);
        }
    }
}

#[test]
fn a_refused_append_changes_nothing() {
    let compute = Compute::default();
    let mut kv = KeyValues::new(2, 4, 3);
    let two = noise((2, 2, 4), 1);
    kv.append(&compute, two.view(), two.view()).expect("room");
    assert_eq!(
        kv.append(&compute, two.view(), two.view()),
        Err(TensorError::CacheFull { len: 2, new: 2, capacity: 3 })
    );
    assert!(kv.append(&compute, two.view(), noise((1, 2, 4), 1).view()).is_err());
    assert!(kv.append(&compute, noise((1, 2, 5), 1).view(), noise((1, 2, 5), 1).view()).is_err());
    assert_eq!((kv.len(), kv.capacity(), kv.is_empty()), (2, 3, false));
    assert_eq!(kv.keys(), two);
    kv.truncate(1);
    let copy = kv.clone();
    assert_eq!(copy.keys(), two.slice(ndarray::s![..1, .., ..]));
    assert_eq!((copy.n_head(), copy.head_dim()), (2, 4));
}

#[test]
fn an_index_out_of_range() {
    let table = noise((5, 3), 1);
    let error = TensorError::Index { op: "gather", index: 5, rows: 5 };
    assert_eq!(gather(table.view(), &[0, 5]), Err(error.clone()));
    for compute in computes() {
        let weight = Weight::from_rows(&compute, table.view());
        assert_eq!(weight.gather(&[0, 5]), Err(error.clone()));
        assert_eq!(weight.gather(&[4, 0]), gather(table.view(), &[4, 0]));
        assert_eq!(weight.gather(&[]).map(|rows| rows.dim()), Ok((0, 3)));
    }
}

#[test]
fn missing_instructions_are_an_error() {
    for &isa in Isa::ALL {
        let built = Compute::builder().isa(isa).build();
        match isa.is_available() {
            true => assert_eq!(built.map(|compute| compute.isa()), Ok(isa)),
            false => {
                assert_eq!(built.map(|_| ()), Err(TensorError::MissingIsa { isa: isa.name() }))
            }
        }
        assert_eq!(Isa::from_name(isa.name()), Some(isa));
    }
    assert_eq!(Isa::from_name("sse9"), None);
    assert!(Isa::available().any(|isa| isa == Isa::Portable));
}

#[test]
fn nan_and_infinity_pass_through() -> Result<(), TensorError> {
    let (inf, nan) = (f32::INFINITY, f32::NAN);
    for compute in computes() {
        // In its own row, and nowhere else.
        let mut x = noise((3, 40), 1);
        x[[1, 7]] = nan;
        let weight = Weight::new(&compute, noise((40, 50), 2).view());
        let y = linear(&compute, x.view(), &weight, noise(50, 3).view())?;
        let y = [
            y,
            layer_norm(&compute, x.view(), noise(40, 3).view(), noise(40, 4).view(), 1e-5)?,
            softmax(&compute, x.view()),
        ];
        for y in y {
            assert!(y.row(1).iter().all(|y| y.is_nan()), "{compute:?}");
            assert!(y.row(0).iter().chain(y.row(2)).all(|y| y.is_finite()), "{compute:?}");
        }
        let y = softmax(&compute, array![[0.0, -inf, 0.0], [-inf, -inf, -inf]].view());
        assert_eq!(y.row(0).to_vec(), [0.5, 0.0, 0.5]);
        assert!(y.row(1).iter().all(|y| y.is_nan()));
        for &activation in Activation::ALL {
            let y = activation.apply(&compute, array![[nan, inf, 0.0]].view());
            assert!(y[[0, 0]].is_nan(), "{activation:?}");
            let expected = if activation == Activation::Tanh { 1.0 } else { inf };
            assert_eq!(y[[0, 1]], expected, "{activation:?}");
            assert_eq!(y[[0, 2]], 0.0, "{activation:?}");
        }
    }
    Ok(())
}

/// Flush-to-zero is never set: a product that is subnormal stays.
#[test]
fn subnormals_stay() -> Result<(), TensorError> {
    let tiny = f32::MIN_POSITIVE / 4.0;
    for compute in computes() {
        let weight = Weight::new(&compute, array![[0.5_f32]].view());
        let y = linear(&compute, array![[tiny]].view(), &weight, array![0.0].view())?;
        assert_eq!(y[[0, 0]], tiny / 2.0, "{compute:?}");
    }
    Ok(())
}

#[test]
fn argmax_of_awkward_values() {
    let nan = f32::NAN;
    let cases: &[(&[f32], Option<usize>)] = &[
        (&[], None),
        (&[1.0], Some(0)),
        (&[1.0, 3.0, 3.0], Some(1)),
        (&[nan, 1.0, nan], Some(1)),
        (&[nan, nan], Some(0)),
        (&[f32::NEG_INFINITY, -1.0], Some(1)),
    ];
    for (values, expected) in cases {
        assert_eq!(argmax(ndarray::aview1(values)), *expected, "{values:?}");
    }
}
