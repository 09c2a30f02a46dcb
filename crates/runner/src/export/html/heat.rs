//! Heat maps as SVG, coloured by the classes of `page.css`.

use std::fmt::Write;

use super::page::escape;
use crate::export::text::number;

/// The width of a map in its own units; it scales with the page.
const WIDTH: f64 = 320.0;
/// Room for the labels.
const LEFT: f64 = 40.0;
const RIGHT: f64 = 8.0;
/// Colours besides that of 0, and how many decades below the largest value they reach.
const BINS: f64 = 8.0;
const DECADES: f64 = 2.0;
/// Labels along an axis: more would overlap.
const LABELS: usize = 12;

/// A map of rows and columns.
pub(super) struct Heat<'a> {
    pub(super) title: &'a str,
    /// What a column is, for the axis.
    pub(super) x_title: String,
    /// Labels of the y axis with the row at which each begins.
    pub(super) groups: Vec<(usize, String)>,
    pub(super) values: &'a [Vec<Option<f64>>],
    /// The JSON pointer to the values.
    pub(super) pointer: String,
    /// What to call a row and a column.
    pub(super) place: &'a dyn Fn(usize, usize) -> String,
}

impl Heat<'_> {
    /// The figure with its legend. Its cells are one path for each colour.
    pub(super) fn figure(&self) -> String {
        let columns = self.values.iter().map(Vec::len).max().unwrap_or(0).max(1);
        let rows = self.values.len().max(1);
        let row = (168.0 / rows as f64).clamp(2.5, 20.0);
        let column = (WIDTH - LEFT - RIGHT) / columns as f64;
        let height = row * rows as f64;
        let largest = self.values.iter().flatten().flatten().copied().fold(0.0, f64::max);
        let mut paths: Vec<String> = vec![String::new(); BINS as usize + 1];
        let (mut worst, mut exact, mut compared) = ((0, 0), 0, 0);
        for (r, values) in self.values.iter().enumerate() {
            for (c, value) in values.iter().enumerate() {
                let Some(value) = *value else { continue };
                compared += 1;
                exact += usize::from(value == 0.0);
                if value == largest {
                    worst = (r, c);
                }
                let _ = write!(paths[bin(value, largest)], "M{c} {r}h1v1h-1z");
            }
        }
        let place = escape(&(self.place)(worst.0, worst.1));
        let mut svg = format!(
            "<svg class=\"heat\" viewBox=\"0 0 {WIDTH} {:.1}\" role=\"img\" aria-label=\"{}: largest \
             difference {} at {place}, {exact} of {compared} cells are equal\">\
             <g data-path=\"{}\" data-rows=\"{rows}\" data-columns=\"{columns}\" \
             transform=\"translate({LEFT} 2) scale({column:.3} {row:.3})\">\
             <path class=\"none\" d=\"M0 0H{columns}V{rows}H0z\"/>",
            height + 22.0,
            escape(self.title),
            number(largest),
            self.pointer,
        );
        for (i, path) in paths.iter().enumerate().filter(|(_, path)| !path.is_empty()) {
            let _ = write!(svg, "<path class=\"b{i}\" d=\"{path}\"/>");
        }
        svg += "</g>";
        let thin = self.groups.len().div_ceil(LABELS).max(1);
        for (i, (begin, label)) in self.groups.iter().enumerate() {
            let end = self.groups.get(i + 1).map_or(rows, |next| next.0);
            if i > 0 && end - begin > 1 {
                let _ = write!(
                    svg,
                    "<path class=\"rule\" d=\"M{LEFT} {:.1}H{}\"/>",
                    2.0 + *begin as f64 * row,
                    WIDTH - RIGHT
                );
            }
            if i % thin == 0 {
                let middle = 2.0 + (*begin + end) as f64 / 2.0 * row + 3.0;
                let _ = write!(
                    svg,
                    "<text class=\"y\" x=\"{}\" y=\"{middle:.1}\">{}</text>",
                    LEFT - 4.0,
                    escape(label)
                );
            }
        }
        let _ = write!(
            svg,
            "<text class=\"x\" x=\"{:.1}\" y=\"{:.1}\">{}</text></svg>",
            (LEFT + WIDTH - RIGHT) / 2.0,
            height + 16.0,
            escape(&self.x_title)
        );
        format!(
            "<figure><figcaption>{}</figcaption>{svg}<p class=\"scale\">{}</p>\
             <p class=\"read\" aria-live=\"polite\">largest {} at {place}</p></figure>",
            escape(self.title),
            scale(largest),
            number(largest)
        )
    }
}

/// 0 for equality, then up to [`BINS`] on a logarithmic scale that ends at `largest`.
fn bin(value: f64, largest: f64) -> usize {
    if value == 0.0 {
        return 0;
    }
    let below = (value / largest).log10() / DECADES;
    (1.0 + ((1.0 + below) * BINS).floor()).clamp(1.0, BINS) as usize
}

fn scale(largest: f64) -> String {
    let swatch = |i: usize| format!("<i class=\"b{i}\"></i>");
    let all: String = (1..=BINS as usize).map(swatch).collect();
    if largest == 0.0 {
        return format!("{} equal everywhere", swatch(0));
    }
    format!(
        "{} 0 &nbsp; {} {all} {}",
        swatch(0),
        number(largest / 10_f64.powf(DECADES)),
        number(largest)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_cover_two_decades_and_equality_has_its_own() {
        let bins = [0.0, 1e-9, 1e-3, 0.5, 1.0].map(|value| bin(value, 1.0));
        assert_eq!(bins, [0, 1, 1, 7, 8]);
    }
}
