//! What the machine can do at most: fused multiply-adds in registers, and reads from memory.

use std::hint::black_box;
use std::sync::Barrier;
use std::time::Instant;

use anyhow::{Context, Result};
use gpt2_benches::Cost;
use gpt2_tensor::{Compute, fused_multiply_adds};
use memmap2::MmapMut;
use serde::{Deserialize, Serialize};
use zerocopy::FromBytes;

/// The limits of so many threads.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(crate) struct Limits {
    /// FLOP/s.
    pub(crate) flops: f64,
    /// Bytes per second.
    pub(crate) bytes: f64,
}

impl Limits {
    /// The seconds below which `cost` cannot be had.
    pub(crate) fn seconds(self, cost: Cost) -> f64 {
        (cost.flops as f64 / self.flops).max(cost.bytes as f64 / self.bytes)
    }

    /// Which of the two limits holds `cost`.
    pub(crate) fn bound(self, cost: Cost) -> &'static str {
        if cost.intensity() < self.flops / self.bytes { "memory" } else { "arithmetic" }
    }
}

/// Bytes that one look at the memory reads: as many as the weights of GPT-2 124M, so that what the
/// caches still hold from the last time is the same share.
const SIZE: usize = 512 << 20;

/// Measures the limits, again and again: they drift on a shared machine.
pub(crate) struct Probe {
    compute: Compute,
    memory: Vec<MmapMut>,
}

impl Probe {
    /// On `threads` threads.
    pub(crate) fn new(threads: usize) -> Result<Self> {
        let memory = (0..threads)
            .map(|_| {
                let mut memory = MmapMut::map_anon(SIZE / threads)?;
                #[cfg(target_os = "linux")]
                // Only a wish: fewer misses of the TLB, as the packed weights have it.
                let _ = memory.advise(memmap2::Advice::HugePage);
                memory.fill(1);
                Ok(memory)
            })
            .collect::<Result<_>>()?;
        Ok(Probe { compute: Compute::builder().threads(threads).build()?, memory })
    }

    /// The best of a few tries, about 0.1 s in all.
    pub(crate) fn limits(&self) -> Result<Limits> {
        Ok(Limits { flops: self.flops(), bytes: self.bytes()? })
    }

    /// FLOP/s of the fastest instructions.
    pub(crate) fn flops(&self) -> f64 {
        const ROUNDS: usize = 4_000_000;
        best((0..3).map(|_| {
            let begin = Instant::now();
            let flops = black_box(fused_multiply_adds(&self.compute, black_box(ROUNDS)));
            flops as f64 / begin.elapsed().as_secs_f64()
        }))
    }

    /// Bytes per second, of whichever number of streams per thread reads fastest.
    pub(crate) fn bytes(&self) -> Result<f64> {
        let tries = [self.read::<1>()?, self.read::<2>()?, self.read::<4>()?, self.read::<1>()?];
        Ok(best(tries))
    }

    fn read<const STREAMS: usize>(&self) -> Result<f64> {
        let words = self
            .memory
            .iter()
            .map(|memory| <[u64]>::ref_from_bytes(memory).ok().context("a map is aligned"))
            .collect::<Result<Vec<_>>>()?;
        let start = Barrier::new(words.len());
        let timed = |words| {
            start.wait();
            let begin = Instant::now();
            black_box(sum::<STREAMS>(words));
            (begin, Instant::now())
        };
        let times: Vec<(Instant, Instant)> = std::thread::scope(|scope| {
            let others: Vec<_> =
                words[1..].iter().map(|words| scope.spawn(|| timed(words))).collect();
            let mut times = vec![timed(words[0])];
            times.extend(others.into_iter().filter_map(|thread| thread.join().ok()));
            times
        });
        let begin = times.iter().map(|time| time.0).min().context("no thread")?;
        let end = times.iter().map(|time| time.1).max().context("no thread")?;
        let bytes: usize = words.iter().map(|words| size_of_val(*words)).sum();
        Ok(bytes as f64 / (end - begin).as_secs_f64())
    }
}

/// Reads all words, from `STREAMS` places at a time, a cache line at each.
fn sum<const STREAMS: usize>(words: &[u64]) -> u64 {
    const LINE: usize = 8;
    let (lines, _) = words.as_chunks::<LINE>();
    let part = lines.len() / STREAMS;
    let streams: [&[[u64; LINE]]; STREAMS] =
        std::array::from_fn(|stream| &lines[stream * part..(stream + 1) * part]);
    let mut sums = [0_u64; LINE];
    for i in 0..part {
        for stream in streams {
            for (sum, word) in sums.iter_mut().zip(stream[i]) {
                *sum = sum.wrapping_add(word);
            }
        }
    }
    sums.into_iter().fold(0, u64::wrapping_add)
}

fn best(values: impl IntoIterator<Item = f64>) -> f64 {
    values.into_iter().fold(0.0, f64::max)
}

#[derive(clap::Args)]
pub(crate) struct Args {
    /// How many threads, separated by commas.
    #[arg(long, value_delimiter = ',', default_value = "1,2")]
    threads: Vec<usize>,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    for &threads in &args.threads {
        let Limits { flops, bytes } = Probe::new(threads)?.limits()?;
        println!("{threads} threads: {:.0} GFLOP/s, {:.1} GB/s", flops / 1e9, bytes / 1e9);
    }
    Ok(())
}
