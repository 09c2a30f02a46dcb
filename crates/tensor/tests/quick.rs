use gpt2_tensor::*;
use ndarray::*;
fn noise<Sh: ShapeBuilder>(s: Sh, seed: u64) -> Array<f32, Sh::Dim> {
    let mut x = seed.wrapping_mul(0x9E3779B97F4A7C15) | 1;
    Array::from_shape_simple_fn(s, || {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        (x >> 40) as f32 / (1u64 << 24) as f32 * 2. - 1.
    })
}
fn close(a: &[f32], b: &[f64], tol: f64) {
    assert_eq!(a.len(), b.len());
    for (i, (a, b)) in a.iter().zip(b).enumerate() {
        assert!((f64::from(*a) - b).abs() <= tol * (1.0 + b.abs()), "{i}: {a} {b}");
    }
}
#[test]
fn all() {
    for isa in Isa::available() {
        for threads in [1, 2, 3] {
            let c = Compute::builder().isa(isa).threads(threads).build().unwrap();
            for (m, k, n) in [
                (1, 1, 1),
                (1, 768, 100),
                (5, 65, 33),
                (13, 130, 300),
                (97, 64, 31),
                (200, 100, 96),
                (3, 0, 5),
                (0, 3, 5),
                (2, 5, 0),
            ] {
                let x = noise((m, k), 1);
                let w = noise((k, n), 2);
                let b = noise(n, 3);
                let y = linear(&c, x.view(), &Weight::new(&c, w.view()), b.view()).unwrap();
                close(
                    y.as_slice().unwrap(),
                    reference::linear(x.view(), w.view(), b.view()).as_slice().unwrap(),
                    1e-5,
                );
                let y2 = linear(&c, x.view(), &Weight::from_rows(&c, w.t()), b.view()).unwrap();
                assert_eq!(y, y2);
            }
            for (s, t, h, d) in
                [(1, 1, 1, 3), (40, 40, 2, 64), (100, 7, 3, 33), (200, 200, 1, 100), (65, 1, 4, 32)]
            {
                let (q, k, v) = (noise((t, h, d), 4), noise((s, h, d), 5), noise((s, h, d), 6));
                let mut kv = KeyValues::new(h, d, s + 3);
                kv.append(k.view(), v.view()).unwrap();
                assert_eq!(kv.keys(), k);
                assert_eq!(kv.values(), v);
                let y = causal_attention(&c, q.view(), &kv, 0.3).unwrap();
                close(
                    y.as_slice().unwrap(),
                    reference::causal_attention(q.view(), k.view(), v.view(), 0.3f32 as f64)
                        .as_slice()
                        .unwrap(),
                    1e-5,
                );
                let (y2, _) = causal_attention_probed(&c, q.view(), &kv, 0.3).unwrap();
                assert_eq!(y, y2);
            }
            let x = noise((37, 50), 7) * 8.0;
            close(
                softmax(&c, x.view()).as_slice().unwrap(),
                reference::softmax(x.view()).as_slice().unwrap(),
                1e-6,
            );
            let (w, b) = (noise(50, 1), noise(50, 2));
            close(
                layer_norm(&c, x.view(), w.view(), b.view(), 1e-5).unwrap().as_slice().unwrap(),
                reference::layer_norm(x.view(), w.view(), b.view(), 1e-5).as_slice().unwrap(),
                1e-6,
            );
            for a in Activation::ALL {
                let y = a.apply(&c, x.view());
                for (x, y) in x.iter().zip(&y) {
                    assert_eq!(a.of(*x).to_bits(), y.to_bits());
                }
            }
            close(
                Activation::GeluNew.apply(&c, x.view()).as_slice().unwrap(),
                x.mapv(|x| reference::gelu_new(x as f64)).as_slice().unwrap(),
                1e-6,
            );
            close(
                Activation::Tanh.apply(&c, x.view()).as_slice().unwrap(),
                x.mapv(|x| (x as f64).tanh()).as_slice().unwrap(),
                1e-6,
            );
            assert!(c.kernels_run(isa) > 0);
        }
    }
}
