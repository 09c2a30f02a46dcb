use super::{figures, proofs, tables};
use crate::Validation;
use crate::export::text;
use crate::report::Verdict;

/// One page that needs nothing besides itself: no network, no build step. It shows the verdict, where the
/// differences are, determinism, negative controls, and all tensors in a table to sort and to filter.
///
/// The report itself is embedded as JSON, the same value that serialising the [`Validation`] gives;
/// everything drawn says in `data-path` which number of it it is.
///
/// # Errors
///
/// Those of `serde_json`, which a [`Validation`] does not cause.
pub fn html(validation: &Validation) -> Result<String, serde_json::Error> {
    let json = serde_json::to_string(validation)?.replace('<', "\\u003c");
    let name = escape(&validation.model.name);
    let verdict = text::verdict(validation.verdict);
    let sections = [
        ("checkpoints", "Checkpoints", tables::checkpoints(validation)),
        ("figures", "Where, and how near", figures::figures(validation)),
        ("determinism", "Determinism", proofs::determinism(validation)),
        ("controls", "Negative controls", proofs::controls(validation)),
        ("answers", "Known answers", proofs::known_answers(validation)),
        ("tensors", "All tensors", tables::tensors(validation)),
        ("environment", "What was run on what", proofs::environment(validation)),
    ];
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
         <title>{verdict}: {name} against HuggingFace</title>\n\
         <link rel=\"icon\" href=\"data:,\">\n<style>\n{}</style>\n</head>\n<body>\n\
         <header>{}<nav aria-label=\"Sections\">{nav}</nav></header>\n<main>\n{body}</main>\n\
         <footer>gpt2-runner {} · report {}</footer>\n\
         <script type=\"application/json\" id=\"report\">{json}</script>\n\
         <script>\n{}</script>\n</body>\n</html>\n",
        include_str!("page.css"),
        head(validation),
        escape(validation.version),
        escape(validation.schema),
        include_str!("page.js"),
    ))
}

/// The verdict, in a word, in a sentence, and in four numbers.
fn head(validation: &Validation) -> String {
    let config = &validation.model.config;
    let class = if validation.verdict == Verdict::Pass { "pass" } else { "fail" };
    let mut html = format!(
        "<h1><span class=\"badge {class}\">{}</span> {}</h1><p class=\"sentence\">{}</p>\
         <p class=\"quiet\">{} parameters, {} blocks, {} heads, {} wide, vocabulary {}</p>",
        text::verdict(validation.verdict),
        escape(&validation.model.name),
        escape(&validation.sentence()),
        text::thousands(validation.model.parameters.total),
        config.n_layer,
        config.n_head,
        config.n_embd,
        config.vocab_size,
    );
    if !validation.problems.is_empty() {
        html += "<h2>Problems</h2><ul class=\"problems\">";
        for problem in &validation.problems {
            html += &format!("<li>{}</li>", escape(problem));
        }
        html += "</ul>";
    }
    html + &tiles(validation)
}

fn tiles(validation: &Validation) -> String {
    let sum = |count: fn(&gpt2_trace::Summary) -> usize| {
        validation.checkpoints.iter().map(|row| count(&row.summary)).sum::<usize>()
    };
    let (passed, expected) = (sum(|it| it.passed), sum(|it| it.expected));
    let mut tiles = vec![
        (format!("{passed}/{expected}"), "tensors agree", passed == expected && expected > 0),
        (text::thousands(sum(|it| it.elements)), "numbers compared", true),
    ];
    if let Some(it) = &validation.determinism {
        let passes = it.verdict != Verdict::Fail;
        tiles.push((
            format!("{}/{}", it.identical, it.compared),
            "ways to compute, the same bits",
            passes,
        ));
    }
    if let Some(it) = &validation.negative_controls {
        let passes = it.verdict == Verdict::Pass;
        tiles.push((
            format!("{}/{}", it.named, it.total),
            "known mistakes caught and named",
            passes,
        ));
    }
    let tile = |(number, what, passes): &(String, &str, bool)| {
        let class = if *passes { "" } else { " class=\"fail\"" };
        format!("<li{class}><b>{number}</b> {what}</li>")
    };
    format!("<ul class=\"tiles\">{}</ul>", tiles.iter().map(tile).collect::<String>())
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

/// A number as readers see it, which says where in the report it is.
pub(super) fn datum(pointer: &str, value: f64) -> String {
    format!("<data data-path=\"{pointer}\" value=\"{value:e}\">{}</data>", text::number(value))
}

/// [`datum`] for a count.
pub(super) fn count(pointer: &str, value: usize) -> String {
    format!("<data data-path=\"{pointer}\" value=\"{value}\">{}</data>", text::thousands(value))
}
