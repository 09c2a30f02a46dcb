//! Loading, prefill and decode of the embedded model.

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use gpt2_benches::computes;
use gpt2_model::Gpt2;
use gpt2_weights::Gpt2Weights;

fn weights() -> Gpt2Weights {
    Gpt2Weights::from_bytes(gpt2_demo::CONFIG_JSON.as_bytes(), gpt2_demo::MODEL_SAFETENSORS)
        .expect("the embedded model is valid")
}

/// Some tokens of the vocabulary; which ones does not matter to the time.
fn tokens(n: usize) -> Vec<u32> {
    (0..n as u32).map(|i| (i * 37 + 11) % 1000).collect()
}

/// From checked weights to a model ready to run.
fn bench_load(c: &mut Criterion) {
    let weights = weights();
    let mut group = c.benchmark_group("load");
    group.throughput(Throughput::Bytes(gpt2_demo::MODEL_SAFETENSORS.len() as u64));
    for (backend, compute) in computes() {
        group.bench_function(backend, |b| {
            b.iter(|| Gpt2::with_compute(&weights, compute.clone()));
        });
    }
}

/// A prompt at once, in tokens per second.
fn bench_prefill(c: &mut Criterion) {
    let weights = weights();
    let mut group = c.benchmark_group("prefill");
    for (backend, compute) in computes() {
        let model = Gpt2::with_compute(&weights, compute).expect("the embedded model is valid");
        for n in [1, 16, 128, 256] {
            let prompt = tokens(n);
            group.throughput(Throughput::Elements(n as u64));
            group.bench_function(BenchmarkId::new(backend, n), |b| {
                b.iter_batched_ref(
                    || model.new_cache(),
                    |cache| model.next_logits(&prompt, cache, &mut ()),
                    BatchSize::LargeInput,
                );
            });
        }
    }
}

/// One token after a past, in tokens per second.
fn bench_decode(c: &mut Criterion) {
    let weights = weights();
    let mut group = c.benchmark_group("decode");
    group.throughput(Throughput::Elements(1));
    for (backend, compute) in computes() {
        let model = Gpt2::with_compute(&weights, compute).expect("the embedded model is valid");
        for past in [16, 128, 250] {
            let mut cache = model.new_cache();
            model.next_logits(&tokens(past), &mut cache, &mut ()).expect("the prompt fits");
            group.bench_function(BenchmarkId::new(backend, past), |b| {
                b.iter(|| {
                    cache.truncate(past);
                    model.next_logits(&[42], &mut cache, &mut ())
                });
            });
        }
    }
}

criterion_group!(benches, bench_load, bench_prefill, bench_decode);
criterion_main!(benches);
