//! Reports as aligned text, at most 100 columns wide.

mod divergence;
mod known;
mod proofs;

use std::fmt::Write;

pub(crate) use divergence::{divergence, findings, matched};
use gpt2_runner::{Case, CheckpointRow, Failure, Inspection, Verdict};
use gpt2_trace::{Difference, Truth, split_step};
pub(crate) use known::{known_answers, verdict_by_answers};
pub(crate) use proofs::proofs;

/// How many failing tensors are shown.
const SHOWN: usize = 12;

/// What was validated.
pub(crate) fn model(facts: &Inspection, backend: &str) -> String {
    let config = &facts.config;
    format!(
        "model      {}: {} parameters, {} blocks, {} heads, {} wide, vocabulary {}\nbackend    {backend}\n",
        facts.name,
        thousands(facts.parameters.total),
        config.n_layer,
        config.n_head,
        config.n_embd,
        config.vocab_size,
    )
}

/// Who made the references, once per different maker.
pub(crate) fn made_by(cases: &[Case]) -> String {
    let mut makers: Vec<String> = Vec::new();
    for case in cases {
        let versions: Vec<String> =
            case.made_by.iter().map(|(key, value)| format!("{key} {value}")).collect();
        let precision = if case.truth { "in f32 and in f64" } else { "in f32 alone" };
        let maker = match versions.as_slice() {
            [] => continue,
            versions => format!("{}, {precision}", versions.join(", ").replace("source ", "")),
        };
        if !makers.contains(&maker) {
            makers.push(maker);
        }
    }
    makers.iter().map(|maker| format!("reference  {maker}\n")).collect()
}

