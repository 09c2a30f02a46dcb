//! The chosen set, on one backend and one number of threads.

use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use gpt2_benches::{Cost, noise, synthetic, tokens};
use gpt2_model::{Gpt2, KvCache};
use gpt2_tensor::{Backend, Compute, KeyValues, Weight, causal_attention, linear};
use gpt2_weights::Config;
use serde::{Deserialize, Serialize};

use crate::limits::{Limits, Probe};
use crate::stats::median;

#[derive(clap::Args)]
pub(crate) struct Args {
    #[arg(long, default_value = "native")]
    backend: String,
    #[arg(long, default_value_t = 1)]
    threads: usize,
    #[arg(long, default_value_t = 5)]
    rounds: usize,
}

/// Before the limits are measured: until the threads of OpenBLAS have stopped spinning.
const SETTLE: Duration = Duration::from_millis(150);

/// What `measure` prints.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Measured {
    pub(crate) backend: String,
    pub(crate) threads: usize,
    pub(crate) limits: Limits,
    pub(crate) results: Vec<Outcome>,
}

/// One of the chosen set.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Outcome {
    pub(crate) name: String,
    pub(crate) flops: u64,
    pub(crate) bytes: u64,
    /// Median over the rounds.
    pub(crate) seconds: f64,
    /// The median of limit over time, each measured in the same round.
    pub(crate) fraction: f64,
    /// `memory` or `arithmetic`.
    pub(crate) bound: String,
}

struct Case<'a> {
    name: String,
    cost: Cost,
    run: Box<dyn FnMut() -> Result<()> + 'a>,
}

/// The backend called `name`, if this build has it.
pub(crate) fn backend(name: &str) -> Result<Backend> {
    let mut all = Backend::ALL.iter().copied();
    all.find(|backend| backend.name() == name).with_context(|| format!("no backend {name}"))
}

pub(crate) fn run(args: &Args) -> Result<()> {
    ensure!(args.rounds > 0 && args.threads > 0, "nothing to do");
    let compute =
        Compute::builder().backend(backend(&args.backend)?).threads(args.threads).build()?;
    let probe = Probe::new(args.threads)?;
    let model = Gpt2::with_compute(&synthetic().weights()?, compute.clone())?;
    let mut cases = operations(&compute)?;
    cases.extend(model_cases(&model)?);
    for case in &mut cases {
        (case.run)()?;
    }
    let mut seconds = vec![Vec::new(); cases.len()];
    let mut limits = vec![Vec::new(); cases.len()];
    for round in 0..args.rounds {
        eprintln!(
            "{}, {} threads: round {} of {}",
            args.backend,
            args.threads,
            round + 1,
            args.rounds
        );
        for (i, case) in cases.iter_mut().enumerate() {
            std::thread::sleep(SETTLE);
            limits[i].push(probe.limits()?);
            seconds[i].push(time(&mut case.run)?);
        }
    }
    let all = || limits.iter().flatten();
    let limits_now = Limits {
        flops: median(all().map(|limits| limits.flops)),
        bytes: median(all().map(|limits| limits.bytes)),
    };
    let results = cases
        .iter()
        .zip(seconds.iter().zip(&limits))
        .map(|(case, (seconds, limits))| {
            let fractions = seconds.iter().zip(limits).map(|(s, l)| l.seconds(case.cost) / s);
            Outcome {
                name: case.name.clone(),
                flops: case.cost.flops,
                bytes: case.cost.bytes,
                seconds: median(seconds.iter().copied()),
                fraction: median(fractions),
                bound: limits_now.bound(case.cost).to_owned(),
            }
        })
        .collect();
    let measured = Measured {
        backend: args.backend.clone(),
        threads: args.threads,
        limits: limits_now,
        results,
    };
    println!("{}", serde_json::to_string(&measured)?);
    Ok(())
}

/// Seconds of one call: the mean of as many as fit in a fifth of a second.
fn time(run: &mut dyn FnMut() -> Result<()>) -> Result<f64> {
    let begin = Instant::now();
    let mut calls = 0;
    while calls == 0 || begin.elapsed() < Duration::from_millis(200) {
        run()?;
        calls += 1;
    }
    Ok(begin.elapsed().as_secs_f64() / f64::from(calls))
}

/// The products of a prefill of 512, and attention alone.
fn operations(compute: &Compute) -> Result<Vec<Case<'static>>> {
    const ROWS: usize = 512;
    let Config { n_embd, n_inner, n_head, .. } = Config::default();
    let mut cases = Vec::new();
    for (name, n_in, n_out) in [("c_fc", n_embd, n_inner), ("mlp.c_proj", n_inner, n_embd)] {
        let (x, bias) = (noise((ROWS, n_in)), noise(n_out));
        let weight = Weight::new(compute, noise((n_in, n_out)).view());
        let compute = compute.clone();
        cases.push(Case {
            name: format!("{name}, {ROWS} rows"),
            cost: Cost::linear(ROWS, n_in, n_out),
            run: Box::new(move || {
                black_box(linear(&compute, black_box(x.view()), &weight, bias.view())?);
                Ok(())
            }),
        });
    }
    let shape = (ROWS, n_head, n_embd / n_head);
    let mut kv = KeyValues::new(n_head, shape.2, ROWS);
    kv.append(compute, noise(shape).view(), noise(shape).view())?;
    let (q, compute) = (noise(shape), compute.clone());
    cases.push(Case {
        name: format!("attention, {ROWS} rows"),
        cost: Cost::attention(n_embd, 0, ROWS),
        run: Box::new(move || {
            black_box(causal_attention(&compute, black_box(q.view()), &kv, 0.125)?);
            Ok(())
        }),
    });
    Ok(cases)
}

/// Prefill and decode.
fn model_cases(model: &Gpt2) -> Result<Vec<Case<'_>>> {
    let case = |name: String, past: usize, new: usize| -> Result<Case<'_>> {
        let vocab_size = model.config().vocab_size;
        let mut cache: KvCache = model.new_cache();
        if past > 0 {
            model.next_logits(&tokens(past, vocab_size), &mut cache, &mut ())?;
        }
        let new = tokens(new, vocab_size);
        Ok(Case {
            name,
            cost: Cost::forward(model.config(), past, new.len()),
            run: Box::new(move || {
                cache.truncate(past);
                black_box(model.next_logits(&new, &mut cache, &mut ())?);
                Ok(())
            }),
        })
    };
    let prefill = [16, 128, 512, 1024].map(|n| case(format!("prefill of {n}"), 0, n));
    let decode = [16, 128, 900].map(|past| case(format!("decode after {past}"), past, 1));
    prefill.into_iter().chain(decode).collect()
}
