//! The table of checkpoints, and the frame of the table of tensors, which `page.js` fills.

use super::page::{count, datum, escape, scrolling};
use crate::export::{Report, text};
use crate::report::{CheckpointRow, Verdict};

const CHECKPOINTS: [(&str, &str); 9] = [
    ("", "verdict"),
    ("#", "number"),
    ("checkpoint", ""),
    ("compared", "tensors compared, of those expected"),
    (
        "max diff",
        "the largest absolute difference to the reference in f32, in the tensor that is nearest to failing",
    ),
    ("allowed", "what is allowed in that tensor"),
    ("ours to f64", "root mean square of ours minus the reference in f64"),
    ("ref to f64", "root mean square of the reference in f32 minus the reference in f64"),
    ("ratio", "ours over the reference's: below 1 is nearer to the truth"),
];

/// One row per checkpoint.
pub(super) fn checkpoints(report: &Report<'_>) -> String {
    let against = report.against;
    let header: String = CHECKPOINTS
        .iter()
        .map(|(name, title)| {
            let name = if name.is_empty() { "<span class=\"unseen\">verdict</span>" } else { name };
            format!("<th scope=\"col\" title=\"{title}\">{name}</th>")
        })
        .collect();
    let rows: String =
        report.checkpoints.iter().enumerate().map(|(i, row)| checkpoint(i, row)).collect();
    let rows = format!("<thead><tr>{header}</tr></thead><tbody>{rows}</tbody>");
    scrolling("Checkpoints", "numbers", &rows)
        + &format!(
            "<p class=\"quiet\">A tensor passes when every element lies within the tolerance of {against} in f32; a \
         checkpoint when all its tensors do and our error to f64 is at most twice its own. The ratio is \
         ours over its own: below 1 we are nearer to the truth.</p>"
        )
}

fn checkpoint(i: usize, row: &CheckpointRow) -> String {
    let summary = &row.summary;
    let at = |leaf: &str| format!("/checkpoints/{i}/{leaf}");
    let nearest = summary.nearest_to_failing.as_ref();
    let truth = summary.truth.as_ref();
    let number = |value: Option<f64>, leaf: &str| {
        value.map_or("–".to_owned(), |value| datum(&at(leaf), value))
    };
    let ratio = truth.and_then(gpt2_trace::Truth::ratio);
    let cells = [
        row.number.map(|n| n.to_string()).unwrap_or_default(),
        format!(
            "{}/{}",
            count(&at("compared"), summary.compared),
            count(&at("expected"), summary.expected)
        ),
        number(nearest.map(|it| it.max_abs), "nearest_to_failing/max_abs"),
        number(nearest.map(|it| it.allowed), "nearest_to_failing/allowed"),
        number(truth.map(|it| it.ours_rms), "truth/ours_rms"),
        number(truth.map(|it| it.reference_rms), "truth/reference_rms"),
        ratio.map_or("–".to_owned(), text::ratio),
    ];
    let class = match row.verdict {
        Verdict::Pass => "pass",
        Verdict::Fail => "fail",
        Verdict::NotCompared => "none",
    };
    let [n, rest @ ..] = cells;
    format!(
        "<tr><td><span class=\"badge {class}\">{}</span></td><td>{n}</td><th scope=\"row\">{}</th>{}</tr>",
        text::verdict(row.verdict),
        escape(&row.title),
        rest.iter().map(|cell| format!("<td>{cell}</td>")).collect::<String>(),
    )
}

/// What the table of all tensors is made of, before there are rows.
pub(super) fn tensors(report: &Report<'_>) -> String {
    let options = |options: Vec<(String, String)>| -> String {
        let option = |(value, text): &(String, String)| {
            format!("<option value=\"{}\">{}</option>", escape(value), escape(text))
        };
        options.iter().map(option).collect()
    };
    let cases = report.cases.iter().enumerate();
    let cases = cases.map(|(i, case)| (i.to_string(), case.name.clone())).collect();
    // The name by which the entries call it: a checkpoint serialises as a string.
    let checkpoints = report.checkpoints.iter().filter_map(|row| {
        let id = serde_json::to_value(row.summary.checkpoint).ok()?;
        Some((id.as_str()?.to_owned(), row.title.clone()))
    });
    format!(
        "<form class=\"filters\" id=\"filters\">\
         <label>Name contains <input type=\"search\" name=\"text\" placeholder=\"h.3.attn\"></label>\
         <label>Reference <select name=\"case\"><option value=\"\">all</option>{}</select></label>\
         <label>Checkpoint <select name=\"checkpoint\"><option value=\"\">all</option>{}</select></label>\
         <label>Result <select name=\"result\"><option value=\"\">all</option>\
         <option value=\"fail\">failing</option><option value=\"pass\">passing</option></select></label>\
         <output id=\"shown\"></output></form>\
         <div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"All tensors\">\
         <table class=\"numbers\" id=\"all\"><thead></thead><tbody></tbody></table></div>\
         <button type=\"button\" id=\"more\" hidden>Show all</button>\
         <noscript><p>The table needs JavaScript. The numbers are in the JSON report.</p></noscript>",
        options(cases),
        options(checkpoints.collect()),
    )
}
