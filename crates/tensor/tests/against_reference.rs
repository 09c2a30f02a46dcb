//! Every operation against its plain form in f64, over shapes that fit no register.

mod common;

use common::{assert_close, computes, filled, noise, qkv};
use gpt2_tensor::{
    Activation, Backend, Compute, TensorError, Weight, causal_attention, causal_attention_probed,
    layer_norm, linear, linear_activated, matmul, reference, softmax,
};
use ndarray::{Array1, Array2, s};
use proptest::prelude::*;

/// OpenBLAS sums the products of one row in as few chains as it likes.
fn product_tolerance(compute: &Compute) -> f64 {
    if compute.backend() == Backend::Native { 1e-5 } else { 1e-4 }
}

fn check_linear(rows: usize, n_in: usize, n_out: usize) -> Result<(), TensorError> {
    let (x, w, bias) = (noise((rows, n_in), 1), noise((n_in, n_out), 2), noise(n_out, 3));
    let exact = reference::linear(x.view(), w.view(), bias.view());
    let exact_product = reference::linear(x.view(), w.view(), Array1::zeros(n_out).view());
    for compute in computes() {
        let what = format!("[{rows}, {n_in}] @ [{n_in}, {n_out}], {compute:?}");
        let tolerance = product_tolerance(&compute);
        let weight = Weight::new(&compute, w.view());
        assert_eq!((weight.n_in(), weight.n_out()), (n_in, n_out));
        let y = linear(&compute, x.view(), &weight, bias.view())?;
        assert_close(&what, y.iter(), exact.iter(), tolerance);
        let transposed = Weight::from_rows(&compute, w.t());
        assert_eq!(linear(&compute, x.view(), &transposed, bias.view())?, y, "{what}");
        assert_close(
            &what,
            matmul(&compute, x.view(), &weight)?.iter(),
            exact_product.iter(),
            tolerance,
        );
        let fused =
            linear_activated(&compute, x.view(), &weight, bias.view(), Activation::GeluNew)?;
        assert_eq!(fused, Activation::GeluNew.apply(&compute, y.view()), "{what}");
        if n_out > 0 {
            let ids = [n_out as u32 - 1, 0];
            let rows = weight.gather(&ids)?;
            assert_eq!(rows.row(0), w.column(n_out - 1), "{what}");
            assert_eq!(rows.row(1), w.column(0), "{what}");
        }
    }
    Ok(())
}

#[test]
fn linear_at_the_edges_of_its_blocks() -> Result<(), TensorError> {
    let cases = [
        (1, 1, 1),
        (0, 5, 3),
        (3, 0, 5),
        (2, 5, 0),
        (1, 64, 32),
        (1, 65, 33),
        (12, 63, 31),
        (13, 128, 64),
        (96, 129, 40),
        (97, 64, 300),
        (200, 70, 100),
        (1, 768, 2304),
        (5, 3072, 96),
    ];
    cases.into_iter().try_for_each(|(rows, n_in, n_out)| check_linear(rows, n_in, n_out))
}

fn check_attention(past: usize, t: usize, n_head: usize, head_dim: usize) {
    let len = past + t;
    let [q, k, v] = qkv(len, n_head, head_dim);
    let q = q.slice(s![past.., .., ..]);
    let scale = 0.3_f32;
    let exact = reference::causal_attention(q, k.view(), v.view(), f64::from(scale));
    let kv = filled(&k, &v, len);
    assert_eq!(kv.keys(), k);
    assert_eq!(kv.values(), v);
    for compute in computes() {
        let what = format!("{past} + {t} positions, {n_head} heads of {head_dim}, {compute:?}");
        let out = causal_attention(&compute, q, &kv, scale).expect("shapes that fit");
        assert_close(&what, out.iter(), exact.iter(), product_tolerance(&compute));
        let (probed, probe) =
            causal_attention_probed(&compute, q, &kv, scale).expect("shapes that fit");
        assert_eq!(out, probed, "{what}");
        for ((head, i, j), &score) in probe.scores.indexed_iter() {
            let weight = probe.weights[[head, i, j]];
            if j > past + i {
                assert_eq!((score, weight), (f32::NEG_INFINITY, 0.0), "{what}");
            } else {
                let dot: f64 = (0..head_dim)
                    .map(|d| f64::from(q[[i, head, d]]) * f64::from(k[[j, head, d]]))
                    .sum();
                assert!((f64::from(score) - dot * f64::from(scale)).abs() < 1e-4, "{what}");
            }
        }
        let weights = probe.weights.into_shape_with_order((n_head * t, len)).expect("a shape");
        for sum in weights.map(|&w| f64::from(w)).sum_axis(ndarray::Axis(1)) {
            assert!((sum - 1.0).abs() < 1e-6, "{what}: weights add to {sum}");
        }
    }
}

