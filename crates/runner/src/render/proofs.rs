//! Determinism and negative controls: a line each, and more where something is wrong.

use std::fmt::Write;

use gpt2_runner::{Outcome, Validation};

use super::SHOWN;

/// The two lines, each followed by what failed.
pub(crate) fn proofs(validation: &Validation) -> String {
    let mut text = String::new();
    // Writing to a String does not fail.
    if let Some(determinism) = &validation.determinism {
        let _ = writeln!(text, "\n{}", determinism.line());
        let mut differing = Vec::new();
        for row in &determinism.ways {
            for (setup, outcome) in determinism.setups.iter().zip(&row.cells) {
                if let Outcome::Differs { logits, differing: n, max_abs } = outcome {
                    differing.push(format!(
                        "{} ({}, {} threads): {n} of {logits} logits differ, by up to {max_abs:.1e}",
                        row.name, setup.isa, setup.threads
                    ));
                }
            }
        }
        list(&mut text, &differing);
    }
    if validation.determinism.is_none() && validation.negative_controls.is_none() {
        text += "\ndeterminism, negative controls: not run (--quick)\n";
    }
    if let Some(controls) = &validation.negative_controls {
        let _ = writeln!(text, "{}", controls.line());
        let missed = controls.controls.iter().filter(|it| it.applies && !(it.caught && it.named));
        let missed: Vec<String> = missed
            .map(|it| {
                let what = if it.caught { "not named" } else { "not caught" };
                format!("{}: {what}: {}", it.mistake.id, it.line)
            })
            .collect();
        list(&mut text, &missed);
    }
    text
}

fn list(text: &mut String, lines: &[String]) {
    for line in lines.iter().take(SHOWN) {
        let _ = writeln!(text, "  {line}");
    }
    if lines.len() > SHOWN {
        let _ = writeln!(text, "  and {} more", lines.len() - SHOWN);
    }
}
