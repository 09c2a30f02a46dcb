//! Determinism, negative controls, and what was run on what.

use super::page::{count, datum, escape, scrolling};
use crate::export::text;
use crate::report::Verdict;
use crate::{Determinism, Outcome, Validation};

/// The matrix: ways to run the tokens by setups.
pub(super) fn determinism(validation: &Validation) -> String {
    let Some(it) = &validation.determinism else { return String::new() };
    if it.verdict == Verdict::NotCompared {
        return format!("<p>Not checked: {}.</p>", escape(&it.baseline));
    }
    let mut html = format!(
        "<p><b>{}</b> of <b>{}</b> give the same bits as {}{}. {} tokens, every logit of every position.</p>",
        count("/determinism/identical", it.identical),
        count("/determinism/compared", it.compared),
        escape(&it.baseline),
        if it.not_run == 0 {
            String::new()
        } else {
            format!("; {} could not be run here", count("/determinism/not_run", it.not_run))
        },
        it.tokens,
    );
    let mut rows = format!("<thead>{}</thead><tbody>", header(it));
    for row in &it.ways {
        rows += &format!(
            "<tr><th scope=\"row\">{}<small>{}</small></th>{}</tr>",
            escape(row.name),
            escape(row.what),
            row.cells.iter().map(cell).collect::<String>()
        );
    }
    html += &scrolling("Determinism", "matrix", &(rows + "</tbody>"));
    html + "<p class=\"quiet\"><span class=\"pass\">=</span> every bit the same, \
            <span class=\"fail\">≠</span> not, · not run here.</p>"
}

/// Two rows: the instruction sets, each over its numbers of threads.
fn header(it: &Determinism) -> String {
    let mut isas = String::new();
    let mut rest = it.setups.as_slice();
    while let Some(first) = rest.first() {
        let n = rest.iter().take_while(|setup| setup.isa == first.isa).count();
        isas += &format!("<th scope=\"colgroup\" colspan=\"{n}\">{}</th>", escape(first.isa));
        rest = &rest[n..];
    }
    let threads: String = it
        .setups
        .iter()
        .map(|setup| {
            format!(
                "<th scope=\"col\">{}<span class=\"unseen\"> threads</span></th>",
                setup.threads
            )
        })
        .collect();
    format!("<tr><td>instructions</td>{isas}</tr><tr><td>threads</td>{threads}</tr>")
}

fn cell(outcome: &Outcome) -> String {
    let (class, mark, title) = match outcome {
        Outcome::Identical { logits } => {
            ("pass", "=", format!("{} logits, every bit the same", text::thousands(*logits)))
        }
        Outcome::Differs { logits, differing, max_abs } => (
            "fail",
            "≠",
            format!("{differing} of {logits} logits differ, by up to {}", text::number(*max_abs)),
        ),
        Outcome::NotRun { reason } => ("none", "·", reason.clone()),
    };
    format!(
        "<td class=\"{class}\" title=\"{0}\"><span aria-hidden=\"true\">{mark}</span><span class=\"unseen\">{0}</span></td>",
        escape(&title)
    )
}

/// What became of each known mistake.
pub(super) fn controls(validation: &Validation) -> String {
    let Some(it) = &validation.negative_controls else { return String::new() };
    let html = format!(
        "<p>Known mistakes, injected one at a time ({}): <b>{}</b> of <b>{}</b> fail the comparison at their own \
         checkpoint, <b>{}</b> are named by the diagnosis.</p>",
        escape(&it.injected_into),
        count("/negative_controls/caught", it.caught),
        count("/negative_controls/total", it.total),
        count("/negative_controls/named", it.named),
    );
    let mut rows = "<thead><tr><th scope=\"col\">mistake</th><th scope=\"col\">checkpoint</th>\
                    <th scope=\"col\">caught</th><th scope=\"col\">named</th>\
                    <th scope=\"col\">diagnosis</th></tr></thead><tbody>"
        .to_owned();
    for control in &it.controls {
        let yes = |yes: bool| match (control.applies, yes) {
            (false, _) => "<td class=\"none\">–</td>",
            (true, true) => "<td class=\"pass\">yes</td>",
            (true, false) => "<td class=\"fail\">no</td>",
        };
        rows += &format!(
            "<tr><th scope=\"row\">{}</th><td>{}</td>{}{}<td>{}</td></tr>",
            escape(control.mistake.id),
            escape(&control.mistake.checkpoint.to_string()),
            yes(control.caught),
            yes(control.named),
            escape(&control.line),
        );
    }
    let table = scrolling("Negative controls", "", &(rows + "</tbody>"));
    html + "<details><summary>Every mistake, and its diagnosis</summary>" + &table + "</details>"
}

