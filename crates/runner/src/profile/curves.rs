use gpt2_trace::{Checkpoint, Difference, Entry, Tolerances, split_step};

use super::{Curve, Point, PointTruth};

/// Over the blocks. Taps outside of the blocks are points of their own.
pub(super) fn by_depth(entries: &[Entry], tolerances: &Tolerances) -> Vec<Curve> {
    curves(entries, tolerances, |name| {
        let site = split_step(name).map_or(name, |(_, site)| site);
        match site.strip_prefix("h.") {
            Some(rest) => rest.split_once('.').map_or(rest, |(block, _)| block).to_owned(),
            None => site.to_owned(),
        }
    })
}

/// Over the decode steps, where there are several.
pub(super) fn by_step(entries: &[Entry], tolerances: &Tolerances) -> Vec<Curve> {
    let step = |name: &str| split_step(name).map_or(0, |(step, _)| step).to_string();
    let mut curves = curves(entries, tolerances, step);
    curves.retain(|curve| curve.points.len() > 1);
    curves
}

/// Sums up the entries of each checkpoint that are at the same place. Entries come in the order of the
/// forward pass, so places do too: a later step adds to a place that the first one had.
fn curves(
    entries: &[Entry],
    tolerances: &Tolerances,
    place: impl Fn(&str) -> String,
) -> Vec<Curve> {
    let mut curves = Vec::new();
    for checkpoint in Checkpoint::ALL {
        let mut places: Vec<(String, Sums)> = Vec::new();
        for entry in entries.iter().filter(|entry| entry.checkpoint == Some(checkpoint)) {
            let Ok(difference) = &entry.result else { continue };
            let at = place(&entry.name);
            let i = places.iter().position(|(known, _)| *known == at).unwrap_or_else(|| {
                places.push((at, Sums::default()));
                places.len() - 1
            });
            places[i].1.add(difference);
        }
        if !places.is_empty() {
            curves.push(Curve {
                checkpoint,
                title: checkpoint.to_string(),
                points: places.into_iter().map(|(at, sums)| sums.point(at, tolerances)).collect(),
            });
        }
    }
    curves
}

#[derive(Default)]
struct Sums {
    max_abs: f64,
    allowed: f64,
    /// Elements that have a truth, and sums of squares over them.
    elements: f64,
    ours: f64,
    reference: f64,
    scale: f64,
}

impl Sums {
    fn add(&mut self, difference: &Difference) {
        self.max_abs = self.max_abs.max(difference.max_abs);
        self.allowed = self.allowed.max(difference.allowed);
        if let Some(truth) = &difference.truth {
            let n = difference.elements as f64;
            self.elements += n;
            self.ours += n * truth.ours_rms.powi(2);
            self.reference += n * truth.reference_rms.powi(2);
            self.scale += n * truth.scale_rms.powi(2);
        }
    }

    fn point(&self, at: String, tolerances: &Tolerances) -> Point {
        let rms = |sum: f64| (sum / self.elements).sqrt();
        let truth = (self.elements > 0.0).then(|| PointTruth {
            ours_rms: rms(self.ours),
            reference_rms: rms(self.reference),
            allowed: tolerances.truth().allowed(rms(self.reference), rms(self.scale)),
        });
        Point { at, max_abs: self.max_abs, allowed: self.allowed, truth }
    }
}
