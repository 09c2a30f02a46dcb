//! Every operation, at the shapes of GPT-2 124M.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use gpt2_benches::{Cost, computes, noise};
use gpt2_tensor::{
    Activation, Compute, KeyValues, Weight, argmax, causal_attention, layer_norm, linear,
    linear_activated, matmul, softmax,
};

const N_EMBD: usize = 768;
const N_HEAD: usize = 12;
const HEAD_DIM: usize = 64;
const VOCAB_SIZE: usize = 50257;

/// Tokens at once: decode, and two prefills.
const ROWS: [usize; 3] = [1, 16, 128];

/// `[rows, in]` by `[in, out]`. One row is bound by reading the weight: bytes/s; more are FLOP/s.
fn bench_linear(c: &mut Criterion) {
    let shapes =
        [("c_attn", 768, 2304), ("attn.c_proj", 768, 768), ("c_fc", 768, 3072), ("mlp", 3072, 768)];
    let mut group = c.benchmark_group("linear");
    for (name, n_in, n_out) in shapes {
        let (w, bias) = (noise((n_in, n_out)), noise(n_out));
        for rows in ROWS {
            let x = noise((rows, n_in));
            group.throughput(throughput(rows, Cost::linear(rows, n_in, n_out)));
            for (backend, compute) in computes() {
                let weight = Weight::new(&compute, w.view());
                group.bench_function(BenchmarkId::new(format!("{name}/{backend}"), rows), |b| {
                    b.iter(|| linear(&compute, black_box(x.view()), &weight, bias.view()));
                });
                if name == "c_fc" {
                    let id = BenchmarkId::new(format!("c_fc + gelu/{backend}"), rows);
                    group.bench_function(id, |b| {
                        b.iter(|| {
                            let x = black_box(x.view());
                            linear_activated(&compute, x, &weight, bias.view(), Activation::GeluNew)
                        });
                    });
                }
            }
        }
    }
}

/// From the last position to the logits of the vocabulary, and the choice of one.
fn bench_logits(c: &mut Criterion) {
    let mut group = c.benchmark_group("logits");
    let (wte, x) = (noise((VOCAB_SIZE, N_EMBD)), noise((1, N_EMBD)));
    for (backend, compute) in computes() {
        let weight = Weight::from_rows(&compute, wte.view());
        group.throughput(throughput(1, Cost::linear(1, N_EMBD, VOCAB_SIZE)));
        group.bench_function(BenchmarkId::new("wte", backend), |b| {
            b.iter(|| matmul(&compute, black_box(x.view()), &weight));
        });
    }
    let logits = noise(VOCAB_SIZE);
    group.throughput(Throughput::Bytes((4 * VOCAB_SIZE) as u64));
    group.bench_function("argmax", |b| b.iter(|| argmax(black_box(logits.view()))));
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
            for (name, activation) in
                [("gelu_new", Activation::GeluNew), ("gelu", Activation::Gelu)]
            {
                let id = BenchmarkId::new(format!("{name}/{backend}"), rows);
                group.bench_function(id, |b| {
                    b.iter(|| activation.apply(&compute, black_box(hidden.view())));
                });
            }
        }
    }
}

/// New tokens after a past. One token is bound by reading the keys and values.
fn bench_attention(c: &mut Criterion) {
    let mut group = c.benchmark_group("attention");
    for (past, new) in [(0, 16), (0, 128), (0, 512), (16, 1), (128, 1), (900, 1)] {
        let seen = past + new;
        let mut kv = KeyValues::new(N_HEAD, HEAD_DIM, seen);
        let (k, v) = (noise((seen, N_HEAD, HEAD_DIM)), noise((seen, N_HEAD, HEAD_DIM)));
        if let Err(error) = kv.append(&Compute::default(), k.view(), v.view()) {
            unreachable!("the store has room for {seen}: {error}");
        }
        let q = noise((new, N_HEAD, HEAD_DIM));
        group.throughput(throughput(new, Cost::attention(N_EMBD, past, new)));
        for (backend, compute) in computes() {
            group.bench_function(BenchmarkId::new(backend, format!("{new} after {past}")), |b| {
                b.iter(|| causal_attention(&compute, black_box(q.view()), &kv, 0.125));
            });
        }
    }
}

/// Criterion calls FLOP elements.
fn throughput(rows: usize, cost: Cost) -> Throughput {
    if rows == 1 { Throughput::Bytes(cost.bytes) } else { Throughput::Elements(cost.flops) }
}

fn short() -> Criterion {
    Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
}

criterion_group! {
    name = benches;
    config = short();
    targets = bench_linear, bench_logits, bench_rowwise, bench_attention
}
criterion_main!(benches);
