//! The chosen set on every backend and number of threads, as fractions of what the machine can do.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde::Serialize;

use crate::machine::Machine;
use crate::measure::Measured;
use crate::svg;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// How many threads, separated by commas.
    #[arg(long, value_delimiter = ',', default_value = "1,2")]
    threads: Vec<usize>,
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Where roofline.md, .json and .svg go.
    #[arg(long, default_value = "target/bench")]
    out: PathBuf,
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

/// What one program measured.
#[derive(Serialize)]
pub(crate) struct Series {
    /// `native`, `OpenBLAS (SkylakeX)`.
    pub(crate) name: String,
    pub(crate) measured: Measured,
}

#[derive(Serialize)]
struct Report<'a> {
    machine: &'a Machine,
    series: &'a [Series],
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let machine = Machine::detect();
    let mut series = Vec::new();
    for &threads in &args.threads {
        let this = std::env::current_exe().context("where this program is")?;
        series.push(measure(&this, "native".into(), "native", None, threads, args.rounds)?);
        if let Some(openblas) = &args.openblas {
            let cores = [Some(args.core.as_deref()), args.better_core.as_deref().map(Some)];
            for (corrected, core) in cores.into_iter().flatten().enumerate() {
                let name = format!("OpenBLAS ({})", core.unwrap_or("its own choice"));
                let core = core.filter(|_| corrected > 0);
                series.push(measure(openblas, name, "openblas", core, threads, args.rounds)?);
            }
        }
    }
    let text = table(&machine, &series)?;
    std::fs::create_dir_all(&args.out)?;
    let write = |name: &str, text: &str| {
        let file = args.out.join(name);
        std::fs::write(&file, text).with_context(|| file.display().to_string())
    };
    write("roofline.md", &text)?;
    let report = Report { machine: &machine, series: &series };
    write("roofline.json", &serde_json::to_string_pretty(&report)?)?;
    write("roofline.svg", &svg::roofline(&machine, &series)?)?;
    print!("{text}");
    eprintln!("also in {}: roofline.md, roofline.json, roofline.svg", args.out.display());
    Ok(())
}

/// Runs `program measure`: a process of its own, because OpenBLAS chooses its core when it is loaded.
fn measure(
    program: &Path,
    name: String,
    backend: &str,
    core: Option<&str>,
    threads: usize,
    rounds: usize,
) -> Result<Series> {
    let mut command = Command::new(program);
    command.args(["measure", "--backend", backend]);
    command.args(["--threads", &threads.to_string(), "--rounds", &rounds.to_string()]);
    command.envs(core.map(|core| ("OPENBLAS_CORETYPE", core)));
    let output = command.stderr(Stdio::inherit()).output()?;
    ensure!(output.status.success(), "{name} failed: {}", output.status);
    Ok(Series { name, measured: serde_json::from_slice(&output.stdout)? })
}

fn table(machine: &Machine, series: &[Series]) -> Result<String> {
    let mut text = format!("{machine}\n");
    let mut threads: Vec<usize> = series.iter().map(|series| series.measured.threads).collect();
    threads.dedup();
    for threads in threads {
        let series: Vec<&Series> =
            series.iter().filter(|series| series.measured.threads == threads).collect();
        let limits = series[0].measured.limits;
        writeln!(
            text,
            "\n{threads} thread{}: fused multiply-adds {:.0} GFLOP/s, reads {:.1} GB/s\n",
            if threads == 1 { "" } else { "s" },
            limits.flops / 1e9,
            limits.bytes / 1e9
        )?;
        write!(text, "| GPT-2 124M, f32 | limit |")?;
        for series in &series {
            write!(text, " {} | of the limit |", series.name)?;
        }
        writeln!(text, "\n| --- | --- |{}", " ---: | ---: |".repeat(series.len()))?;
        for (i, first) in series[0].measured.results.iter().enumerate() {
            write!(text, "| {} | {} |", first.name, first.bound)?;
            for series in &series {
                let outcome = &series.measured.results[i];
                let rate = match outcome.bound.as_str() {
                    "memory" => {
                        format!("{:.1} GB/s", outcome.bytes as f64 / outcome.seconds / 1e9)
                    }
                    _ => format!("{:.0} GFLOP/s", outcome.flops as f64 / outcome.seconds / 1e9),
                };
                let rate = format!("{} ({rate})", milliseconds(outcome.seconds));
                write!(text, " {rate} | {:.0}% |", 100.0 * outcome.fraction)?;
            }
            writeln!(text)?;
        }
    }
    Ok(text)
}

fn milliseconds(seconds: f64) -> String {
    match seconds * 1e3 {
        ms if ms < 10.0 => format!("{ms:.2} ms"),
        ms if ms < 100.0 => format!("{ms:.1} ms"),
        ms => format!("{ms:.0} ms"),
    }
}