/// What is known of the model from elsewhere.
pub(super) fn known_answers(validation: &Validation) -> String {
    if validation.known_answers.is_empty() {
        return String::new();
    }
    let mut rows = "<thead><tr><th scope=\"col\">verdict</th><th scope=\"col\">question</th><th scope=\"col\">difference</th>\
                    <th scope=\"col\">allowed</th><th scope=\"col\">source</th></tr></thead><tbody>"
        .to_owned();
    for (i, it) in validation.known_answers.iter().enumerate() {
        let class = match it.verdict {
            Verdict::Pass => "pass",
            Verdict::Fail => "fail",
            Verdict::NotCompared => "none",
        };
        let number = |value: Option<f64>, leaf: &str| {
            value.map_or("–".to_owned(), |value| {
                datum(&format!("/known_answers/{i}/{leaf}"), value)
            })
        };
        rows += &format!(
            "<tr><td><span class=\"badge {class}\">{}</span></td><th scope=\"row\">{}<small>{}</small></th>\
             <td>{}</td><td>{}</td><td>{}</td></tr>",
            text::verdict(it.verdict),
            escape(&it.name),
            escape(it.problem.as_deref().unwrap_or_default()),
            number(it.difference, "difference"),
            number(it.allowed, "allowed"),
            escape(&it.source),
        );
    }
    scrolling("Known answers", "", &(rows + "</tbody>"))
}

/// Enough to run it again.
pub(super) fn environment(validation: &Validation) -> String {
    let it = &validation.environment;
    let or_none = |list: &[&str]| if list.is_empty() { "none".to_owned() } else { list.join(", ") };
    let facts = [
        ("CPU", it.cpu.clone().unwrap_or_else(|| "unknown".to_owned())),
        ("CPU features", or_none(&it.cpu_features)),
        ("hardware threads", it.cpus.to_string()),
        ("system", it.target.clone()),
        ("backend", validation.backend.clone()),
        ("instructions", it.isa.to_owned()),
        ("threads", it.threads.to_string()),
        ("gpt2-runner", format!("{}, {} build", validation.version, it.profile)),
        ("cargo features", or_none(&it.cargo_features)),
        ("compiler", it.rustc.to_owned()),
        ("SHA-256 of the weights", it.weights_sha256.clone()),
    ];
    let facts: String = facts
        .iter()
        .map(|(name, value)| {
            format!("<tr><th scope=\"row\">{name}</th><td>{}</td></tr>", escape(value))
        })
        .collect();
    let mut html = scrolling("Environment", "facts", &format!("<tbody>{facts}</tbody>"));
    let mut rows = String::new();
    for case in &validation.cases {
        let digest = |digest: &Option<String>| digest.clone().unwrap_or_else(|| "none".to_owned());
        rows += &format!(
            "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td><td>{}<br>{}</td></tr>",
            escape(&case.name),
            escape(&text::made_by(&case.made_by)),
            escape(&text::fed(case).unwrap_or_default()),
            digest(&case.sha256),
            digest(&case.truth_sha256),
        );
    }
    html += "<h3>References</h3>";
    html + &scrolling(
        "References",
        "facts",
        &format!(
            "<thead><tr><th scope=\"col\">reference</th><th scope=\"col\">made by</th>\
             <th scope=\"col\">prompt</th><th scope=\"col\">SHA-256 of the f32 and of the f64 trace</th></tr></thead>\
             <tbody>{rows}</tbody>"
        ),
    )
}
