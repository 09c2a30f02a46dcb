//! The charts of each reference: error by depth, differences by place, growth over the decode.

use gpt2_trace::Checkpoint;

use super::chart::{Series, chart};
use super::heat::Heat;
use super::page::escape;
use crate::export::Report;
use crate::report::Case;
use crate::{Curve, Point};

/// Growth is shown for these: one for each stage of a pass.
const GROWING: [Checkpoint; 4] = [
    Checkpoint::AttentionScores,
    Checkpoint::BlockOutput,
    Checkpoint::SelectedLogits,
    Checkpoint::Probabilities,
];

/// Which reference is shown, and the figures of each.
pub(super) fn figures(report: &Report<'_>) -> String {
    let cases = report.cases;
    let richest = (0..cases.len())
        .rev()
        .max_by_key(|&i| (cases[i].entries.len(), cases[i].tokens))
        .unwrap_or(0);
    let mut html = String::from("<fieldset class=\"cases\" hidden><legend>Reference</legend>");
    for (i, case) in cases.iter().enumerate() {
        let checked = if i == richest { " checked" } else { "" };
        html += &format!(
            "<label><input type=\"radio\" name=\"case\" value=\"{i}\"{checked}> {} <small>{} + {}</small></label>",
            escape(&case.name),
            case.tokens,
            case.decode
        );
    }
    html += "<p>prompt tokens + decoded tokens</p></fieldset>";
    for (i, case) in cases.iter().enumerate() {
        html += &format!(
            "<div class=\"case\" data-case=\"{i}\"><h3 class=\"name\">{}</h3>",
            escape(&case.name)
        );
        html += &of_case(i, case, report.against);
        html += "</div>";
    }
    html
}

fn of_case(i: usize, case: &Case, against: &'static str) -> String {
    let profile = &case.profile;
    let mut depth = String::new();
    for (j, curve) in profile.depth.iter().enumerate() {
        if curve.points.iter().any(|point| is_block(&point.at)) {
            depth += &panel(
                &curve.title,
                "block",
                against,
                &[(curve, format!("/cases/{i}/profile/depth/{j}"))],
            );
        }
    }
    let ends: Vec<(&Curve, String)> = profile
        .depth
        .iter()
        .enumerate()
        .filter(|(_, curve)| !curve.points.iter().any(|point| is_block(&point.at)))
        .filter(|(_, curve)| curve.points.iter().any(|point| point.truth.is_some()))
        .map(|(j, curve)| (curve, format!("/cases/{i}/profile/depth/{j}")))
        .collect();
    if !ends.is_empty() {
        depth += &panel("Outside of the blocks", "", against, &ends);
    }
    let mut growth = String::new();
    for (j, curve) in profile.growth.iter().enumerate() {
        if GROWING.contains(&curve.checkpoint) {
            growth += &panel(
                &curve.title,
                "decode step",
                against,
                &[(curve, format!("/cases/{i}/profile/growth/{j}"))],
            );
        }
    }
    let mut html = group("Error by depth", &(legend(case.truth, against) + &grid(&depth)));
    html += &group("Where the differences are", &grid(&maps(i, case)));
    if !growth.is_empty() {
        html += &group("Growth over the decode", &(legend(case.truth, against) + &grid(&growth)));
    }
    html
}

fn is_block(at: &str) -> bool {
    at.bytes().all(|byte| byte.is_ascii_digit())
}

fn group(title: &str, content: &str) -> String {
    format!("<section><h3>{title}</h3>{content}</section>")
}

fn grid(figures: &str) -> String {
    if figures.is_empty() {
        return "<p class=\"quiet\">This reference holds none of it.</p>".to_owned();
    }
    format!("<div class=\"figures\">{figures}</div>")
}

fn legend(truth: bool, against: &str) -> String {
    if truth {
        format!(
            "<p class=\"legend\"><span class=\"ours\">ours to f64</span> <span class=\"theirs\">{against} \
             in f32 to f64</span> <span class=\"allowed\">allowed for ours</span> Root mean square, \
             logarithmic.</p>"
        )
    } else {
        format!(
            "<p class=\"legend\"><span class=\"ours\">largest difference to {against}</span> \
             <span class=\"allowed\">allowed</span> Logarithmic.</p>"
        )
    }
}

/// The points of one or several curves, side by side on one axis.
fn panel(title: &str, x_title: &str, against: &'static str, curves: &[(&Curve, String)]) -> String {
    let mut points: Vec<(&Point, String)> = Vec::new();
    for (curve, pointer) in curves {
        points.extend(
            curve
                .points
                .iter()
                .enumerate()
                .map(|(k, point)| (point, format!("{pointer}/points/{k}"))),
        );
    }
    let labels: Vec<String> = points.iter().map(|(point, _)| point.at.clone()).collect();
    let series = |class, label, leaf: &str, get: fn(&Point) -> Option<f64>| Series {
        class,
        label,
        values: points.iter().map(|(point, at)| (get(point), format!("{at}/{leaf}"))).collect(),
    };
    let truth = points.iter().any(|(point, _)| point.truth.is_some());
    let series = if truth {
        vec![
            series("allowed", "allowed", "truth/allowed", |it| Some(it.truth.as_ref()?.allowed)),
            series("theirs", against, "truth/reference_rms", |it| {
                Some(it.truth.as_ref()?.reference_rms)
            }),
            series("ours", "ours", "truth/ours_rms", |it| Some(it.truth.as_ref()?.ours_rms)),
        ]
    } else {
        vec![
            series("allowed", "allowed", "allowed", |it| Some(it.allowed)),
            series("ours", "ours", "max_abs", |it| Some(it.max_abs)),
        ]
    };
    format!(
        "<figure><figcaption>{}</figcaption>{}</figure>",
        escape(title),
        chart(title, x_title, &labels, !x_title.is_empty(), &series)
    )
}

/// The heat maps.
fn maps(i: usize, case: &Case) -> String {
    let mut html = String::new();
    for (j, map) in case.profile.heads.iter().enumerate() {
        let title = format!("{}: block and head by position", map.tap);
        let groups = map.blocks.iter().enumerate();
        html += &Heat {
            title: &title,
            x_title: columns("position", map.positions, map.positions_per_column),
            groups: groups.map(|(k, block)| (k * map.heads, format!("h.{block}"))).collect(),
            values: &map.values,
            pointer: format!("/cases/{i}/profile/heads/{j}"),
            place: &|row, column| {
                let (block, head) = (map.blocks[row / map.heads], row % map.heads);
                format!(
                    "h.{block}, head {head}, {}",
                    span("position", column, map.positions_per_column)
                )
            },
        }
        .figure();
    }
    if let Some(map) = &case.profile.residual {
        html += &Heat {
            title: "Residual stream: depth by channel group",
            x_title: columns("channel", map.channels, map.channels_per_column),
            groups: map.taps.iter().cloned().enumerate().collect(),
            values: &map.values,
            pointer: format!("/cases/{i}/profile/residual"),
            place: &|row, column| {
                format!("{}, {}", map.taps[row], span("channel", column, map.channels_per_column))
            },
        }
        .figure();
    }
    html
}

/// `position 5`, or `positions 10 to 14`.
fn span(what: &str, column: usize, each: usize) -> String {
    match each {
        1 => format!("{what} {column}"),
        each => format!("{what}s {} to {}", column * each, column * each + each - 1),
    }
}

fn columns(what: &str, n: usize, each: usize) -> String {
    match each {
        1 => format!("{what} 0 to {}", n.saturating_sub(1)),
        each => format!("{what} 0 to {}, {each} to a column", n.saturating_sub(1)),
    }
}
