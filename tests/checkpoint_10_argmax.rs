//! Checkpoint 10, argmax: the most likely token, the lowest id on a tie.

use gpt2_model::greedy;
use gpt2_tests::{activations, assert_agrees, assert_caught, assert_fails_at, demo_run, demo_runs};
use gpt2_trace::{Checkpoint, Tensor};
use ndarray::{Axis, Ix1, arr1};

#[test]
fn agrees_with_huggingface() {
    assert_agrees(demo_runs(), Checkpoint::Argmax, 22);
}

/// Ours on HuggingFace's own logits.
#[test]
fn agrees_in_isolation() {
    let (references, _) = demo_run("to_the_brim");
    for step in 0..references.f32.decode() {
        let prefix = if step == 0 { String::new() } else { format!("step.{step}.") };
        let logits = activations(&references.f32, &format!("{prefix}logits.last")).view();
        let token = greedy(logits.into_dimensionality::<Ix1>().expect("one dimension"));
        let expected = references.f32.tensors.get(&format!("{prefix}argmax"));
        let ours = Tensor::I64(arr1(&[i64::from(token.expect("a token"))]).into_dyn());
        assert_eq!(Some(&ours), expected, "step {step}");
    }
}

#[test]
fn lowest_id_wins_a_tie() {
    assert_eq!(greedy(arr1(&[1.0, 7.0, 7.0, 3.0]).view()), Some(1));
    assert_eq!(greedy(arr1(&[0.0, -0.0, 0.0]).view()), Some(0));
    assert_eq!(greedy(arr1(&[]).view()), None);
}

/// Our trace of `short` with another token.
fn assert_wrong_token(token: Option<u32>) {
    let (references, run) = demo_run("short");
    let token = Tensor::I64(arr1(&[i64::from(token.expect("a token"))]).into_dyn());
    assert_fails_at(&references.hold_with(&run.ours, &[("argmax", token)]), "argmax");
}

#[test]
fn the_second_best_fails() {
    let (_, run) = demo_run("short");
    let logits = activations(&run.ours, "logits.last").view();
    let mut logits = logits.into_dimensionality::<Ix1>().expect("one dimension").to_owned();
    let best = greedy(logits.view()).expect("a token");
    logits[best as usize] = f32::NEG_INFINITY;
    assert_wrong_token(greedy(logits.view()));
    assert_wrong_token(Some(best + 1));
}

#[test]
fn of_another_position_fails() {
    let (_, run) = demo_run("short");
    let logits = activations(&run.ours, "logits");
    let row = logits.index_axis(Axis(0), logits.len_of(Axis(0)) - 2);
    assert_wrong_token(greedy(row.into_dimensionality::<Ix1>().expect("one dimension")));
}

#[test]
fn known_mistakes_fail() {
    assert_caught(Checkpoint::Argmax, &["argmax-from-one"]);
}
