//! The negative controls: every known mistake is caught where it is made, and named.

mod support;

use std::collections::BTreeSet;

use gpt2_trace::{Checkpoint, Mistake, catalogue, controls};
use support::{reference, tolerances, weights};

#[test]
fn every_mistake_is_caught_at_its_checkpoint_and_named() {
    let controls = controls(&reference("short"), &weights(), &tolerances());
    let failed: Vec<_> =
        controls.controls.iter().filter(|control| !(control.caught && control.named)).collect();
    assert!(controls.pass(), "{failed:#?}");
    let n = catalogue().count();
    assert_eq!(controls.to_string(), format!("{n}/{n} caught, {n}/{n} named"));
}

#[test]
fn what_does_not_apply_is_counted_apart() {
    // A single token, fed alone: nothing to mask, no position before the last.
    let controls = controls(&reference("one_token"), &weights(), &tolerances());
    let applies = |id| controls.controls.iter().any(|c| c.mistake.id == id && c.applies);
    assert!(!applies("mask-missing") && !applies("last-but-one-logits"));
    assert!(applies("unbiased-variance") && controls.pass());
    assert!(controls.to_string().ends_with("do not apply)"), "{controls}");
}

#[test]
fn the_catalogue_is_well_formed() {
    let ids: BTreeSet<_> = catalogue().map(|mistake| mistake.id).collect();
    assert_eq!(ids.len(), catalogue().count(), "ids are unique");
    assert!(ids.len() >= 34);
    for mistake in catalogue() {
        assert!(
            mistake.id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        );
        assert_eq!(Mistake::by_id(mistake.id).map(|found| found.id), Some(mistake.id));
    }
    for checkpoint in Checkpoint::ALL {
        let any = catalogue().any(|mistake| mistake.checkpoint == checkpoint);
        assert!(any, "nothing goes wrong at {checkpoint}");
    }
}
