//! Line charts as SVG, coloured by the classes of `page.css`.

use std::fmt::Write;

use super::page::escape;
use crate::export::text::number;

/// The size of a chart in its own units; it scales with the page.
const WIDTH: f64 = 320.0;
const HEIGHT: f64 = 180.0;
/// Room for the labels.
const LEFT: f64 = 40.0;
const RIGHT: f64 = 8.0;
const TOP: f64 = 8.0;
const BOTTOM: f64 = 32.0;
/// Labels along an axis: more would overlap.
const LABELS: usize = 12;

/// One line of a chart.
pub(super) struct Series {
    /// The class in `page.css`: `ours`, `theirs` or `allowed`.
    pub(super) class: &'static str,
    /// What the legend calls it.
    pub(super) label: &'static str,
    /// For each label of the x axis the value, and the JSON pointer to it.
    pub(super) values: Vec<(Option<f64>, String)>,
}

/// A chart with a logarithmic y axis, on which 0 lies at the bottom. Values are joined by lines unless
/// the places on the x axis have nothing to do with each other.
pub(super) fn chart(
    title: &str,
    x_title: &str,
    labels: &[String],
    joined: bool,
    series: &[Series],
) -> String {
    let values = || series.iter().flat_map(|line| &line.values).filter_map(|(value, _)| *value);
    let positive = || values().filter(|value| *value > 0.0 && value.is_finite());
    let smallest = positive().fold(f64::INFINITY, f64::min);
    let largest = positive().fold(0.0, f64::max);
    let described = describe(series);
    let mut svg = format!(
        "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}. {}\">",
        escape(title),
        escape(&described)
    );
    if largest == 0.0 {
        let _ = write!(
            svg,
            "<text class=\"note\" x=\"{}\" y=\"{}\">equal, bit for bit</text></svg>",
            WIDTH / 2.0,
            HEIGHT / 2.0
        );
        return svg;
    }
    let has_zero = values().any(|value| value == 0.0);
    let low = smallest.log10().floor() - if has_zero { 1.0 } else { 0.0 };
    let high = largest.log10().ceil().max(low + 1.0);
    let (bottom, right) = (HEIGHT - BOTTOM, WIDTH - RIGHT);
    let y = |value: f64| {
        let decades = if value > 0.0 { value.log10().clamp(low, high) } else { low };
        bottom - (decades - low) / (high - low) * (bottom - TOP)
    };
    let step = (right - LEFT) / labels.len() as f64;
    let x = |i: usize| LEFT + (i as f64 + 0.5) * step;

    // Writing to a String does not fail, here and below.
    let every = ((high - low) / 5.0).ceil().max(1.0);
    let mut decade = low;
    while decade <= high {
        let at = y(10_f64.powf(decade));
        let label = if has_zero && decade == low { "0".to_owned() } else { format!("1e{decade}") };
        let _ = write!(
            svg,
            "<path class=\"grid\" d=\"M{LEFT} {at:.1}H{right}\"/>\
             <text class=\"y\" x=\"{}\" y=\"{:.1}\">{label}</text>",
            LEFT - 4.0,
            at + 3.0
        );
        decade += every;
    }
    let thin = labels.len().div_ceil(LABELS);
    for (i, label) in labels.iter().enumerate().filter(|(i, _)| i % thin == 0) {
        let _ = write!(
            svg,
            "<text class=\"x\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            x(i),
            bottom + 12.0,
            escape(label)
        );
    }
    let _ = write!(
        svg,
        "<text class=\"x\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
        (LEFT + right) / 2.0,
        HEIGHT - 5.0,
        escape(x_title)
    );
    for line in series {
        draw(&mut svg, line, labels, joined, &x, &y);
    }
    svg + "</svg>"
}

/// The path of one series, and a mark for each of its values.
fn draw(
    svg: &mut String,
    series: &Series,
    labels: &[String],
    joined: bool,
    x: &impl Fn(usize) -> f64,
    y: &impl Fn(f64) -> f64,
) {
    let class = series.class;
    let mut path = String::new();
    let mut marks = String::new();
    let mut pen = 'M';
    for (i, ((value, pointer), label)) in series.values.iter().zip(labels).enumerate() {
        let Some(value) = *value else {
            pen = 'M';
            continue;
        };
        let (cx, cy) = (x(i), y(value));
        let _ = write!(path, "{pen}{cx:.1} {cy:.1}");
        pen = 'L';
        let shape = match class {
            "theirs" => {
                format!("rect x=\"{:.1}\" y=\"{:.1}\" width=\"5\" height=\"5\"", cx - 2.5, cy - 2.5)
            }
            "allowed" if !joined => {
                format!(
                    "rect x=\"{:.1}\" y=\"{:.1}\" width=\"16\" height=\"1.2\"",
                    cx - 8.0,
                    cy - 0.6
                )
            }
            _ => format!(
                "circle cx=\"{cx:.1}\" cy=\"{cy:.1}\" r=\"{}\"",
                if class == "ours" { 2.8 } else { 1.5 }
            ),
        };
        let tag = shape.split(' ').next().unwrap_or_default();
        // JSON has no infinities: at the top of the chart there is one, in the report there is none.
        let datum = if value.is_finite() {
            format!(" data-path=\"{pointer}\" data-value=\"{value:e}\"")
        } else {
            String::new()
        };
        let _ = write!(
            marks,
            "<{shape} class=\"{class}\"{datum}><title>{}: {} {}</title></{tag}>",
            escape(label),
            series.label,
            number(value)
        );
    }
    if joined {
        let _ = write!(svg, "<path class=\"line {class}\" d=\"{path}\"/>");
    }
    *svg += &marks;
}

/// The ranges in words, for those who do not see the lines.
fn describe(series: &[Series]) -> String {
    let range = |line: &Series| {
        let values = || line.values.iter().filter_map(|(value, _)| *value);
        let (low, high) = (values().fold(f64::INFINITY, f64::min), values().fold(0.0, f64::max));
        format!("{} {} to {}", line.label, number(low), number(high))
    };
    series.iter().map(range).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_of_zeros_says_so_and_one_with_zeros_has_a_place_for_them() {
        let series = |values: &[f64]| Series {
            class: "ours",
            label: "ours",
            values: values.iter().map(|value| (Some(*value), "/x".to_owned())).collect(),
        };
        let labels = ["0", "1"].map(str::to_owned);
        assert!(
            chart("t", "x", &labels, true, &[series(&[0.0, 0.0])]).contains("equal, bit for bit")
        );
        let svg = chart("t", "x", &labels, true, &[series(&[0.0, 1e-7])]);
        assert!(svg.contains(">0</text>") && svg.contains("data-value=\"1e-7\""), "{svg}");
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
    }
}
