//! Checkpoint 9, the selected logits: those of the last position.

use gpt2_tests::{
    activations, assert_agrees, assert_caught, assert_fails_at, demo_model, demo_run, demo_runs,
};
use gpt2_trace::{Checkpoint, Tensor};
use ndarray::Axis;

#[test]
fn agrees_with_huggingface() {
    assert_agrees(demo_runs(), Checkpoint::SelectedLogits, 22);
}

#[test]
fn are_the_last_row_of_the_full_logits() {
    let mut compared = 0;
    for run in demo_runs() {
        for name in run.ours.tensors.keys().filter(|name| name.ends_with("logits")) {
            let logits = activations(&run.ours, name);
            let last = logits.index_axis(Axis(0), logits.len_of(Axis(0)) - 1);
            assert_eq!(activations(&run.ours, &format!("{name}.last")), &last, "{}", run.name);
            compared += 1;
        }
    }
    assert_eq!(compared, 9);
}

/// The shortcut that generating takes computes the same bits as the whole.
#[test]
fn next_logits_are_the_last_row() {
    let (references, run) = demo_run("full_context");
    let model = demo_model();
    let ids = references.f32.ids().expect("ids");
    let next = model.next_logits(&ids, &mut model.new_cache(), &mut ()).expect("it fits");
    assert_eq!(&next.into_dyn(), activations(&run.ours, "logits.last"));
    let all = model.forward(&ids, &mut model.new_cache(), &mut ()).expect("it fits");
    let last = all.row(ids.len() - 1).into_dyn();
    assert_eq!(activations(&run.ours, "logits.last"), &last);
}

/// Our trace of `case`, with the logits of position `back` from the end for those of the last.
fn with_row_from_the_end(case: &str, back: usize) {
    let (references, run) = demo_run(case);
    let logits = activations(&run.ours, "logits");
    let row = logits.index_axis(Axis(0), logits.len_of(Axis(0)) - 1 - back).to_owned();
    let entries = references.hold_with(&run.ours, &[("logits.last", Tensor::F32(row))]);
    assert_fails_at(&entries, "logits.last");
}

#[test]
fn last_but_one_fails() {
    for case in ["short", "unseen"] {
        with_row_from_the_end(case, 1);
    }
}

#[test]
fn first_fails() {
    with_row_from_the_end("short", 6);
}

#[test]
fn known_mistakes_fail() {
    assert_caught(Checkpoint::SelectedLogits, &["last-but-one-logits"]);
}
