use std::fmt::Write as _;

use anyhow::{Context, Result};
use serde::Serialize;

use super::engines::Absent;
use super::starts::Starts;
use super::tasks::{Run, Samples};
use crate::machine::Machine;
use crate::stats::{median, paired_ratio};

/// Everything that was measured.
#[derive(Serialize)]
pub(crate) struct Report {
    machine: Machine,
    rounds: usize,
    pub(crate) absent: Vec<Absent>,
    pub(crate) runs: Vec<Run>,
    pub(crate) starts: Vec<Starts>,
}

impl Report {
    pub(crate) fn new(machine: Machine, rounds: usize, absent: Vec<Absent>) -> Self {
        Report { machine, rounds, absent, runs: Vec::new(), starts: Vec::new() }
    }

    /// The tables, with how they came about.
    pub(crate) fn markdown(&self) -> Result<String> {
        let mut text = format!("{}\n\n", self.machine);
        writeln!(
            text,
            "Tokens per second, batch 1, f32: medians of {} rounds, all engines in turn. In brackets \
             how many times faster ours is, the median of the ratios within a round.",
            self.rounds
        )?;
        for run in &self.runs {
            let starts = self.starts.iter().find(|starts| starts.threads == run.threads);
            let starts = starts.filter(|_| run.model != "demo");
            let s = if run.threads == 1 { "" } else { "s" };
            writeln!(text, "\n{}, {} thread{s}:\n", title(&run.model), run.threads)?;
            table(&mut text, run, starts)?;
        }
        self.footnotes(&mut text)?;
        Ok(text)
    }

    fn footnotes(&self, text: &mut String) -> Result<()> {
        let first = self.runs.first().context("nothing was measured")?;
        writeln!(
            text,
            "\nVersions, and how far the logits are from ours (relative to the largest):"
        )?;
        writeln!(text)?;
        for who in &first.engines {
            let apart = self.runs.iter().flat_map(|run| &run.engines).filter(|x| x.key == who.key);
            let apart: Vec<_> = apart.map(|who| &who.agreement).collect();
            let logits = apart.iter().map(|x| x.logits).fold(0.0, f64::max);
            let same: usize = apart.iter().map(|x| x.tokens).sum();
            let of: usize = apart.iter().map(|x| x.of).sum();
            writeln!(
                text,
                "- {} {}: {logits:.0e}, {same} of {of} greedy tokens the same",
                who.name, who.version
            )?;
        }
        for absent in &self.absent {
            writeln!(text, "- {} is absent: {}", absent.name, absent.reason)?;
        }
        Ok(())
    }
}

fn title(model: &str) -> String {
    match model {
        "demo" => "The embedded model of 1.1 million parameters".to_owned(),
        other => format!("GPT-2 {}", other.to_uppercase()),
    }
}

fn table(text: &mut String, run: &Run, starts: Option<&Starts>) -> Result<()> {
    write!(text, "| engine |")?;
    for samples in &run.results {
        write!(text, " {} |", samples.task.name)?;
    }
    if starts.is_some() {
        write!(text, " start to first token | peak memory |")?;
    }
    let columns = run.results.len() + if starts.is_some() { 2 } else { 0 };
    writeln!(text, "\n| --- |{}", " ---: |".repeat(columns))?;
    for (i, who) in run.engines.iter().enumerate() {
        write!(text, "| {} |", who.name)?;
        for samples in &run.results {
            write!(text, " {} |", rate(samples, i))?;
        }
        if let Some(starts) = starts {
            write!(text, "{}", start(starts, who.key))?;
        }
        writeln!(text)?;
    }
    if run.results.iter().any(|samples| !samples.limit.is_empty()) {
        write!(text, "| limit: reading weights and cache once a token |")?;
        for samples in &run.results {
            write!(text, " {} |", limit(samples))?;
        }
        writeln!(text, "{}", if starts.is_some() { " | |" } else { "" })?;
    }
    Ok(())
}

fn rate(samples: &Samples, i: usize) -> String {
    let (ours, theirs) = (&samples.tokens_per_second[0], &samples.tokens_per_second[i]);
    if theirs.len() < ours.len() {
        return "–".to_owned();
    }
    let rate = digits(median(theirs.iter().copied()));
    if i == 0 { rate } else { format!("{rate} ({:.2} x)", paired_ratio(ours, theirs)) }
}

fn limit(samples: &Samples) -> String {
    if samples.limit.is_empty() {
        return String::new();
    }
    let share = paired_ratio(&samples.tokens_per_second[0], &samples.limit);
    format!(
        "{} (ours has {:.0}% of it)",
        digits(median(samples.limit.iter().copied())),
        100.0 * share
    )
}

fn start(starts: &Starts, key: &str) -> String {
    let Some(i) = starts.engines.iter().position(|&engine| engine == key) else {
        return " | |".to_owned();
    };
    let seconds = median(starts.seconds[i].iter().copied());
    let memory = starts.peak_bytes[i].map_or_else(String::new, |bytes| {
        let share = bytes as f64 / starts.weight_bytes as f64;
        format!("{:.0} MB ({share:.2} x weights)", bytes as f64 / 1e6)
    });
    format!(" {seconds:.2} s | {memory} |")
}

fn digits(rate: f64) -> String {
    if rate < 100.0 { format!("{rate:.1}") } else { format!("{rate:.0}") }
}
