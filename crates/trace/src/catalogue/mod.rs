//! Known mistakes: each a sentence and a change to the forms of the forward pass.

mod attention;
mod blocks;
mod controls;
mod inject;
mod logits;
mod norms;
mod projections;
mod sites;

use gpt2_model::Site;

pub use controls::{Control, Controls, controls};
pub use inject::{imitate, inject};

use crate::Checkpoint;
use crate::arithmetic::Forms;

/// Whether a mistake is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Class {
    /// Other arithmetic than the model's.
    Mistake,
    /// The model's arithmetic, with fewer digits.
    Precision,
}

/// A way of getting GPT-2 wrong that somebody has gone before.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub struct Mistake {
    /// A stable name.
    pub id: &'static str,
    /// Where it is made, and has to be caught.
    pub checkpoint: Checkpoint,
    /// Mistake or precision.
    pub class: Class,
    /// What was done, to follow "your values are".
    pub sentence: &'static str,
    /// Which values it changes.
    #[serde(skip)]
    at: fn(Site) -> bool,
    /// The mistake itself.
    #[serde(skip)]
    make: fn(&mut Forms),
}

/// Every known mistake, in the order of the forward pass, then the precisions.
pub fn catalogue() -> impl Iterator<Item = &'static Mistake> {
    let parts = [
        norms::NORMS,
        projections::PROJECTIONS,
        attention::ATTENTION,
        blocks::BLOCKS,
        logits::LOGITS,
    ];
    parts.into_iter().flatten()
}

impl Mistake {
    /// The mistake called `id`, or `None`.
    pub fn by_id(id: &str) -> Option<&'static Mistake> {
        catalogue().find(|mistake| mistake.id == id)
    }

    /// Whether it changes the value at `site`.
    pub fn concerns(&self, site: Site) -> bool {
        (self.at)(site)
    }

    /// `forms` with this mistake besides.
    pub(crate) fn added_to(&self, forms: &Forms) -> Forms {
        let mut forms = forms.clone();
        (self.make)(&mut forms);
        forms
    }
}

const fn mistake(
    id: &'static str,
    checkpoint: Checkpoint,
    at: fn(Site) -> bool,
    sentence: &'static str,
    make: fn(&mut Forms),
) -> Mistake {
    Mistake { id, checkpoint, class: Class::Mistake, sentence, at, make }
}

const fn precision(
    id: &'static str,
    checkpoint: Checkpoint,
    at: fn(Site) -> bool,
    sentence: &'static str,
    make: fn(&mut Forms),
) -> Mistake {
    Mistake { id, checkpoint, class: Class::Precision, sentence, at, make }
}
