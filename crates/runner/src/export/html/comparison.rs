//! What only a comparison of two traces has: where they part, how they were read, what they are.

use gpt2_trace::{Divergence, Wrong};

use super::page::{count, datum, escape, exact, scrolling};
use crate::Comparison;
use crate::export::report::file_name;
use crate::export::text;

/// What it was held against, in one line.
pub(super) fn facts(it: &Comparison) -> String {
    let [case] = &it.cases;
    let reference = case.file.as_deref().map_or(case.name.clone(), file_name);
    let truth = if case.truth { "in f32 and in f64" } else { "in f32 alone" };
    let makers = text::made_by(&case.made_by);
    escape(&format!("against {reference} ({makers}), {truth}"))
}

/// The first divergence, the first operation that is wrong by itself, and the diagnosis; empty where the
/// two do not part.
pub(super) fn divergence(it: &Comparison) -> String {
    let Some(first) = &it.divergence else { return String::new() };
    let mut parts = parting("First divergence", "/divergence", first);
    if let Some(isolated) = &it.isolated {
        parts += &parting("First that is wrong on its own inputs", "/isolated", isolated);
    }
    let diagnosis = match &it.diagnosis {
        Some(diagnosis) => list("findings", &diagnosis.sentences()),
        None => "<p class=\"quiet\">None was asked for: with <code>--model</code> it is also told which \
                 operation is wrong by itself, and which known mistake explains it.</p>"
            .to_owned(),
    };
    format!("<div class=\"parts\">{parts}</div><h3>Diagnosis</h3>{diagnosis}")
}

/// One divergence, whose JSON pointer is `at`.
fn parting(title: &str, at: &str, it: &Divergence) -> String {
    let step = match it.step {
        0 => "in the pass over the prompt".to_owned(),
        n => format!("in decode step {n}"),
    };
    let block = it.block.map(|block| format!(", block {block}")).unwrap_or_default();
    let mut rows =
        vec![("where", format!("<b><code>{}</code></b> {step}{block}", escape(&it.name)))];
    match &it.what {
        Wrong::NotComparable(problem) => rows.push(("problem", escape(&problem.to_string()))),
        Wrong::Values { location, ours, reference, difference, allowed, beyond, elements } => {
            let at = |leaf: &str| format!("{at}/what/values/{leaf}");
            rows.extend([
                ("worst at", escape(&location.to_string())),
                ("ours", exact(&at("ours"), *ours)),
                ("reference", exact(&at("reference"), *reference)),
                ("difference", datum(&at("difference"), *difference)),
                ("allowed", datum(&at("allowed"), *allowed)),
                (
                    "beyond it",
                    format!(
                        "{} of {} values",
                        count(&at("beyond"), *beyond),
                        count(&at("elements"), *elements)
                    ),
                ),
            ]);
        }
    }
    rows.push((
        "just before",
        match &it.just_before {
            Some(right) => format!(
                "{} tensors were right up to there, the last <code>{}</code> (difference {}, allowed {})",
                count(&format!("{at}/agreed"), it.agreed),
                escape(&right.name),
                datum(&format!("{at}/just_before/max_abs"), right.max_abs),
                datum(&format!("{at}/just_before/allowed"), right.allowed),
            ),
            None => "nothing was compared".to_owned(),
        },
    ));
    let rows: String = rows
        .iter()
        .map(|(name, value)| format!("<tr><th scope=\"row\">{name}</th><td>{value}</td></tr>"))
        .collect();
    format!(
        "<div><h3>{title}</h3>{}</div>",
        scrolling(title, "facts", &format!("<tbody>{rows}</tbody>"))
    )
}

/// How the names and shapes of a trace from elsewhere were read; empty where there was nothing to do.
pub(super) fn reading(it: &Comparison) -> String {
    let mut html = String::new();
    if !it.unmatched.is_empty() {
        html += "<p>Arrays that mean nothing here, which is a failure:</p>";
        html += &list("problems", &it.unmatched);
    }
    if !it.notes.is_empty() {
        html += &format!(
            "<details><summary>{} notes on names and shapes</summary>{}</details>",
            it.notes.len(),
            list("quiet", &it.notes)
        );
    }
    html
}

fn list(class: &str, lines: &[String]) -> String {
    let lines: String = lines.iter().map(|line| format!("<li>{}</li>", escape(line))).collect();
    format!("<ul class=\"{class}\">{lines}</ul>")
}

/// The files, who made them, and their digests.
pub(super) fn files(it: &Comparison) -> String {
    let [case] = &it.cases;
    let reference = case.file.as_deref().unwrap_or(it.ours.as_path());
    let truth = it.truth.as_deref();
    let files = [
        ("ours", Some(it.ours.as_path()), text::made_by(&it.ours_made_by), &it.ours_sha256),
        ("reference", Some(reference), text::made_by(&case.made_by), &case.sha256),
        ("reference in f64", truth, String::new(), &case.truth_sha256),
    ];
    let row = |(what, file, made_by, sha256): (
        &str,
        Option<&std::path::Path>,
        String,
        &Option<String>,
    )| {
        let file = file.map_or("none".to_owned(), |file| file.display().to_string());
        format!(
            "<tr><th scope=\"row\">{what}</th><td>{}</td><td>{}</td><td>{}</td></tr>",
            escape(&file),
            escape(&made_by),
            sha256.as_deref().unwrap_or("none"),
        )
    };
    let rows: String = files.into_iter().map(row).collect();
    let fed = text::fed(case);
    scrolling(
        "Files",
        "facts",
        &format!(
            "<thead><tr><td></td><th scope=\"col\">file</th><th scope=\"col\">made by</th>\
             <th scope=\"col\">SHA-256</th></tr></thead><tbody>{rows}</tbody>"
        ),
    ) + &format!(
        "<p class=\"quiet\">{}Compared by gpt2-runner {}.</p>",
        fed.map(|fed| format!("What went in: {}. ", escape(&fed))).unwrap_or_default(),
        escape(it.version)
    )
}
