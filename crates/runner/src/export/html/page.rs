use super::{comparison, figures, proofs, tables};
use crate::Validation;
use crate::export::report::Subject;
use crate::export::{Report, text};
use crate::report::Verdict;

/// One page that needs nothing besides itself: no network, no build step. It shows the verdict, where the
/// differences are, and all tensors in a table to sort and to filter; of a [`Validation`] determinism and
/// negative controls, of a [`crate::Comparison`] where the two part and why.
///
/// The report itself is embedded as JSON, the same value that serialising it gives; everything drawn says in
/// `data-path` which number of it it is.
///
/// # Errors
///
/// Those of `serde_json`, which a [`Report`] does not cause.
pub fn html<'a>(report: impl Into<Report<'a>>) -> Result<String, serde_json::Error> {
    let report = &report.into();
    let json = serde_json::to_string(report)?.replace('<', "\\u003c");
    let (name, against) = (escape(&report.name), report.against);
    let verdict = text::verdict(report.verdict);
    let checkpoints = ("checkpoints", "Checkpoints", tables::checkpoints(report));
    let figures = ("figures", "Where, and how near", figures::figures(report));
    let tensors = ("tensors", "All tensors", tables::tensors(report));
    let sections = match report.subject {
        Subject::Validation(it) => vec![
            checkpoints,
            figures,
            ("determinism", "Determinism", proofs::determinism(it)),
            ("controls", "Negative controls", proofs::controls(it)),
            ("answers", "Known answers", proofs::known_answers(it)),
            tensors,
            ("environment", "What was run on what", proofs::environment(it)),
        ],
        Subject::Comparison(it) => vec![
            ("divergence", "Where they part", comparison::divergence(it)),
            checkpoints,
            figures,
            tensors,
            ("reading", "How the arrays were read", comparison::reading(it)),
            ("files", "What was compared", comparison::files(it)),
        ],
    };
    let mut nav = String::new();
    let mut body = String::new();
    for (id, title, content) in sections.iter().filter(|section| !section.2.is_empty()) {
        nav += &format!("<a href=\"#{id}\">{title}</a> ");
        body += &format!("<section id=\"{id}\"><h2>{title}</h2>{content}</section>\n");
    }
    Ok(format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{verdict}: {name} against {against}</title>\n\
         <link rel=\"icon\" href=\"data:,\">\n<style>\n{}</style>\n</head>\n<body>\n\
         <header>{}<nav aria-label=\"Sections\">{nav}</nav></header>\n<main>\n{body}</main>\n\
         <footer>gpt2-runner {} · report {}</footer>\n\
         <script type=\"application/json\" id=\"report\">{json}</script>\n\
         <script>\n{}</script>\n</body>\n</html>\n",
        include_str!("page.css"),
        head(report),
        escape(report.version),
        escape(report.schema),
        include_str!("page.js"),
    ))
}

/// The verdict, in a word, in a sentence, and in four numbers.
fn head(report: &Report<'_>) -> String {
    let facts = match report.subject {
        Subject::Validation(it) => size(it),
        Subject::Comparison(it) => comparison::facts(it),
    };
    let mut html = format!(
        "<h1><span class=\"badge {}\">{}</span> {}</h1><p class=\"sentence\">{}</p>\
         <p class=\"quiet\">{facts}</p>",
        if report.verdict == Verdict::Pass { "pass" } else { "fail" },
        text::verdict(report.verdict),
        escape(&report.name),
        escape(&report.sentence),
    );
    if !report.problems.is_empty() {
        html += "<h2>Problems</h2><ul class=\"problems\">";
        for problem in &report.problems {
            html += &format!("<li>{}</li>", escape(problem));
        }
        html += "</ul>";
    }
    html + &tiles(report)
}

/// How large the model is.
fn size(validation: &Validation) -> String {
    let config = &validation.model.config;
    format!(
        "{} parameters, {} blocks, {} heads, {} wide, vocabulary {}",
        text::thousands(validation.model.parameters.total),
        config.n_layer,
        config.n_head,
        config.n_embd,
        config.vocab_size,
    )
}

