//! Where in a model the differences are: what the charts of a report are drawn from.

mod curves;
mod maps;

use gpt2_trace::{Checkpoint, Entry, Tolerances, Trace};
use serde::Serialize;

/// The differences of one case by depth, by decode step, by head and position, and by channel.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Profile {
    /// A curve for each checkpoint that was compared: over the blocks, all decode steps together.
    pub depth: Vec<Curve>,
    /// A curve for each checkpoint that was compared in several decode steps: over the steps, all blocks
    /// together.
    pub growth: Vec<Curve>,
    /// A map for each kind of attention tap.
    pub heads: Vec<HeadMap>,
    /// The residual stream, from the embedding to the last LayerNorm.
    pub residual: Option<ResidualMap>,
}

/// The error at one checkpoint as it changes along the model, or along the decode.
#[derive(Clone, Debug, Serialize)]
pub struct Curve {
    /// The checkpoint.
    pub checkpoint: Checkpoint,
    /// Its name for readers.
    pub title: String,
    /// In order.
    pub points: Vec<Point>,
}

/// All tensors of one checkpoint at one place.
#[derive(Clone, Debug, Serialize)]
pub struct Point {
    /// The number of the block or of the step; outside of the blocks the name of the tap.
    pub at: String,
    /// The largest `|ours - reference|`.
    pub max_abs: f64,
    /// The largest that a tensor here may have.
    pub allowed: f64,
    /// The distances to f64, where there is an f64 reference.
    pub truth: Option<PointTruth>,
}

/// Who is nearer to f64.
#[derive(Clone, Debug, Serialize)]
pub struct PointTruth {
    /// Root mean square of ours minus f64.
    pub ours_rms: f64,
    /// Root mean square of the f32 reference minus f64.
    pub reference_rms: f64,
    /// The largest `ours_rms` that the tolerance for f64 would allow here. It is the checkpoint as a
    /// whole that is judged.
    pub allowed: f64,
}

/// The largest `|ours - reference|` of one attention tap, by block, head and position.
#[derive(Clone, Debug, Serialize)]
pub struct HeadMap {
    /// `attn.q` and so on: the tap without its block.
    pub tap: String,
    /// The blocks of which there is something.
    pub blocks: Vec<usize>,
    /// How many heads each of them has.
    pub heads: usize,
    /// How many positions there are: the prompt, then one for each decode step.
    pub positions: usize,
    /// How many positions share a column.
    pub positions_per_column: usize,
    /// One row for each head of each block; in it one number for each column, `null` where nothing was
    /// compared. Rounded to three significant digits.
    pub values: Vec<Vec<Option<f64>>>,
}

/// The largest `|ours - reference|` in the residual stream, by depth and group of channels.
#[derive(Clone, Debug, Serialize)]
pub struct ResidualMap {
    /// `embed`, `h.0`, ..., `ln_f`: one row each.
    pub taps: Vec<String>,
    /// How many channels there are.
    pub channels: usize,
    /// How many neighbouring channels share a column.
    pub channels_per_column: usize,
    /// One row for each tap; in it one number for each column. Rounded to three significant digits.
    pub values: Vec<Vec<Option<f64>>>,
}

impl Profile {
    /// The profile of `entries`, which are the comparison of `ours` with `reference`.
    pub(crate) fn new(
        entries: &[Entry],
        ours: &Trace,
        reference: &Trace,
        tolerances: &Tolerances,
    ) -> Self {
        Profile {
            depth: curves::by_depth(entries, tolerances),
            growth: curves::by_step(entries, tolerances),
            heads: maps::heads(ours, reference),
            residual: maps::residual(ours, reference),
        }
    }
}
