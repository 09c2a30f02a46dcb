//! Every operation, at the shapes of GPT-2 124M.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use gpt2_benches::{computes, noise};
use gpt2_tensor::{Activation, KeyValues, Weight, causal_attention, layer_norm, linear, softmax};
use std::hint::black_box;

const N_EMBD: usize = 768;
const N_HEAD: usize = 12;
const HEAD_DIM: usize = 64;

/// Tokens at once: decode, and two prefills.
const ROWS: [usize; 3] = [1, 16, 128];

/// `[rows, in]` by `[in, out]`, as FLOP/s: two for each product and sum.
fn bench_linear(c: &mut Criterion) {
    let shapes =
        [("c_attn", 768, 2304), ("c_proj", 768, 768), ("c_fc", 768, 3072), ("mlp", 3072, 768)];
    let mut group = c.benchmark_group("linear");
    for (name, n_in, n_out) in shapes {
        let (w, bias) = (noise((n_in, n_out)), noise(n_out));
        for rows in ROWS {
            let x = noise((rows, n_in));
            group.throughput(Throughput::Elements((2 * rows * n_in * n_out) as u64));
            for (backend, compute) in computes() {
                let weight = Weight::new(&compute, w.view());
                group.bench_function(BenchmarkId::new(format!("{name}/{backend}"), rows), |b| {
                    b.iter(|| linear(&compute, black_box(x.view()), &weight, bias.view()));
                });
            }
        }
    }
}

/// Bytes are those of the input, read once.
fn bench_rowwise(c: &mut Criterion) {
    let mut group = c.benchmark_group("rowwise");
    for rows in ROWS {
        let (x, hidden) = (noise((rows, N_EMBD)), noise((rows, 4 * N_EMBD)));
        let (weight, bias) = (noise(N_EMBD), noise(N_EMBD));
        for (backend, compute) in computes() {
            group.throughput(Throughput::Bytes((4 * x.len()) as u64));
            group.bench_function(BenchmarkId::new(format!("layer_norm/{backend}"), rows), |b| {
                b.iter(|| {
                    layer_norm(&compute, black_box(x.view()), weight.view(), bias.view(), 1e-5)
                });
            });
            group.bench_function(BenchmarkId::new(format!("softmax/{backend}"), rows), |b| {
                b.iter(|| softmax(&compute, black_box(x.view())));
            });
            group.throughput(Throughput::Bytes((4 * hidden.len()) as u64));
            group.bench_function(BenchmarkId::new(format!("gelu_new/{backend}"), rows), |b| {
                b.iter(|| Activation::GeluNew.apply(&compute, black_box(hidden.view())));
            });
            group.bench_function(BenchmarkId::new(format!("gelu/{backend}"), rows), |b| {
                b.iter(|| Activation::Gelu.apply(&compute, black_box(hidden.view())));
            });
        }
    }
}

/// New tokens after a past, as FLOP/s of the products that the mask leaves.
fn bench_attention(c: &mut Criterion) {
    let mut group = c.benchmark_group("attention");
    for (past, new) in [(0, 128), (16, 1), (128, 1), (900, 1)] {
        let seen = past + new;
        let mut kv = KeyValues::new(N_HEAD, HEAD_DIM, seen);
        let (k, v) = (noise((seen, N_HEAD, HEAD_DIM)), noise((seen, N_HEAD, HEAD_DIM)));
        if let Err(error) = kv.append(k.view(), v.view()) {
            unreachable!("the store has room for {seen}: {error}");
        }
        let q = noise((new, N_HEAD, HEAD_DIM));
        let pairs = new * past + new * (new + 1) / 2;
        group.throughput(Throughput::Elements((4 * pairs * N_HEAD * HEAD_DIM) as u64));
        for (backend, compute) in computes() {
            group.bench_function(BenchmarkId::new(backend, format!("{new} after {past}")), |b| {
                b.iter(|| causal_attention(&compute, black_box(q.view()), &kv, 0.125));
            });
        }
    }
}

criterion_group!(benches, bench_linear, bench_rowwise, bench_attention);
criterion_main!(benches);
