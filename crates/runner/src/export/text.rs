//! Numbers and names as readers see them.

use gpt2_trace::{Entry, split_step};

use crate::report::{Case, Verdict};

/// `1.2e-7`; 0 is equality, and said as such.
pub(super) fn number(x: f64) -> String {
    match x {
        0.0 => "0".to_owned(),
        x if x.is_finite() => format!("{x:.1e}"),
        x => x.to_string(),
    }
}

/// All digits that tell an f32 from its neighbours; of other values, those of an f64.
pub(super) fn exact(x: f64) -> String {
    let narrow = x as f32;
    if f64::from(narrow) == x { format!("{narrow:e}") } else { format!("{x:e}") }
}

/// `0.63`; what is far above 1 in short.
pub(super) fn ratio(ratio: f64) -> String {
    if ratio < 100.0 { format!("{ratio:.2}") } else { number(ratio) }
}

/// `7.4 %`, `12 %`; what is far above 100 % as a multiple.
pub(super) fn percent(part: f64) -> String {
    match 100.0 * part {
        p if p < 10.0 => format!("{p:.1} %"),
        p if p < 1000.0 => format!("{p:.0} %"),
        _ => format!("{} ×", number(part)),
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

/// Names and versions in one line.
pub(super) fn made_by(makers: &[(String, String)]) -> String {
    if makers.is_empty() {
        return "maker not said".to_owned();
    }
    let makers: Vec<String> = makers.iter().map(|(key, value)| format!("{key} {value}")).collect();
    makers.join(", ").replace("source ", "")
}

/// What went into the model, as far as the reference says: `7 tokens: "ROMEO"`.
pub(super) fn fed(case: &Case) -> Option<String> {
    match (case.tokens, &case.prompt, &case.input) {
        (0, _, input) => input.as_ref().map(|input| format!("hidden states: {input}")),
        (tokens, Some(prompt), _) => Some(format!("{tokens} tokens: {prompt:?}")),
        (tokens, None, _) => Some(format!("{tokens} tokens")),
    }
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
