//! The same weights and tokens give the same bits, whatever the way they are computed.

use gpt2_model::{Gpt2, KvCache, Sequence, greedy};
use gpt2_tensor::{Compute, Isa};
use gpt2_tests::{demo_model, demo_run, demo_weights};
use gpt2_trace::{Recorder, Tensor, Trace, record};
use ndarray::{Array2, Axis, concatenate};

/// A prompt of `n` tokens: the beginning of the text that fills the context.
fn prompt(n: usize) -> Vec<u32> {
    let mut ids = demo_run("full_context").0.f32.ids().expect("ids");
    ids.truncate(n);
    assert_eq!(ids.len(), n);
    ids
}

fn bits(array: &Array2<f32>) -> Vec<u32> {
    array.iter().map(|x| x.to_bits()).collect()
}

/// Every number that the cache holds.
fn cache_bits(cache: &KvCache) -> Vec<u32> {
    let layers = (0..).map_while(|block| cache.layer(block));
    let values = layers.flat_map(|kv| kv.keys().into_iter().chain(kv.values()));
    values.map(f32::to_bits).collect()
}

fn assert_same(a: &Trace, b: &Trace, what: &str) {
    assert!(a.tensors.keys().eq(b.tensors.keys()), "{what}: other tensors");
    for (name, x) in &a.tensors {
        let bits = |tensor: &Tensor| tensor.values().map(f64::to_bits).collect::<Vec<_>>();
        assert_eq!(x.shape(), b.tensors[name].shape(), "{what}: {name}");
        assert!(bits(x) == bits(&b.tensors[name]), "{what}: {name} has other bits");
    }
}

/// Every tap of a prompt of 37 tokens and of 5 decoded ones.
fn whole_trace(model: &Gpt2) -> Trace {
    record(model, &prompt(37), 5, Recorder::all()).expect("it fits")
}

fn built(compute: Compute) -> Gpt2 {
    Gpt2::with_compute(demo_weights(), compute).expect("the demo is a model")
}

#[test]
fn three_runs() {
    let first = whole_trace(&built(Compute::default()));
    assert!(first.tensors.len() > 300, "only {} tensors", first.tensors.len());
    for run in 2..=3 {
        assert_same(&whole_trace(&built(Compute::default())), &first, &format!("run {run}"));
    }
    // And the same model again, with whatever it kept in memory.
    let model = built(Compute::default());
    for run in 4..=6 {
        assert_same(&whole_trace(&model), &first, &format!("run {run}"));
    }
}

#[test]
fn any_number_of_threads() {
    let one = whole_trace(&built(Compute::builder().threads(1).build().expect("one thread")));
    for threads in [2, 3, 4, 8] {
        let compute = Compute::builder().threads(threads).build().expect("threads");
        assert_eq!(compute.threads(), threads);
        assert_same(&whole_trace(&built(compute)), &one, &format!("{threads} threads"));
    }
}

/// Those that this CPU has; the one asked for is the one that runs.
#[test]
fn every_instruction_set() {
    let compute = |isa| Compute::builder().isa(isa).threads(2).build();
    let fastest = whole_trace(&built(compute(Isa::detect()).expect("it was detected")));
    for isa in Isa::available() {
        let compute = compute(isa).expect("the CPU has it");
        assert_same(&whole_trace(&built(compute.clone())), &fastest, isa.name());
        for other in Isa::ALL {
            assert_eq!(compute.kernels_run(*other) > 0, *other == isa, "{isa:?}: {other:?}");
        }
    }
    for isa in Isa::ALL.iter().filter(|isa| !isa.is_available()) {
        let why = "this CPU lacks it";
        gpt2_tests::skipped(&format!("determinism::every_instruction_set {}", isa.name()), why);
    }
}

/// The logits of every position and the cache, from a prompt fed in chunks of these lengths.
fn in_chunks(model: &Gpt2, ids: &[u32], chunk: usize) -> (Array2<f32>, KvCache) {
    let mut cache = model.new_cache();
    let parts: Vec<_> = ids
        .chunks(chunk)
        .map(|chunk| model.forward(chunk, &mut cache, &mut ()).expect("it fits"))
        .collect();
    let views: Vec<_> = parts.iter().map(|part| part.view()).collect();
    (concatenate(Axis(0), &views).expect("the same vocabulary"), cache)
}

