use std::collections::HashSet;
use std::fmt;
use std::mem::discriminant;

use gpt2_weights::Gpt2Weights;
use serde::Serialize;

use super::divergence::search;
use super::hypothesis::Case;
use super::{Divergence, Explanation, Finding};
use crate::arithmetic::Forms;
use crate::isolated::{Parameters, Tokens};
use crate::{Entry, Place, Tolerances, Trace, compare};

/// What is wrong with a trace, and why.
#[derive(Clone, Debug, Serialize)]
pub struct Diagnosis {
    /// Where the values leave the reference; `None` if they do not.
    pub divergence: Option<Divergence>,
    /// The operations that are wrong by themselves, in the order of the forward pass. A mistake that
    /// was found is not found again in later blocks and steps.
    pub findings: Vec<Finding>,
    /// The value that uses most of its tolerance, and how much of it.
    pub nearest: Option<(String, f64)>,
    /// What could not be compared, and why not.
    pub not_compared: Vec<(String, String)>,
}

impl Diagnosis {
    /// Whether a known mistake explains every operation that is wrong, and there is one.
    pub fn explained(&self) -> bool {
        !self.findings.is_empty() && self.findings.iter().all(Finding::is_explained)
    }

    /// Whether what differs is rounding: no operation is wrong by itself.
    pub fn is_rounding(&self) -> bool {
        self.findings.is_empty() && self.nearest.is_some() && self.comparable()
    }

    /// The findings, a sentence each; where there is none, why.
    pub fn sentences(&self) -> Vec<String> {
        if !self.findings.is_empty() {
            return self.findings.iter().map(ToString::to_string).collect();
        }
        vec![match (&self.nearest, &self.divergence) {
            (Some((name, used)), _) if self.is_rounding() => format!(
                "no mistake found, this is rounding: most of its tolerance is used by {name}, {:.1} %",
                100.0 * used
            ),
            (_, Some(it)) => format!("{}: it cannot be recomputed from what was recorded", it.name),
            _ => "nothing was compared".to_owned(),
        }]
    }

    /// Whether the first divergence, if there is one, is one of values.
    fn comparable(&self) -> bool {
        !matches!(self.divergence, Some(Divergence { what: super::Wrong::NotComparable(_), .. }))
    }
}

/// Explains where `theirs` leaves `reference`, by what is known to go wrong.
///
/// Up to the first divergence everything is right. From there on, each value that is not the
/// reference's is held against its operation done right, recomputed from their own inputs (or from
/// the reference's, for a trace that is wrong in one operation alone). Where that is not near either,
/// the [`crate::catalogue`] is tried: a mistake that reproduces their values is named, and taken for
/// granted from there on, so that a second mistake is found as well. Inputs that were not recorded are
/// recomputed from those that were.
pub fn diagnose(
    theirs: &Trace,
    weights: &Gpt2Weights,
    reference: &Trace,
    tolerances: &Tolerances,
) -> Diagnosis {
    let entries = compare(theirs, reference, None, tolerances);
    let search = search(&entries, theirs, reference);
    let mut diagnosis = Diagnosis {
        divergence: search.divergence,
        findings: Vec::new(),
        nearest: nearest(&entries),
        not_compared: search.not_compared,
    };
    let reference_tokens = Tokens::of(reference).unwrap_or_default();
    let case = Case {
        theirs,
        reference,
        weights: Parameters::new(weights),
        tolerances,
        // A trace from elsewhere need not say what was fed; it was compared as if it were the same.
        tokens: Tokens::of(theirs)
            .filter(|tokens| tokens.steps() >= reference_tokens.steps())
            .unwrap_or_else(|| reference_tokens.clone()),
        reference_tokens,
    };
    // All that is believed of their implementation; several, where mistakes look the same so far.
    let mut beliefs = vec![Forms::right(weights.config())];
    let mut unexplained = HashSet::new();
    for entry in entries.iter().filter(|entry| !entry.passes()) {
        let Some(place) = Place::parse(&entry.name) else { continue };
        let kind = discriminant(&place.site);
        if unexplained.contains(&kind) || !theirs.tensors.contains_key(&entry.name) {
            continue;
        }
        let doubts: Vec<_> = beliefs.iter().map(|forms| case.explain(place, forms)).collect();
        if doubts.iter().any(Option::is_none) {
            let mut keep = doubts.iter().map(Option::is_none);
            beliefs.retain(|_| keep.next().unwrap_or(true));
            if let Some(last) = diagnosis.findings.last_mut().filter(|last| last.is_explained()) {
                let mut keep = doubts.iter().map(Option::is_none);
                last.explanations.retain(|_| keep.next().unwrap_or(true));
            }
            continue;
        }
        let Some(finding) = doubts.into_iter().flatten().next() else { continue };
        if finding.is_explained() {
            let explained = |explanation: &Explanation| explanation.mistake.added_to(&beliefs[0]);
            beliefs = finding.explanations.iter().map(explained).collect();
        } else {
            unexplained.insert(kind);
            beliefs.truncate(1);
        }
        diagnosis.findings.push(finding);
    }
    diagnosis
}

/// The value that uses most of its tolerance.
fn nearest(entries: &[Entry]) -> Option<(String, f64)> {
    entries
        .iter()
        .filter_map(|entry| Some((entry.name.clone(), entry.result.as_ref().ok()?.used())))
        .max_by(|(_, a), (_, b)| a.total_cmp(b))
}

/// The findings, a line each; or that there are none.
impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(divergence) = &self.divergence {
            writeln!(f, "{divergence}")?;
        }
        self.sentences().iter().try_for_each(|sentence| writeln!(f, "{sentence}"))
    }
}
