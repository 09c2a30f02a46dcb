use std::fmt::Write;

use super::text::{number, thousands, verdict, why};
use crate::report::Verdict;
use crate::{Determinism, NegativeControls, Validation};

/// How many failing tensors are listed.
const SHOWN: usize = 10;

/// Markdown for a pull request: the verdict, a row for each checkpoint, the first failures, and what was
/// run on what, folded away.
pub fn markdown(validation: &Validation) -> String {
    let mut text = format!(
        "## {} {}: {}\n\n",
        if validation.verdict == Verdict::Pass { "✅" } else { "❌" },
        verdict(validation.verdict),
        code(&validation.model.name),
    );
    text += &validation.sentence();
    text += "\n\n";
    table(&mut text, validation);
    let lines = [
        validation.determinism.as_ref().map(Determinism::line),
        validation.negative_controls.as_ref().map(NegativeControls::line),
    ];
    for line in lines.into_iter().flatten() {
        // Writing to a String does not fail.
        let _ = writeln!(text, "- {line}");
    }
    failures(&mut text, validation);
    environment(&mut text, validation);
    text
}

fn table(text: &mut String, validation: &Validation) {
    *text +=
        "| | checkpoint | compared | max diff | allowed | our error to f64 | HuggingFace's |\n";
    *text += "| --- | --- | ---: | ---: | ---: | ---: | ---: |\n";
    for row in &validation.checkpoints {
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
            nearest.map_or("–".to_owned(), |_| number(summary.max_abs)),
            nearest.map_or("–".to_owned(), |nearest| number(nearest.allowed)),
            truth(|truth| truth.ours_rms),
            truth(|truth| truth.reference_rms),
        );
    }
    text.push('\n');
}

fn failures(text: &mut String, validation: &Validation) {
    let failing: Vec<String> = validation
        .cases
        .iter()
        .flat_map(|case| {
            let failing = case.entries.iter().filter(|entry| !entry.passes());
            failing.map(|entry| format!("{}: {}", case.name, why(entry)))
        })
        .collect();
    for (title, list) in [("Problems", &validation.problems), ("Failing tensors", &failing)] {
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
        "\n<details><summary>What was run on what</summary>\n\n\
         - model {}: {} parameters, SHA-256 `{}`\n\
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
    for case in &validation.cases {
        let makers: Vec<String> = case.made_by.iter().map(|(k, v)| format!("{k} {v}")).collect();
        let _ = writeln!(
            text,
            "- reference {}: {}, SHA-256 `{}`",
            code(&case.name),
            makers.join(", "),
            case.sha256.as_deref().unwrap_or("unknown"),
        );
    }
    *text += "\n</details>\n";
}

/// As code, which nothing inside can end.
fn code(text: &str) -> String {
    format!("`{}`", text.replace('`', "'").replace(['\n', '\r'], " "))
}
