use std::fmt::Write;

use super::Report;
use super::report::Subject;
use super::text::{fed, made_by, number, thousands, verdict, why};
use crate::report::Verdict;
use crate::{Comparison, Determinism, NegativeControls, Validation};

/// How many failing tensors are listed.
const SHOWN: usize = 10;

/// Markdown for a pull request: the verdict, where two traces part, a row for each checkpoint, the first
/// failures, and what was run on what, folded away.
pub fn markdown<'a>(report: impl Into<Report<'a>>) -> String {
    let report = &report.into();
    let mut text = format!(
        "## {} {}: {}\n\n",
        if report.verdict == Verdict::Pass { "✅" } else { "❌" },
        verdict(report.verdict),
        code(&report.name),
    );
    text += &report.sentence;
    text += "\n\n";
    if let Subject::Comparison(it) = report.subject {
        parting(&mut text, it);
    }
    table(&mut text, report);
    if let Subject::Validation(it) = report.subject {
        let lines = [
            it.determinism.as_ref().map(Determinism::line),
            it.negative_controls.as_ref().map(NegativeControls::line),
        ];
        for line in lines.into_iter().flatten() {
            // Writing to a String does not fail.
            let _ = writeln!(text, "- {line}");
        }
    }
    failures(&mut text, report);
    text += match report.subject {
        Subject::Validation(_) => "\n<details><summary>What was run on what</summary>\n\n",
        Subject::Comparison(_) => "\n<details><summary>What was compared</summary>\n\n",
    };
    match report.subject {
        Subject::Validation(it) => environment(&mut text, it),
        Subject::Comparison(it) => judged(&mut text, it),
    }
    references(&mut text, report);
    text + "\n</details>\n"
}

/// Where two traces part, and why.
fn parting(text: &mut String, comparison: &Comparison) {
    for (title, what) in comparison.parting() {
        let _ = writeln!(text, "- **{title}**: {}", code(&what));
    }
    if comparison.divergence.is_some() {
        text.push('\n');
    }
}

fn table(text: &mut String, report: &Report<'_>) {
    let _ = writeln!(
        text,
        "| | checkpoint | compared | max diff | allowed | our error to f64 | {}'s |",
        report.against
    );
    *text += "| --- | --- | ---: | ---: | ---: | ---: | ---: |\n";
    for row in report.checkpoints {
        let summary = &row.summary;
        let mark = match row.verdict {
            Verdict::Pass => "✅",
            Verdict::Fail => "❌",
            Verdict::NotCompared => "–",
        };
        let name = row.number.map_or(row.title.clone(), |n| format!("{n} {}", row.title));
        let truth = |get: fn(&gpt2_trace::Truth) -> f64| {
            summary.truth.as_ref().map_or("–".to_owned(), |truth| number(get(truth)))
        };
        let nearest = summary.nearest_to_failing.as_ref();
        let _ = writeln!(
            text,
            "| {mark} | {name} | {}/{} | {} | {} | {} | {} |",
            summary.compared,
            summary.expected,
            nearest.map_or("–".to_owned(), |nearest| number(nearest.max_abs)),
            nearest.map_or("–".to_owned(), |nearest| number(nearest.allowed)),
            truth(|truth| truth.ours_rms),
            truth(|truth| truth.reference_rms),
        );
    }
    text.push('\n');
}

fn failures(text: &mut String, report: &Report<'_>) {
    let failing: Vec<String> = report
        .cases
        .iter()
        .flat_map(|case| {
            let failing = case.entries.iter().filter(|entry| !entry.passes());
            failing.map(|entry| format!("{}: {}", case.name, why(entry)))
        })
        .collect();
    for (title, list) in [("Problems", &report.problems), ("Failing tensors", &failing)] {
        if list.is_empty() {
            continue;
        }
        let _ = writeln!(text, "\n### {title}: {}\n", list.len());
        for item in list.iter().take(SHOWN) {
            let _ = writeln!(text, "- {}", code(item));
        }
        if list.len() > SHOWN {
            let _ = writeln!(text, "- and {} more", list.len() - SHOWN);
        }
    }
}

fn environment(text: &mut String, validation: &Validation) {
    let it = &validation.environment;
    let _ = writeln!(
        text,
        "- model {}: {} parameters, SHA-256 `{}`\n\
         - {} ({}), {} backend, {} on {} threads\n\
         - gpt2-runner {}, {}, {} build",
        code(&validation.model.name),
        thousands(validation.model.parameters.total),
        it.weights_sha256,
        it.cpu.as_deref().unwrap_or("unknown CPU"),
        it.target,
        validation.backend,
        it.isa,
        it.threads,
        validation.version,
        it.rustc,
        it.profile,
    );
}

/// The trace that was judged.
fn judged(text: &mut String, comparison: &Comparison) {
    let _ = writeln!(
        text,
        "- ours {}: {}, SHA-256 `{}`\n- compared by gpt2-runner {}",
        code(&comparison.ours.display().to_string()),
        made_by(&comparison.ours_made_by),
        comparison.ours_sha256.as_deref().unwrap_or("none"),
        comparison.version,
    );
}

fn references(text: &mut String, report: &Report<'_>) {
    for case in report.cases {
        let truth = case.truth_sha256.as_deref();
        let truth = truth.map(|it| format!(", in f64 `{it}`")).unwrap_or_default();
        let fed = fed(case).map(|fed| format!("{fed}, ")).unwrap_or_default();
        let _ = writeln!(
            text,
            "- reference {}: {fed}{}, SHA-256 `{}`{truth}",
            code(&case.name),
            made_by(&case.made_by),
            case.sha256.as_deref().unwrap_or("unknown"),
        );
    }
}

/// As code, which nothing inside can end.
fn code(text: &str) -> String {
    format!("`{}`", text.replace('`', "'").replace(['\n', '\r'], " "))
}
