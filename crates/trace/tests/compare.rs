//! What comparing finds: never a pass for what was not compared.

use gpt2_trace::{Checkpoint, Entry, Problem, Summary, Tensor, Tolerances, Trace, compare};
use ndarray::{Array3, ArrayD, IxDyn};

fn f32s(shape: &[usize], values: impl Fn(usize) -> f32) -> Tensor {
    let values = (0..shape.iter().product()).map(values).collect();
    Tensor::F32(ArrayD::from_shape_vec(IxDyn(shape), values).expect("shape"))
}

fn trace<const N: usize>(tensors: [(&str, Tensor); N]) -> Trace {
    let tensors = tensors.map(|(name, tensor)| (name.to_owned(), tensor)).into();
    Trace { tensors, ..Trace::default() }
}

fn compared(ours: &Trace, reference: &Trace) -> Vec<Entry> {
    compare(ours, reference, None, &Tolerances::builtin().expect("the shipped file"))
}

fn problem(ours: &Trace, reference: &Trace) -> Problem {
    let entries = compared(ours, reference);
    assert!(!entries[0].passes());
    entries[0].result.clone().expect_err("not comparable")
}

#[test]
fn equal_traces_pass_and_are_counted() {
    let ours = trace([
        ("ln_f", f32s(&[2, 3], |i| i as f32)),
        ("argmax", Tensor::I64(ndarray::arr1(&[3]).into_dyn())),
    ]);
    let entries = compared(&ours, &ours);
    assert!(entries.iter().all(Entry::passes));
    let tolerances = Tolerances::builtin().expect("the shipped file");
    let summaries = Summary::of(&[("case", &entries)], &tolerances);
    let norm = summaries.iter().find(|s| s.checkpoint == Checkpoint::LayerNorm).expect("there");
    assert_eq!((norm.expected, norm.compared, norm.elements, norm.passes()), (1, 1, 6, true));
    let scores = summaries.iter().find(|s| s.checkpoint == Checkpoint::AttentionScores);
    assert!(!scores.expect("there").passes(), "nothing compared is no pass");
}

#[test]
fn a_difference_beyond_the_tolerance_is_found_where_it_is() {
    let reference = trace([("ln_f", f32s(&[2, 3], |i| i as f32))]);
    let ours = trace([("ln_f", f32s(&[2, 3], |i| if i == 4 { 4.01 } else { i as f32 }))]);
    let entries = compared(&ours, &reference);
    let difference = entries[0].result.as_ref().expect("comparable");
    assert!(!entries[0].passes());
    assert_eq!(difference.worst.index, [1, 1]);
    assert_eq!((difference.worst.reference, difference.elements), (4.0, 6));
    // Below the tolerance it passes, above and negative it does not.
    for (delta, passes) in [(1e-7_f32, true), (-1.0, false)] {
        let ours =
            trace([("ln_f", f32s(&[2, 3], |i| i as f32 + if i == 0 { delta } else { 0.0 }))]);
        assert_eq!(compared(&ours, &reference)[0].passes(), passes, "{delta}");
    }
}

#[test]
fn missing_nan_other_shape_empty_and_unknown_are_failures() {
    let reference = trace([("ln_f", f32s(&[2, 3], |i| i as f32))]);
    assert_eq!(problem(&trace([]), &reference), Problem::Missing);
    let other = trace([("ln_f", f32s(&[3, 2], |i| i as f32))]);
    assert_eq!(
        problem(&other, &reference),
        Problem::Shape { ours: vec![3, 2], reference: vec![2, 3] }
    );
    let nan = trace([("ln_f", f32s(&[2, 3], |i| if i == 5 { f32::NAN } else { i as f32 }))]);
    let expected = Problem::NotANumber { whose: "ours", index: vec![1, 2] };
    assert_eq!(problem(&nan, &reference), expected);
    assert!(matches!(problem(&nan, &nan), Problem::NotANumber { .. }), "NaN never equals NaN");
    assert!(matches!(
        problem(&reference, &nan),
        Problem::NotANumber { whose: "the reference", .. }
    ));
    let empty = trace([("ln_f", f32s(&[0, 3], |i| i as f32))]);
    assert_eq!(problem(&empty, &empty), Problem::Empty);
    let ids = trace([("ln_f", Tensor::I64(ArrayD::zeros(IxDyn(&[2, 3]))))]);
    assert_eq!(problem(&ids, &reference), Problem::Dtype);
    let unknown = trace([("ln_g", f32s(&[2, 3], |i| i as f32))]);
    assert_eq!(problem(&unknown, &unknown), Problem::UnknownName);
    assert!(compared(&reference, &trace([])).is_empty());
}