/// A number, what it counts, and whether it is as it should be.
type Tile = (String, &'static str, bool);

fn tiles(report: &Report<'_>) -> String {
    let sum = |count: fn(&gpt2_trace::Summary) -> usize| {
        report.checkpoints.iter().map(|row| count(&row.summary)).sum::<usize>()
    };
    let (passed, expected) = (sum(|it| it.passed), sum(|it| it.expected));
    let mut tiles: Vec<Tile> = vec![
        (format!("{passed}/{expected}"), "tensors agree", passed == expected && expected > 0),
        (text::thousands(sum(|it| it.elements)), "numbers compared", true),
    ];
    tiles.extend(match report.subject {
        Subject::Validation(it) => proven(it),
        Subject::Comparison(_) => judged(report),
    });
    let tile = |(number, what, passes): &Tile| {
        let class = if *passes { "" } else { " class=\"fail\"" };
        format!("<li{class}><b>{number}</b> {what}</li>")
    };
    format!("<ul class=\"tiles\">{}</ul>", tiles.iter().map(tile).collect::<String>())
}

/// What was shown of the way of computing, and of the comparison itself.
fn proven(validation: &Validation) -> Vec<Tile> {
    let mut tiles = Vec::new();
    if let Some(it) = &validation.determinism {
        let passes = it.verdict != Verdict::Fail;
        let number = format!("{}/{}", it.identical, it.compared);
        tiles.push((number, "ways to compute, the same bits", passes));
    }
    if let Some(it) = &validation.negative_controls {
        let passes = it.verdict == Verdict::Pass;
        let number = format!("{}/{}", it.named, it.total);
        tiles.push((number, "known mistakes caught and named", passes));
    }
    tiles
}

/// How many checkpoints agree, and how near the nearest tensor is to failing.
fn judged(report: &Report<'_>) -> Vec<Tile> {
    let count = |verdict| report.checkpoints.iter().filter(|row| row.verdict == verdict).count();
    let (pass, fail) = (count(Verdict::Pass), count(Verdict::Fail));
    let mut tiles = vec![(format!("{pass}/{}", pass + fail), "checkpoints agree", fail == 0)];
    let entries = report.cases.iter().flat_map(|case| &case.entries);
    let used = entries.filter_map(|entry| Some(entry.result.as_ref().ok()?.used()));
    if let Some(used) = used.max_by(f64::total_cmp) {
        let number = text::percent(used);
        tiles.push((number, "of its tolerance used by the worst tensor", used <= 1.0));
    }
    tiles
}

/// Text in HTML, in an element or in a quoted attribute.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            '\'' => escaped += "&#39;",
            c => escaped.push(c),
        }
    }
    escaped
}

/// A table that may be wider than the page, in a frame that scrolls.
pub(super) fn scrolling(label: &str, class: &str, rows: &str) -> String {
    format!(
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{label}\">\
         <table class=\"{class}\">{rows}</table></div>"
    )
}

/// A number as readers see it, which says where in the report it is. One that JSON cannot hold is text.
pub(super) fn datum(pointer: &str, value: f64) -> String {
    shown(pointer, value, &text::number(value))
}

/// [`datum`] with all digits that tell an f32 from its neighbours.
pub(super) fn exact(pointer: &str, value: f64) -> String {
    shown(pointer, value, &text::exact(value))
}

fn shown(pointer: &str, value: f64, text: &str) -> String {
    if !value.is_finite() {
        return escape(text);
    }
    format!("<data data-path=\"{pointer}\" value=\"{value:e}\">{text}</data>")
}

/// [`datum`] for a count.
pub(super) fn count(pointer: &str, value: usize) -> String {
    format!("<data data-path=\"{pointer}\" value=\"{value}\">{}</data>", text::thousands(value))
}
