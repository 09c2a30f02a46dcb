//! Other engines and this one, in turn, on the same weights.

mod agreement;
mod engines;
mod process;
mod report;
mod starts;
mod tasks;
mod venv;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use gpt2_benches::synthetic;
use gpt2_weights::Dtype;

use crate::machine::Machine;
use engines::{Absent, Engine};
use report::Report;
use tasks::{Run, Task};

#[derive(Clone, clap::Args)]
pub(crate) struct Args {
    /// How many threads, separated by commas.
    #[arg(long, value_delimiter = ',', default_value = "1,2")]
    threads: Vec<usize>,
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Where peers.md and peers.json go; environments and converted models beside them.
    #[arg(long, default_value = "target/bench")]
    out: PathBuf,
    /// The folder benches/peers.
    #[arg(long, default_value = "benches/peers")]
    scripts: PathBuf,
    /// A virtual environment that has the engines, instead of making some.
    #[arg(long)]
    venv: Option<PathBuf>,
    /// Only these engines, separated by commas: `openblas`, `candle`, or the name of a file
    /// `benches/peers/NAME_engine.py`.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// This program, built with OpenBLAS.
    #[arg(long)]
    openblas: Option<PathBuf>,
    /// The core that OpenBLAS takes this CPU for.
    #[arg(long)]
    core: Option<String>,
    /// The core that it should take it for.
    #[arg(long)]
    better_core: Option<String>,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    ensure!(args.rounds > 0, "nothing to do");
    let mut args = args.clone();
    args.out = std::path::absolute(args.out)?;
    args.scripts = std::path::absolute(args.scripts)?;
    args.venv = args.venv.map(std::path::absolute).transpose()?;
    let work = args.out.join("peers");
    let large = work.join("124m");
    if !large.join("model.safetensors").exists() {
        eprintln!("writing a GPT-2 of 124 million parameters to {}", large.display());
        synthetic().save(&large, Dtype::F32, 1)?;
    }
    let demo = work.join("demo");
    save_demo(&demo)?;

    let (mut engines, absent) = engines::prepare(&args, &work, &[&large, &demo])?;
    let mut report = Report::new(Machine::detect(), args.rounds, absent);
    for &threads in &args.threads {
        report.runs.push(measure(
            &mut engines,
            &large,
            threads,
            tasks::LARGE,
            &mut report.absent,
            args.rounds,
        )?);
        report.starts.push(starts::measure(&engines, &large, threads, args.rounds)?);
        report.runs.push(measure(
            &mut engines,
            &demo,
            threads,
            tasks::DEMO,
            &mut report.absent,
            args.rounds,
        )?);
        // A long run that is ended early leaves what it has.
        save(&report, &args.out)?;
    }
    print!("{}", report.markdown()?);
    eprintln!("also in {}: peers.md, peers.json", args.out.display());
    Ok(())
}

impl Args {
    /// Whether the engine of this name is asked for.
    fn wants(&self, key: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == key)
    }
}

fn save(report: &Report, out: &Path) -> Result<()> {
    std::fs::write(out.join("peers.md"), report.markdown()?)?;
    std::fs::write(out.join("peers.json"), serde_json::to_string_pretty(report)?)?;
    Ok(())
}

/// The embedded model as files, left alone if they are there: what is converted stays valid.
fn save_demo(directory: &Path) -> Result<()> {
    std::fs::create_dir_all(directory).with_context(|| directory.display().to_string())?;
    let files = [
        ("config.json", gpt2_demo::CONFIG_JSON.as_bytes()),
        ("model.safetensors", gpt2_demo::MODEL_SAFETENSORS),
    ];
    for (name, bytes) in files {
        let file = directory.join(name);
        if !std::fs::read(&file).is_ok_and(|is| is == bytes) {
            std::fs::write(file, bytes)?;
        }
    }
    Ok(())
}

/// All engines of one number of threads, loaded at the same time, asked in turn. One that does not
/// start is absent from then on.
fn measure(
    engines: &mut Vec<Engine>,
    model: &Path,
    threads: usize,
    tasks: &'static [Task],
    absent: &mut Vec<Absent>,
    rounds: usize,
) -> Result<Run> {
    let vocab_size = agreement::vocab_size(model)?;
    let mut running = Vec::new();
    let mut answers = Vec::new();
    let mut failed = Vec::new();
    for engine in engines.iter() {
        eprintln!("{}: loading, {threads} threads", engine.key);
        let started = engine.start(model, threads).and_then(|mut process| {
            answers.push(agreement::ask(&mut process, vocab_size)?);
            Ok(process)
        });
        match started {
            Ok(process) => running.push(process),
            Err(error) => failed.push(Absent::new(engine.key, &error)),
        }
    }
    engines.retain(|engine| failed.iter().all(|absent| absent.name != engine.key));
    absent.extend(failed);
    ensure!(
        engines.first().is_some_and(Engine::is_ours),
        "this program's own engine does not start"
    );
    let agreement = answers.iter().map(|answer| agreement::compare(&answers[0], answer)).collect();
    tasks::run(&mut running, agreement, model, threads, tasks, rounds, absent)
}
