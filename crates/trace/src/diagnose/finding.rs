use std::fmt;

use serde::Serialize;

use crate::{Checkpoint, Class, Mistake};

/// An operation that is wrong by itself, and what explains it.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// The recorded name of the first value that the operation got wrong.
    pub name: String,
    /// Its checkpoint.
    pub checkpoint: Checkpoint,
    /// The largest difference between their values and what the right operation gives.
    pub distance: f64,
    /// The difference that would have been allowed.
    pub allowed: f64,
    /// The known mistakes that reproduce their values, the nearest first. More than one means that
    /// they are numerically the same here.
    pub explanations: Vec<Explanation>,
    /// If there is none: the mistakes that come nearest.
    pub closest: Vec<Explanation>,
}

/// A known mistake, held against their values.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Explanation {
    /// The mistake.
    #[serde(flatten)]
    pub mistake: &'static Mistake,
    /// The largest difference between their values and what the mistake gives.
    pub distance: f64,
}

impl Finding {
    /// Whether a known mistake explains it.
    pub fn is_explained(&self) -> bool {
        !self.explanations.is_empty()
    }

    /// Whether this mistake explains it.
    pub fn names(&self, id: &str) -> bool {
        self.explanations.iter().any(|explanation| explanation.mistake.id == id)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.name)?;
        let Some((best, same)) = self.explanations.split_first() else {
            write!(
                f,
                "no known mistake explains your values (max difference to the right answer {:.1e})",
                self.distance
            )?;
            let mut before = "; closest: ";
            for Explanation { mistake, distance } in &self.closest {
                write!(f, "{before}{} ({distance:.1e})", mistake.id)?;
                before = ", ";
            }
            return Ok(());
        };
        if best.mistake.class == Class::Precision {
            f.write_str("no mistake but precision: ")?;
        }
        write!(
            f,
            "your values are {}; max difference to that hypothesis {:.1e}, to the right answer {:.1e} \
             [{}]",
            best.mistake.sentence, best.distance, self.distance, best.mistake.id
        )?;
        let mut before = "; numerically the same here: ";
        for Explanation { mistake, .. } in same {
            write!(f, "{before}{} [{}]", mistake.sentence, mistake.id)?;
            before = ", ";
        }
        Ok(())
    }
}
