use std::collections::BTreeSet;

use gpt2_trace::{Tensor, Trace, split_step};

use super::{HeadMap, ResidualMap};

/// Maps have at most this many columns.
const COLUMNS: usize = 64;

/// The attention taps with heads, and which of their dimensions are the head and the position.
const HEAD_TAPS: [(&str, usize, usize); 5] = [
    ("attn.q", 1, 0),
    ("attn.k", 1, 0),
    ("attn.v", 1, 0),
    ("attn.scores", 0, 1),
    ("attn.weights", 0, 1),
];

pub(super) fn heads(ours: &Trace, reference: &Trace) -> Vec<HeadMap> {
    HEAD_TAPS.iter().filter_map(|tap| head_map(ours, reference, *tap)).collect()
}

fn head_map(
    ours: &Trace,
    reference: &Trace,
    (tap, head_axis, position_axis): (&str, usize, usize),
) -> Option<HeadMap> {
    // Block, step and both tensors of everything that is this tap.
    let mut found = Vec::new();
    for (name, a, b) in pairs(ours, reference) {
        let Some((step, site)) = split_step(name) else { continue };
        let Some((block, part)) = site.strip_prefix("h.").and_then(|it| it.split_once('.')) else {
            continue;
        };
        if part != tap || a.shape().len() != 3 {
            continue;
        }
        let Ok(block) = block.parse::<usize>() else { continue };
        found.push((block, step, a, b));
    }
    let heads = found.first()?.2.shape()[head_axis];
    let prompt = found.iter().filter(|it| it.1 == 0).map(|it| it.2.shape()[position_axis]).max();
    let steps = found.iter().map(|it| it.1).max()?;
    let positions = prompt.unwrap_or(0) + steps;
    let blocks: Vec<usize> =
        found.iter().map(|it| it.0).collect::<BTreeSet<_>>().into_iter().collect();
    let mut grid = Grid::new(blocks.len() * heads, positions);
    for (block, step, a, b) in found {
        let first = if step == 0 { 0 } else { prompt.unwrap_or(0) + step - 1 };
        let block = blocks.iter().position(|known| *known == block)?;
        let (shape, mut index) = (a.shape().to_vec(), [0; 3]);
        for (x, y) in a.values().zip(b.values()) {
            if index[head_axis] < heads {
                grid.put(block * heads + index[head_axis], first + index[position_axis], x, y);
            }
            advance(&mut index, &shape);
        }
    }
    Some(HeadMap {
        tap: tap.to_owned(),
        blocks,
        heads,
        positions,
        positions_per_column: grid.per_column,
        values: grid.rounded(),
    })
}

pub(super) fn residual(ours: &Trace, reference: &Trace) -> Option<ResidualMap> {
    let mut found = Vec::new();
    for (name, a, b) in pairs(ours, reference) {
        let Some((_, site)) = split_step(name) else { continue };
        let depth = match site {
            "embed" => 0,
            "ln_f" => usize::MAX,
            _ => match site.strip_prefix("h.").map(str::parse::<usize>) {
                Some(Ok(block)) => block + 1,
                _ => continue,
            },
        };
        if a.shape().len() == 2 {
            found.push((depth, site.to_owned(), a, b));
        }
    }
    let channels = found.first()?.2.shape()[1];
    let taps: Vec<(usize, String)> = found
        .iter()
        .map(|(depth, site, ..)| (*depth, site.clone()))
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    let mut grid = Grid::new(taps.len(), channels);
    for (depth, _, a, b) in found {
        let row = taps.iter().position(|(known, _)| *known == depth)?;
        for (i, (x, y)) in a.values().zip(b.values()).enumerate() {
            grid.put(row, i % channels, x, y);
        }
    }
    Some(ResidualMap {
        taps: taps.into_iter().map(|(_, site)| site).collect(),
        channels,
        channels_per_column: grid.per_column,
        values: grid.rounded(),
    })
}

/// What both hold in the same shape.
fn pairs<'a>(
    ours: &'a Trace,
    reference: &'a Trace,
) -> impl Iterator<Item = (&'a str, &'a Tensor, &'a Tensor)> {
    reference.tensors.iter().filter_map(|(name, theirs)| {
        let ours = ours.tensors.get(name)?;
        (ours.shape() == theirs.shape()).then_some((name.as_str(), ours, theirs))
    })
}

/// The next index in row-major order.
fn advance(index: &mut [usize; 3], shape: &[usize]) {
    for axis in (0..3).rev() {
        index[axis] += 1;
        if index[axis] < shape[axis] {
            return;
        }
        index[axis] = 0;
    }
}

/// The largest difference in each cell.
struct Grid {
    per_column: usize,
    values: Vec<Vec<Option<f64>>>,
}

impl Grid {
    fn new(rows: usize, width: usize) -> Self {
        let per_column = width.div_ceil(COLUMNS).max(1);
        Grid { per_column, values: vec![vec![None; width.div_ceil(per_column)]; rows] }
    }

    fn put(&mut self, row: usize, x: usize, ours: f64, reference: f64) {
        // Equal infinities do not differ; a NaN is not a number to draw.
        let difference = if ours == reference { 0.0 } else { (ours - reference).abs() };
        let cell = self.values.get_mut(row).and_then(|row| row.get_mut(x / self.per_column));
        if let Some(cell) = cell
            && difference.is_finite()
        {
            *cell = Some(cell.map_or(0.0, |old: f64| old).max(difference));
        }
    }

    fn rounded(mut self) -> Vec<Vec<Option<f64>>> {
        for value in self.values.iter_mut().flatten().flatten() {
            *value = rounded(*value);
        }
        self.values
    }
}

/// Three significant digits: a third of the size of the report.
fn rounded(x: f64) -> f64 {
    // A number that was just printed can be read.
    if x == 0.0 { 0.0 } else { format!("{x:.2e}").parse().unwrap_or(x) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grid_keeps_the_largest_of_each_cell() {
        let mut grid = Grid::new(1, 130);
        assert_eq!((grid.per_column, grid.values[0].len()), (3, 44));
        grid.put(0, 0, 1.0, 1.0);
        grid.put(0, 2, 1.0, 1.001234);
        grid.put(0, 1, 1.0, 0.5);
        grid.put(0, 3, f64::NEG_INFINITY, f64::NEG_INFINITY);
        grid.put(0, 6, f64::NAN, 0.0);
        assert_eq!(grid.values[0][..4], [Some(0.5), Some(0.0), None, None]);
        assert_eq!(rounded(1.23456e-7), 1.23e-7);
    }
}