/// The prompts, with the letters by which the table calls them.
pub(crate) fn cases(cases: &[Case]) -> String {
    let width = cases.iter().map(|case| case.name.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for (i, case) in cases.iter().enumerate() {
        let fed = match &case.input {
            Some(input) if case.tokens == 0 => format!("hidden states: {input}"),
            _ => format!("{:>4} tokens, {:>2} decoded", case.tokens, case.decode),
        };
        let head = format!("  {}  {:width$}  {fed}", letter(i), case.name);
        let prompt = case.prompt.as_ref().map(|prompt| format!("  {prompt:?}")).unwrap_or_default();
        let room = 100_usize.saturating_sub(head.chars().count());
        // Writing to a String does not fail.
        let _ = writeln!(text, "{head}{}", shorten(&prompt, room));
    }
    text
}

/// The table: one row per checkpoint.
pub(crate) fn checkpoints(rows: &[CheckpointRow], cases: &[Case]) -> String {
    let header = [
        "",
        "",
        "checkpoint",
        "compared",
        "max diff",
        "allowed",
        "margin",
        "err",
        "nearest to failing",
    ];
    let mut table = vec![header.map(str::to_owned)];
    table.extend(rows.iter().map(|row| checkpoint(row, cases)));
    let right = [false, true, false, true, true, true, true, true, false];
    let mut text = format!("\n{}", align(&table, &right));
    text += "\nmargin: how many times the max diff fits into what is allowed, = is equality; of the tensor named\n\
             last (prompt+step, name, worst index). err: our rms error to f64 over the reference's, < 1 is nearer\n";
    text
}

fn checkpoint(row: &CheckpointRow, cases: &[Case]) -> [String; 9] {
    let verdict = match row.verdict {
        Verdict::Pass => "PASS",
        Verdict::NotCompared => "none",
        _ => "FAIL",
    };
    let summary = &row.summary;
    let nearest = summary.nearest_to_failing.as_ref();
    let if_any = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    [
        verdict.to_owned(),
        row.number.map(|number| number.to_string()).unwrap_or_default(),
        row.title.clone(),
        format!("{}/{}", summary.compared, summary.expected),
        if_any(nearest.map(|nearest| number(nearest.max_abs))),
        if_any(nearest.map(|nearest| number(nearest.allowed))),
        if_any(nearest.map(|nearest| margin(nearest.margin()))),
        if_any(summary.truth.as_ref().and_then(Truth::ratio).map(ratio)),
        if_any(nearest.map(|nearest| {
            let case = cases.iter().position(|case| case.name == nearest.case).unwrap_or(0);
            place(case, &nearest.name, &nearest.worst.index)
        })),
    ]
}

/// The first tensors that fail.
pub(crate) fn failures(failures: &[Failure<'_>], cases: &[Case]) -> String {
    if failures.is_empty() {
        return String::new();
    }
    let expected: usize = cases.iter().map(|case| case.entries.len()).sum();
    let mut text = format!(
        "\n{} of {expected} tensors fail. The first, in the order of the computation:\n",
        failures.len()
    );
    for failure in failures.iter().take(SHOWN) {
        let (worst, what) = match failure.result {
            Ok(difference) => (index(&difference.worst.index), off(difference)),
            Err(problem) => (String::new(), problem.to_string()),
        };
        let case = cases.get(failure.case).map_or("", |case| &case.name);
        // Writing to a String does not fail.
        let _ = writeln!(text, "  {case}: {}{worst}\n      {what}", failure.name);
    }
    if failures.len() > SHOWN {
        let _ = writeln!(text, "  and {} more", failures.len() - SHOWN);
    }
    text
}

fn off(difference: &Difference) -> String {
    let worst = &difference.worst;
    format!(
        "ours {}, reference {}: they differ by {}, allowed {}",
        exact(worst.ours),
        exact(worst.reference),
        number(difference.max_abs),
        number(difference.allowed),
    )
}

/// Checkpoints that lie too far from f64.
pub(crate) fn far_from_truth(rows: &[CheckpointRow]) -> String {
    let mut text = String::new();
    for row in rows {
        let Some(truth) = row.summary.truth.as_ref() else { continue };
        if truth.ours_rms > row.summary.truth_allowed {
            // Writing to a String does not fail.
            let _ = writeln!(
                text,
                "\n{}: our rms error to f64 is {}, the reference's own is {}: allowed {}",
                row.title,
                number(truth.ours_rms),
                number(truth.reference_rms),
                number(row.summary.truth_allowed),
            );
        }
    }
    text
}

/// What is wrong besides numbers.
pub(crate) fn problems(problems: &[String]) -> String {
    list("Problems:", problems)
}

/// A title and the first of the lines below it; nothing where there is none.
fn list(title: &str, lines: &[String]) -> String {
    if lines.is_empty() {
        return String::new();
    }
    let mut text = format!("\n{title}\n");
    for line in lines.iter().take(SHOWN) {
        // Writing to a String does not fail.
        let _ = writeln!(text, "  {line}");
    }
    if lines.len() > SHOWN {
        let _ = writeln!(text, "  and {} more", lines.len() - SHOWN);
    }
    text
}

/// The last line.
pub(crate) fn verdict(passes: bool, rows: &[CheckpointRow], whom: &str) -> String {
    let sum = |count: fn(&CheckpointRow) -> usize| rows.iter().map(count).sum::<usize>();
    let passed = sum(|row| row.summary.passed);
    let expected = sum(|row| row.summary.expected);
    let numbers = thousands(sum(|row| row.summary.elements));
    let compared = rows.iter().filter(|row| row.verdict != Verdict::NotCompared).count();
    let mut failing = rows.iter().filter(|row| row.verdict == Verdict::Fail);
    let sentence = match (passes, failing.next()) {
        (true, _) if compared == rows.len() => {
            format!("PASS: agrees with {whom} at every checkpoint")
        }
        (true, _) => {
            format!("PASS: agrees with {whom} at the {compared} checkpoints that it holds")
        }
        (false, Some(first)) => format!(
            "FAIL: does not agree with {whom} at {} of {compared} checkpoints, the first is {}",
            1 + failing.count(),
            first.title,
        ),
        (false, None) => "FAIL: see the problems above".to_owned(),
    };
    format!(
        "\n{sentence}.\n      {passed} of {expected} tensors agree, {numbers} numbers were compared.\n"
    )
}

/// `b+3 h.4.attn.q[0,2,7]`: the prompt's letter, the decode step, the tensor, the index.
fn place(case: usize, name: &str, index: &[usize]) -> String {
    let (step, site) = split_step(name).unwrap_or((0, name));
    let step = if step == 0 { String::new() } else { format!("+{step}") };
    format!("{}{step} {site}{}", letter(case), self::index(index))
}

/// `[0,2,7]`.
fn index(index: &[usize]) -> String {
    let index: Vec<String> = index.iter().map(ToString::to_string).collect();
    if index.is_empty() { String::new() } else { format!("[{}]", index.join(",")) }
}

fn letter(case: usize) -> String {
    u8::try_from(case)
        .ok()
        .filter(|&i| i < 26)
        .map_or_else(|| (case + 1).to_string(), |i| char::from(b'a' + i).to_string())
}

/// 1234567 as `1,234,567`.
pub(crate) fn thousands(n: usize) -> String {
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

fn number(x: f64) -> String {
    if x == 0.0 { "0".to_owned() } else { format!("{x:.1e}") }
}

/// All digits that tell an f32 from its neighbours; of other values, those of an f64.
fn exact(x: f64) -> String {
    let narrow = x as f32;
    if f64::from(narrow) == x { format!("{narrow:e}") } else { format!("{x:e}") }
}

fn margin(margin: f64) -> String {
    match margin {
        m if m.is_infinite() => "=".to_owned(),
        m if m < 10.0 => format!("{m:.1}"),
        m => format!("{m:.0}"),
    }
}

fn ratio(ratio: f64) -> String {
    if ratio < 100.0 { format!("{ratio:.2}") } else { format!("{ratio:.0e}") }
}

fn shorten(text: &str, room: usize) -> String {
    if text.chars().count() <= room {
        return text.to_owned();
    }
    text.chars().take(room.saturating_sub(3)).chain("...".chars()).collect()
}

/// Pads the columns to their widest cell, with one space between and none at the end of a line.
fn align<const N: usize>(table: &[[String; N]], right: &[bool; N]) -> String {
    let width =
        |column: usize| table.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..N).map(width).collect();
    let mut text = String::new();
    for row in table {
        let cells = row.iter().zip(&widths).zip(right).map(|((cell, &width), &right)| {
            if right { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
        });
        text += cells.collect::<Vec<_>>().join(" ").trim_end();
        text.push('\n');
    }
    text
}
