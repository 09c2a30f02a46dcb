//! What every engine is asked, in turn.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use gpt2_benches::{Cost, tokens};
use gpt2_weights::Config;
use serde::Serialize;
use serde_json::{Value, json};

use super::agreement::Agreement;
use super::engines::Absent;
use super::process::Process;

/// A prompt, or steps after one.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Task {
    pub(crate) name: &'static str,
    prompt: usize,
    /// Decoded tokens; with none, it is the prompt that is timed.
    steps: usize,
}

/// Of the model of 124 million parameters.
pub(crate) const LARGE: &[Task] = &[
    Task { name: "prefill of 512", prompt: 512, steps: 0 },
    Task { name: "prefill of 1024", prompt: 1024, steps: 0 },
    Task { name: "decode of 64 after 128", prompt: 128, steps: 64 },
    Task { name: "decode of 16 after 900", prompt: 900, steps: 16 },
];

/// Of the embedded model.
pub(crate) const DEMO: &[Task] = &[Task { name: "decode of 128 after 64", prompt: 64, steps: 128 }];

/// Between two requests: until the threads of the engine before have stopped spinning.
const SETTLE: Duration = Duration::from_millis(300);

/// A request is repeated until it has taken this long: what follows a pause is slow for a while.
const LONG_ENOUGH: f64 = 0.25;

/// One model on one number of threads.
#[derive(Debug, Serialize)]
pub(crate) struct Run {
    /// The name of its folder.
    pub(crate) model: String,
    pub(crate) threads: usize,
    pub(crate) engines: Vec<Who>,
    pub(crate) results: Vec<Samples>,
}

/// An engine of a run.
#[derive(Debug, Serialize)]
pub(crate) struct Who {
    pub(crate) key: &'static str,
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) agreement: Agreement,
}

/// The samples of one task.
#[derive(Debug, Serialize)]
pub(crate) struct Samples {
    pub(crate) task: Task,
    /// Tokens per second: of each engine, in each round.
    pub(crate) tokens_per_second: Vec<Vec<f64>>,
    /// Of a decode: what the memory gave in each round, in tokens per second.
    pub(crate) limit: Vec<f64>,
}

pub(crate) fn run(
    running: &mut [Process],
    agreement: Vec<Agreement>,
    model: &Path,
    threads: usize,
    tasks: &'static [Task],
    rounds: usize,
    absent: &mut Vec<Absent>,
) -> Result<Run> {
    let config = Config::from_json(std::fs::read(model.join("config.json"))?, "config.json")?;
    let name = model.file_name().unwrap_or_default().display().to_string();
    let empty = |&task| Samples {
        task,
        tokens_per_second: vec![Vec::new(); running.len()],
        limit: Vec::new(),
    };
    let mut results: Vec<Samples> = tasks.iter().map(empty).collect();
    let mut lost = vec![false; running.len()];
    for round in 0..rounds {
        eprintln!("{name}, {threads} threads: round {} of {rounds}", round + 1);
        for samples in &mut results {
            for turn in 0..running.len() {
                // Another one begins each time, so that none always follows the same.
                let i = (round + turn) % running.len();
                if lost[i] {
                    continue;
                }
                std::thread::sleep(SETTLE);
                match samples.task.ask(&mut running[i], &config) {
                    Ok(rate) => samples.tokens_per_second[i].push(rate),
                    Err(error) if i == 0 => return Err(error.context(running[i].key)),
                    Err(error) => {
                        let error = error.context(samples.task.name);
                        absent.push(Absent::new(running[i].key, &error));
                        lost[i] = true;
                    }
                }
                if i == 0 {
                    samples.limit.extend(samples.task.limit(&mut running[0], &config)?);
                }
            }
        }
    }
    let engines = running.iter().zip(agreement).map(|(process, agreement)| Who {
        key: process.key,
        name: process.name.clone(),
        version: process.version.clone(),
        agreement,
    });
    Ok(Run { model: name, threads, engines: engines.collect(), results })
}

impl Task {
    /// Tokens per second.
    fn ask(self, process: &mut Process, config: &Config) -> Result<f64> {
        let prompt = tokens(self.prompt, config.vocab_size);
        let request = match self.steps {
            0 => json!({ "task": "prefill", "tokens": prompt }),
            n => json!({ "task": "decode", "tokens": prompt, "n": n }),
        };
        let (mut seconds, mut done) = (0.0, 0);
        while seconds < LONG_ENOUGH {
            let took = number(&process.ask(&request)?, "seconds")?;
            ensure!(took > 0.0, "it says that it took {took} s");
            seconds += took;
            done += if self.steps == 0 { self.prompt } else { self.steps };
        }
        Ok(done as f64 / seconds)
    }

    /// The tokens per second at which the weights and the cache can be read, for a decode of a
    /// model that no cache of the CPU holds.
    fn limit(self, ours: &mut Process, config: &Config) -> Result<Option<f64>> {
        const BEYOND_CACHES: u64 = 128 << 20;
        let bytes = Cost::forward(config, self.prompt + self.steps / 2, 1).bytes;
        if self.steps == 0 || bytes < BEYOND_CACHES {
            return Ok(None);
        }
        let reply = ours.ask(&json!({ "task": "bandwidth" }))?;
        Ok(Some(number(&reply, "bytes_per_second")? / bytes as f64))
    }
}

fn number(reply: &Value, field: &str) -> Result<f64> {
    reply[field].as_f64().with_context(|| format!("no {field} in {reply}"))
}