/// A prompt at once, in pieces, and token by token: logits and cache have the same bits.
#[test]
fn any_chunks() {
    let (model, ids) = (demo_model(), prompt(100));
    let (whole, cache) = in_chunks(model, &ids, ids.len());
    for chunk in [1, 2, 7, 16, 33, 64, 99] {
        let (logits, other) = in_chunks(model, &ids, chunk);
        assert!(bits(&logits) == bits(&whole), "logits in chunks of {chunk}");
        assert!(cache_bits(&other) == cache_bits(&cache), "cache in chunks of {chunk}");
    }
}

/// Up to the last position that there is.
#[test]
fn any_chunks_of_a_full_context() {
    let model = demo_model();
    let ids = prompt(model.config().n_positions);
    let (whole, cache) = in_chunks(model, &ids, ids.len());
    let (logits, other) = in_chunks(model, &ids, 50);
    assert!(bits(&logits) == bits(&whole));
    assert!(cache_bits(&other) == cache_bits(&cache));
}

/// Decoding through the cache chooses from the same bits as running the whole text again each time.
#[test]
fn with_the_cache_or_without() {
    let (model, mut ids) = (demo_model(), prompt(20));
    let mut cache = model.new_cache();
    let mut cached = model.next_logits(&ids, &mut cache, &mut ()).expect("it fits");
    for step in 0..30 {
        let uncached = model.forward(&ids, &mut model.new_cache(), &mut ()).expect("it fits");
        let last = uncached.row(ids.len() - 1);
        let same = cached.iter().map(|x| x.to_bits()).eq(last.iter().map(|x| x.to_bits()));
        assert!(same, "step {step}");
        let token = greedy(cached.view()).expect("a token");
        ids.push(token);
        cached = model.next_logits(&[token], &mut cache, &mut ()).expect("it fits");
    }
}

/// Sequences of several lengths at once give each the bits that it gives alone.
#[test]
fn any_batch() {
    let model = demo_model();
    let prompts = [prompt(1), prompt(40), prompt(9)[4..].to_vec(), prompt(17)];
    let mut caches: Vec<_> = prompts.iter().map(|_| model.new_cache()).collect();
    let mut batch: Vec<_> = prompts
        .iter()
        .zip(&mut caches)
        .map(|(ids, cache)| Sequence { tokens: ids, cache })
        .collect();
    let together = model.next_logits_batch(&mut batch).expect("it fits");
    for (i, ids) in prompts.iter().enumerate() {
        let mut cache = model.new_cache();
        let alone = model.next_logits(ids, &mut cache, &mut ()).expect("it fits");
        let same =
            together.row(i).iter().map(|x| x.to_bits()).eq(alone.iter().map(|x| x.to_bits()));
        assert!(same, "sequence {i}");
        assert!(cache_bits(&caches[i]) == cache_bits(&cache), "the cache of sequence {i}");
    }
}

/// A cache cut back is the cache of the shorter text.
#[test]
fn after_truncation() {
    let (model, ids) = (demo_model(), prompt(30));
    let (_, mut cache) = in_chunks(model, &ids, 30);
    cache.truncate(12);
    assert_eq!(cache.len(), 12);
    let again = model.forward(&ids[12..], &mut cache, &mut ()).expect("it fits");
    let (whole, fresh) = in_chunks(model, &ids, 30);
    assert!(bits(&again) == bits(&whole.slice(ndarray::s![12.., ..]).to_owned()));
    assert!(cache_bits(&cache) == cache_bits(&fresh));
}

/// Recording does not change what is computed.
#[test]
fn watched_or_not() {
    let (model, ids) = (demo_model(), prompt(37));
    let trace = whole_trace(model);
    let (logits, _) = in_chunks(model, &ids, ids.len());
    let recorded = gpt2_tests::activations(&trace, "logits");
    assert!(recorded.iter().map(|x| x.to_bits()).eq(logits.iter().map(|x| x.to_bits())));
}
