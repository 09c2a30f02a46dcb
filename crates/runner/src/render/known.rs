//! What is known of a model from elsewhere.

use std::fmt::Write;

use gpt2_runner::{KnownResult, Validation, Verdict};

use super::{align, number, shorten};

/// One row for each known answer; nothing for a model of which nothing is known.
pub(crate) fn known_answers(results: &[KnownResult]) -> String {
    if results.is_empty() {
        return String::new();
    }
    let mut table = vec![["", "known answer", "max diff", "allowed", "source"].map(str::to_owned)];
    for result in results {
        let verdict = match result.verdict {
            Verdict::Pass => "PASS",
            Verdict::NotCompared => "none",
            _ => "FAIL",
        };
        let (difference, allowed) = match (result.verdict, result.difference, result.allowed) {
            (_, Some(difference), Some(allowed)) => (number(difference), number(allowed)),
            (Verdict::NotCompared, ..) => ("-".to_owned(), "-".to_owned()),
            (Verdict::Pass, ..) => ("=".to_owned(), "=".to_owned()),
            _ => ("-".to_owned(), "=".to_owned()),
        };
        table.push([
            verdict.to_owned(),
            result.name.clone(),
            difference,
            allowed,
            result.source.clone(),
        ]);
    }
    let text = align(&table, &[false, false, true, true, false]);
    let mut lines: String = text.lines().map(|line| shorten(line, 100) + "\n").collect();
    lines.insert(0, '\n');
    for result in results.iter().filter(|result| result.verdict == Verdict::NotCompared) {
        let why = result.problem.as_deref().unwrap_or("something is missing");
        // Writing to a String does not fail.
        let _ = writeln!(lines, "not asked: {}: {why}", result.name);
    }
    lines
}

/// The last line where there is no reference, so that no layer was compared.
pub(crate) fn verdict_by_answers(validation: &Validation) -> String {
    let (agree, asked) = validation.known_answers_asked();
    let known = validation.known_answers.len();
    match validation.verdict {
        Verdict::Pass => format!(
            "\nPASS: {agree} of {known} known answers agree. No layer was compared: \
             there is no reference trace.\n"
        ),
        _ if asked == 0 => "\nFAIL: there is no reference to compare with.\n".to_owned(),
        _ => format!("\nFAIL: {agree} of {known} known answers agree. See the problems above.\n"),
    }
}
