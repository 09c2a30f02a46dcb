//! Numbers and names as readers see them.

use gpt2_trace::{Entry, split_step};

use crate::report::Verdict;

/// `1.2e-7`; 0 is equality, and said as such.
pub(super) fn number(x: f64) -> String {
    match x {
        0.0 => "0".to_owned(),
        x if x.is_finite() => format!("{x:.1e}"),
        x => x.to_string(),
    }
}

/// 1234567 as `1,234,567`.
pub(super) fn thousands(n: usize) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `PASS`, `FAIL`, `not compared`.
pub(super) fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "PASS",
        Verdict::Fail => "FAIL",
        Verdict::NotCompared => "not compared",
    }
}

/// A recorded name with the step in words: `h.0.ln_1 (step 2)`.
pub(super) fn place(name: &str) -> String {
    match split_step(name) {
        Some((step, site)) if step > 0 => format!("{site} (step {step})"),
        _ => name.to_owned(),
    }
}

/// How an entry fails, in one sentence.
pub(super) fn why(entry: &Entry) -> String {
    match &entry.result {
        Ok(it) => format!(
            "{} {:?}: ours {:e}, reference {:e}; they differ by {}, allowed {}",
            place(&entry.name),
            it.worst.index,
            it.worst.ours,
            it.worst.reference,
            number(it.max_abs),
            number(it.allowed),
        ),
        Err(problem) => format!("{}: {problem}", place(&entry.name)),
    }
}
