//! Whole implementations with mistakes: where they diverge first, and why.

mod support;

use gpt2_trace::{
    Diagnosis, Mistake, Mode, Tensor, Trace, Wrong, diagnose, first_divergence, imitate,
};
use support::{reference, tolerances, weights};

fn wrong(ids: &[&str]) -> Trace {
    let mistakes: Vec<_> =
        ids.iter().map(|id| Mistake::by_id(id).expect("in the catalogue")).collect();
    imitate(&mistakes, &reference("short"), &weights())
}

fn diagnosed(theirs: &Trace) -> Diagnosis {
    diagnose(theirs, &weights(), &reference("short"), &tolerances())
}

/// The first explanation of every finding.
fn names(diagnosis: &Diagnosis) -> Vec<&'static str> {
    let best =
        diagnosis.findings.iter().map(|f| f.explanations.first().map_or("?", |e| e.mistake.id));
    best.collect()
}

#[test]
fn the_right_arithmetic_in_f64_is_rounding_away() {
    let diagnosis = diagnosed(&wrong(&[]));
    assert!(diagnosis.divergence.is_none() && diagnosis.is_rounding());
    assert!(diagnosis.to_string().contains("this is rounding"), "{diagnosis}");
}

#[test]
fn a_mistake_that_flows_on_is_found_once() {
    // Of every kind; those of the cache flow into shapes that stop the rest.
    for id in [
        "position-from-one",
        "unbiased-variance",
        "epsilon-1e-6",
        "norm-bias-missing",
        "final-norm-missing",
        "weight-transposed",
        "qkv-thirds-kvq",
        "heads-interleaved",
        "query-scaled",
        "cache-shifted",
        "cache-kv-swapped",
        "scale-missing",
        "scale-by-block",
        "mask-missing",
        "mask-off-by-one",
        "softmax-over-queries",
        "heads-not-transposed",
        "attention-projection-missing",
        "gelu-erf",
        "mlp-proj-bias-missing",
        "attention-residual-missing",
        "mlp-residual-missing",
        "post-norm",
        "untied-head",
        "last-but-one-logits",
        "log-softmax",
        "weights-bf16",
        "weights-f16",
    ] {
        let diagnosis = diagnosed(&wrong(&[id]));
        assert_eq!(names(&diagnosis), [id], "{diagnosis}");
    }
}

#[test]
fn two_mistakes_are_both_found() {
    for pair in [
        ["unbiased-variance", "gelu-erf"],
        ["scale-missing", "attention-bias-missing"],
        ["qkv-thirds-swapped", "mlp-residual-missing"],
        ["weights-bf16", "mask-off-by-one"],
        ["position-missing", "last-but-one-logits"],
    ] {
        let diagnosis = diagnosed(&wrong(&pair));
        assert_eq!(names(&diagnosis), pair, "{diagnosis}");
    }
}

#[test]
fn few_taps_are_enough() {
    let mut theirs = wrong(&["qkv-thirds-vkq"]);
    theirs.tensors.retain(|name, _| name == "embed" || name == "h.0" || name == "logits");
    let diagnosis = diagnosed(&theirs);
    assert_eq!(names(&diagnosis), ["qkv-thirds-vkq"], "{diagnosis}");
    assert!(diagnosis.not_compared.iter().any(|(name, _)| name == "h.0.ln_1"));
}

#[test]
fn what_nothing_explains_is_said_with_the_nearest() {
    let mut theirs = reference("short");
    let Some(Tensor::F32(x)) = theirs.tensors.get_mut("h.2.mlp") else { panic!("no MLP") };
    x.mapv_inplace(|x| x * 1.5);
    let diagnosis = diagnosed(&theirs);
    assert_eq!(diagnosis.findings.len(), 1, "{diagnosis}");
    assert!(!diagnosis.explained() && !diagnosis.is_rounding());
    assert_eq!(diagnosis.findings[0].closest.len(), 3);
    let text = diagnosis.to_string();
    assert!(text.contains("h.2.mlp: no known mistake explains your values"), "{text}");
}

#[test]
fn the_first_divergence_is_a_place_and_a_sentence() {
    let (reference, tolerances, weights) = (reference("short"), tolerances(), weights());
    let mut theirs = reference.clone();
    let Some(Tensor::F32(x)) = theirs.tensors.get_mut("step.2.h.1.attn.q") else { panic!("no q") };
    x[[0, 3, 7]] += 0.25;
    let search = first_divergence(&theirs, &reference, Mode::Cumulative, &tolerances);
    let divergence = search.divergence.expect("found");
    assert_eq!(
        (divergence.step, divergence.block, divergence.tap.as_str()),
        (2, Some(1), "attn.q")
    );
    let Wrong::Values { location, difference, beyond, elements, .. } = divergence.what else {
        panic!("values")
    };
    // The prompt has 7 tokens: step 2 feeds position 8.
    assert_eq!((location.position, location.head, location.channel), (Some(8), Some(3), Some(7)));
    assert_eq!((beyond, elements), (1, 128));
    assert!((difference - 0.25).abs() < 1e-6);
    assert_eq!(divergence.just_before.expect("something").name, "step.2.h.1.ln_1");

    // Two operations do not follow from their inputs: that one, and the scores made of the other q.
    let search = first_divergence(&theirs, &reference, Mode::Isolated(&weights), &tolerances);
    assert_eq!(search.divergence.expect("found").name, "step.2.h.1.attn.q");
}

#[test]
fn isolated_accuses_only_the_guilty_operation() {
    let (reference, tolerances, weights) = (reference("short"), tolerances(), weights());
    let theirs = wrong(&["gelu-erf"]);
    let search = first_divergence(&theirs, &reference, Mode::Isolated(&weights), &tolerances);
    assert_eq!(search.divergence.expect("found").name, "h.0.mlp");
    let isolated = gpt2_trace::isolated(&theirs, &weights);
    for entry in gpt2_trace::compare(&theirs, &isolated.trace, None, &tolerances) {
        assert_eq!(entry.passes(), !entry.name.ends_with("mlp"), "{}", entry.name);
    }
}