#[test]
fn attention_at_the_edges_of_its_blocks() {
    let cases = [
        (0, 1, 1, 3),
        (0, 1, 1, 64),
        (64, 1, 2, 32),
        (63, 2, 1, 33),
        (0, 13, 2, 64),
        (51, 13, 1, 65),
        (0, 130, 2, 16),
        (100, 30, 1, 100),
    ];
    for (past, t, n_head, head_dim) in cases {
        check_attention(past, t, n_head, head_dim);
    }
}

fn check_rowwise(rows: usize, features: usize) -> Result<(), TensorError> {
    let x = noise((rows, features), 1) * 6.0 + 2.0;
    let (weight, bias) = (noise(features, 2), noise(features, 3));
    let normed = reference::layer_norm(x.view(), weight.view(), bias.view(), 1e-5);
    let soft = reference::softmax(x.view());
    for compute in computes() {
        let what = format!("[{rows}, {features}], {compute:?}");
        let y = layer_norm(&compute, x.view(), weight.view(), bias.view(), 1e-5)?;
        assert_close(&what, y.iter(), normed.iter(), 3e-7);
        assert_close(&what, softmax(&compute, x.view()).iter(), soft.iter(), 2e-7);
        for &activation in Activation::ALL {
            let y = activation.apply(&compute, x.view());
            assert_eq!(y, x.mapv(|x| activation.of(x)), "{activation:?}, {what}");
            let exact = x.mapv(|x| {
                let x = f64::from(x);
                match activation {
                    Activation::GeluNew => reference::gelu_new(x),
                    Activation::Gelu => reference::gelu(x),
                    Activation::Silu => reference::silu(x),
                    Activation::Tanh => x.tanh(),
                    _ => x.max(0.0),
                }
            });
            assert_close(&format!("{activation:?}, {what}"), y.iter(), exact.iter(), 3e-7);
        }
    }
    Ok(())
}

#[test]
fn rowwise_at_the_edges_of_their_blocks() -> Result<(), TensorError> {
    let cases = [(1, 1), (0, 4), (4, 0), (1, 15), (3, 16), (2, 17), (200, 100), (1, 50_257)];
    cases.into_iter().try_for_each(|(rows, features)| check_rowwise(rows, features))
}

/// A large common part, which a variance by `E[x^2] - E[x]^2` would not survive.
#[test]
fn layer_norm_of_what_hardly_varies() -> Result<(), TensorError> {
    let x: Array2<f32> = noise((4, 96), 1) * 0.01 + 100.0;
    let (weight, bias) = (noise(96, 2), noise(96, 3));
    let exact = reference::layer_norm(x.view(), weight.view(), bias.view(), 1e-5);
    for compute in computes() {
        let y = layer_norm(&compute, x.view(), weight.view(), bias.view(), 1e-5)?;
        assert_close("layer_norm", y.iter(), exact.iter(), 3e-7);
    }
    Ok(())
}

/// The views that a model passes are thirds of a fused projection, not contiguous.
#[test]
fn views_with_gaps() -> Result<(), TensorError> {
    let wide = noise((6, 3, 2, 5), 1);
    let x = noise((40, 9), 2);
    let w = noise((18, 7), 3);
    let bias = noise(14, 4);
    for compute in computes() {
        let [q, k, v] = [0, 1, 2].map(|i| wide.index_axis(ndarray::Axis(1), i));
        let kv = filled(&k.to_owned(), &v.to_owned(), 6);
        let gaps = causal_attention(&compute, q, &kv, 0.5)?;
        assert_eq!(gaps, causal_attention(&compute, q.to_owned().view(), &kv, 0.5)?);

        let (x, w, bias) = (x.slice(s![..;2, ..]), w.slice(s![..;2, ..]), bias.slice(s![..;2]));
        let weight = Weight::new(&compute, w);
        let y = linear(&compute, x, &weight, bias)?;
        let exact = reference::linear(x, w, bias);
        assert_close("linear", y.iter(), exact.iter(), product_tolerance(&compute));
        let y = layer_norm(
            &compute,
            x.t(),
            bias.slice(s![..1]).broadcast(20).expect("one"),
            noise(20, 5).view(),
            1e-5,
        )?;
        assert_eq!(y.dim(), (9, 20));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn linear_of_any_shape(rows in 1_usize..30, n_in in 1_usize..200, n_out in 1_usize..200) {
        check_linear(rows, n_in, n_out)?;
    }

    #[test]
    fn attention_of_any_shape(
        past in 0_usize..80, t in 1_usize..40, n_head in 1_usize..4, head_dim in 1_usize..70,
    ) {
        check_attention(past, t, n_head, head_dim);
    }

    #[test]
    fn rowwise_of_any_shape(rows in 1_usize..20, features in 1_usize..200) {
        check_rowwise(rows, features)?;
    }
}
