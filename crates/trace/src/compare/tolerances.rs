use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Checkpoint, TraceError};

/// How far a tensor of one checkpoint may lie from the reference, and why so far.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tolerance {
    /// Allowed whatever the size of the values.
    pub absolute: f64,
    /// Allowed besides, per unit of the reference tensor's largest magnitude.
    pub relative: f64,
    /// Why this much.
    pub reason: String,
}

impl Tolerance {
    /// The largest difference allowed in a tensor whose largest finite magnitude is `max_abs`.
    pub fn allowed(&self, max_abs: f64) -> f64 {
        self.absolute + self.relative * max_abs
    }
}

/// How our distance to the f64 reference is held against that of the f32 reference.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TruthTolerance {
    /// Our rms error may be this many times the f32 reference's.
    pub factor: f64,
    /// Or this many f32 roundings (2^-24) of the tensor's own rms, whichever is more.
    pub floor_ulps: f64,
    /// Why.
    pub reason: String,
}

impl TruthTolerance {
    /// The largest rms error allowed beside a reference with `reference_rms`, in a tensor of rms
    /// `scale`.
    pub fn allowed(&self, reference_rms: f64, scale: f64) -> f64 {
        (self.factor * reference_rms).max(self.floor_ulps * scale * 2.0_f64.powi(-24))
    }
}

/// The tolerance of every checkpoint, read from one data file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tolerances {
    checkpoints: BTreeMap<Checkpoint, Tolerance>,
    truth: TruthTolerance,
}

impl Tolerances {
    /// The tolerances that this crate ships, `data/tolerances.json`.
    ///
    /// # Errors
    ///
    /// [`TraceError::Tolerances`] if that file is broken, which a test rules out.
    pub fn builtin() -> Result<Self, TraceError> {
        Tolerances::from_json(include_str!("../../data/tolerances.json"))
    }

    /// Tolerances of your own, in the form of `data/tolerances.json`.
    ///
    /// # Errors
    ///
    /// [`TraceError::Tolerances`] when a checkpoint is missing or unknown, or a number is not
    /// finite or negative.
    pub fn from_json(json: &str) -> Result<Self, TraceError> {
        let tolerances: Tolerances = serde_json::from_str(json)
            .map_err(|error| TraceError::Tolerances(error.to_string()))?;
        for checkpoint in Checkpoint::ALL {
            let Some(tolerance) = tolerances.checkpoints.get(&checkpoint) else {
                return Err(TraceError::Tolerances(format!("nothing for `{checkpoint}`")));
            };
            if !(tolerance.absolute >= 0.0 && tolerance.relative >= 0.0) {
                return Err(TraceError::Tolerances(format!("`{checkpoint}` is not positive")));
            }
        }
        Ok(tolerances)
    }

    /// The tolerance of `checkpoint`.
    #[allow(clippy::missing_panics_doc, reason = "construction checks that all are there")]
    pub fn of(&self, checkpoint: Checkpoint) -> &Tolerance {
        &self.checkpoints[&checkpoint]
    }

    /// The tolerance for distances to the f64 reference.
    pub fn truth(&self) -> &TruthTolerance {
        &self.truth
    }
}