#[test]
fn masked_scores_must_be_masked_in_both() {
    let mask = |i: usize| if i == 1 { f32::NEG_INFINITY } else { 1.0 };
    let reference = trace([("h.0.attn.scores", f32s(&[1, 2, 2], mask))]);
    assert!(compared(&reference, &reference)[0].passes());
    let unmasked = trace([("h.0.attn.scores", f32s(&[1, 2, 2], |_| 1.0))]);
    assert!(!compared(&unmasked, &reference)[0].passes());
    assert!(!compared(&reference, &unmasked)[0].passes());
}

#[test]
fn the_f64_reference_judges_a_checkpoint_and_must_be_complete() {
    let tolerances = Tolerances::builtin().expect("the shipped file");
    let truth = trace([("ln_f", Tensor::F64(ArrayD::from_elem(IxDyn(&[4]), 1.0)))]);
    let reference = trace([("ln_f", f32s(&[4], |_| 1.0 + 1e-6))]);
    let near = trace([("ln_f", f32s(&[4], |_| 1.0))]);
    // Within the flat tolerance, but three times as far from the truth as the reference.
    let far = trace([("ln_f", f32s(&[4], |_| 1.0 + 3e-6))]);
    let norm = |ours: &Trace| {
        let entries = compare(ours, &reference, Some(&truth), &tolerances);
        assert!(entries.iter().all(Entry::passes));
        let summaries = Summary::of(&[("case", &entries)], &tolerances);
        summaries.into_iter().find(|s| s.checkpoint == Checkpoint::LayerNorm).expect("there")
    };
    assert!(norm(&near).passes());
    let far = norm(&far);
    assert!(!far.passes());
    let ratio = far.truth.and_then(|t| t.ratio()).expect("a ratio");
    assert!((2.5..3.5).contains(&ratio), "{ratio}");
    let incomplete = compare(&near, &reference, Some(&trace([])), &tolerances).remove(0);
    assert_eq!(incomplete.result.expect_err("incomplete"), Problem::MissingTruth);
}

#[test]
fn a_cache_written_one_position_off_is_caught() {
    let rows = |from: usize, n: usize| {
        Array3::from_shape_fn((n, 2, 3), move |(t, h, d)| (100 * (from + t) + 10 * h + d) as f32)
    };
    let tensor = |x: Array3<f32>| Tensor::F32(x.into_dyn());
    let honest = trace([
        ("h.0.attn.k", tensor(rows(0, 4))),
        ("h.0.attn.cache.k", tensor(rows(0, 4))),
        ("step.1.h.0.attn.k", tensor(rows(4, 1))),
        ("step.1.h.0.attn.cache.k", tensor(rows(0, 5))),
    ]);
    assert!(compared(&honest, &honest).iter().all(Entry::passes));

    // The row of position 4 went to position 3: the shape and the reference's values do not help,
    // as the reference is the same trace.
    let mut shifted = honest.clone();
    let mut cache = rows(0, 5);
    cache.slice_mut(ndarray::s![3..4, .., ..]).assign(&rows(4, 1));
    shifted.tensors.insert("step.1.h.0.attn.cache.k".to_owned(), tensor(cache));
    let entries = compared(&shifted, &shifted);
    let wrong: Vec<_> = entries.iter().filter(|entry| !entry.passes()).collect();
    assert_eq!(wrong.len(), 1);
    assert_eq!(wrong[0].name, "step.1.h.0.attn.cache.k");
    assert_eq!(wrong[0].result, Err(Problem::CacheLayout { position: 3, what: "key" }));

    // More new keys than the cache holds.
    let mut longer = honest.clone();
    longer.tensors.insert("h.0.attn.k".to_owned(), tensor(rows(0, 6)));
    let entries = compared(&longer, &honest);
    let cache = entries.iter().find(|entry| entry.name == "h.0.attn.cache.k").expect("there");
    assert_eq!(cache.result, Err(Problem::CacheLayout { position: 4, what: "key" }));

    // The prompt's rows written from position 1.
    let mut shifted = honest.clone();
    let mut cache = rows(0, 4);
    cache.slice_mut(ndarray::s![1.., .., ..]).assign(&rows(0, 3));
    shifted.tensors.insert("h.0.attn.cache.k".to_owned(), tensor(cache));
    assert_eq!(
        compared(&shifted, &shifted).iter().find(|e| !e.passes()).map(|e| e.result.clone()),
        Some(Err(Problem::CacheLayout { position: 1, what: "key" }))
    );
}

#[test]
fn the_shipped_tolerances_are_complete_and_broken_ones_are_refused() {
    let tolerances = Tolerances::builtin().expect("the shipped file");
    for checkpoint in Checkpoint::ALL {
        assert!(!tolerances.of(checkpoint).reason.is_empty());
    }
    assert_eq!(tolerances.of(Checkpoint::Argmax).absolute, 0.0);
    let good = include_str!("../data/tolerances.json");
    for (what, with) in
        [("\"layer_norm\"", "\"layer_norms\""), ("\"absolute\": 0.0", "\"absolute\": -1.0")]
    {
        assert!(Tolerances::from_json(&good.replacen(what, with, 1)).is_err(), "{with}");
    }
}
