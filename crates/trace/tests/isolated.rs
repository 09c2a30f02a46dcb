//! Every operation of HuggingFace, recomputed from HuggingFace's own inputs.

mod support;

use gpt2_trace::{Mode, NotComputable, Trace, compare, first_divergence, isolated};
use support::{reference, tolerances, weights};

#[test]
fn plain_arithmetic_on_the_references_inputs_gives_its_outputs() {
    let weights = weights();
    for name in ["one_token", "short"] {
        let reference = reference(name);
        let isolated = isolated(&reference, &weights);
        assert!(isolated.not_computable.is_empty(), "{:?}", isolated.not_computable);
        let entries = compare(&reference, &isolated.trace, None, &tolerances());
        let wrong: Vec<_> = entries.iter().filter(|entry| !entry.passes()).collect();
        assert!(wrong.is_empty(), "{wrong:#?}");
    }
}

#[test]
fn the_f64_reference_is_reproduced_to_its_last_digits() {
    let f64 = gpt2_demo::REFERENCES.iter().find(|r| r.name == "short").expect("there").f64;
    let reference = Trace::from_bytes(f64, "short.f64").expect("a trace");
    let isolated = isolated(&reference, &weights());
    for entry in compare(&isolated.trace, &reference, None, &tolerances()) {
        let difference = entry.result.expect("comparable");
        assert!(difference.max_abs < 1e-12, "{}: {difference:?}", entry.name);
    }
}

#[test]
fn what_was_not_recorded_is_named() {
    let reference = reference("full_context");
    let isolated = isolated(&reference, &weights());
    let missing = |name: &str| {
        let found = isolated.not_computable.iter().find(|(not, _)| not == name);
        match &found.expect("not computable").1 {
            NotComputable::Missing { name } => name.clone(),
            other => panic!("{other}"),
        }
    };
    assert_eq!(missing("ln_f"), "h.4");
    assert!(isolated.trace.tensors.contains_key("logits.last"));
    let search =
        first_divergence(&reference, &reference, Mode::Isolated(&weights()), &tolerances());
    assert!(search.divergence.is_none() && !search.agrees(), "not everything was compared");
    assert_eq!(search.expected - search.compared, search.not_compared.len());
}
