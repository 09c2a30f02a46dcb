//! Loading, a block, prefill and decode: of GPT-2 124M with made-up weights, and of the embedded
//! model.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use gpt2_benches::{Cost, computes, demo, noise, synthetic, tokens};
use gpt2_model::{Block, Gpt2};
use gpt2_tensor::KeyValues;
use gpt2_weights::Gpt2Weights;

/// What is measured of a model: prompts, and positions to decode at.
struct Subject {
    name: &'static str,
    weights: Gpt2Weights,
    prefill: &'static [usize],
    decode: &'static [usize],
}

fn subjects() -> [Subject; 2] {
    [
        Subject {
            name: "124M",
            weights: synthetic().weights().expect("the made-up weights are valid"),
            prefill: &[1, 16, 128, 512, 1024],
            decode: &[16, 128, 900],
        },
        Subject {
            name: "demo",
            weights: demo().expect("the embedded model is valid"),
            prefill: &[1, 16, 128, 256],
            decode: &[16, 128, 250],
        },
    ]
}

fn bench_models(c: &mut Criterion) {
    for subject in subjects() {
        bench_load(c, &subject);
        bench_block(c, &subject);
        for (backend, compute) in computes() {
            let model = Gpt2::with_compute(&subject.weights, compute).expect("the model is valid");
            bench_prefill(c, &subject, backend, &model);
            bench_decode(c, &subject, backend, &model);
        }
    }
}

/// From checked weights to a model ready to run, in bytes of weights.
fn bench_load(c: &mut Criterion, subject: &Subject) {
    let mut group = c.benchmark_group(format!("load/{}", subject.name));
    let bytes = Cost::forward(subject.weights.config(), 0, 1).bytes;
    group.throughput(Throughput::Bytes(bytes));
    for (backend, compute) in computes() {
        group.bench_function(backend, |b| {
            b.iter(|| Gpt2::with_compute(&subject.weights, compute.clone()));
        });
    }
}

/// The first block, as FLOP/s.
fn bench_block(c: &mut Criterion, subject: &Subject) {
    let config = subject.weights.config();
    let mut group = c.benchmark_group(format!("block/{}", subject.name));
    for (backend, compute) in computes() {
        let params = subject.weights.block(0).expect("there is a block");
        let block = Block::new(&compute, params, config, 0).expect("the block is valid");
        for rows in [1, 16, 128] {
            let x = noise((rows, config.n_embd));
            let mut kv = KeyValues::new(config.n_head, config.head_dim(), rows);
            group.throughput(Throughput::Elements(Cost::block(config, 0, rows).flops));
            group.bench_function(BenchmarkId::new(backend, rows), |b| {
                b.iter(|| {
                    kv.truncate(0);
                    block.forward(&compute, black_box(x.view()), &mut kv, &mut ())
                });
            });
        }
    }
}

/// A prompt at once, as FLOP/s.
fn bench_prefill(c: &mut Criterion, subject: &Subject, backend: &str, model: &Gpt2) {
    let mut group = c.benchmark_group(format!("prefill/{}", subject.name));
    let config = model.config();
    let mut cache = model.new_cache();
    for &n in subject.prefill {
        let prompt = tokens(n, config.vocab_size);
        group.throughput(Throughput::Elements(Cost::forward(config, 0, n).flops));
        group.bench_function(BenchmarkId::new(backend, n), |b| {
            b.iter(|| {
                cache.truncate(0);
                model.next_logits(&prompt, &mut cache, &mut ())
            });
        });
    }
}

/// One token after a past, as bytes/s.
fn bench_decode(c: &mut Criterion, subject: &Subject, backend: &str, model: &Gpt2) {
    let mut group = c.benchmark_group(format!("decode/{}", subject.name));
    let config = model.config();
    for &past in subject.decode {
        let mut cache = model.new_cache();
        let prompt = tokens(past, config.vocab_size);
        model.next_logits(&prompt, &mut cache, &mut ()).expect("the prompt fits");
        group.throughput(Throughput::Bytes(Cost::forward(config, past, 1).bytes));
        group.bench_function(BenchmarkId::new(backend, past), |b| {
            b.iter(|| {
                cache.truncate(past);
                model.next_logits(&[42], &mut cache, &mut ())
            });
        });
    }
}

fn short() -> Criterion {
    Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
}

criterion_group! {
    name = benches;
    config = short();
    targets = bench_models
}
criterion_main!(benches);
