//! The backend OpenBLAS, held to the same tolerances as our own kernels, on the demo and the variants.

use gpt2_model::Gpt2;
use gpt2_tensor::{Backend, Compute};
use gpt2_tests::{Run, Variant, assert_agrees_everywhere, demo_references, demo_weights};

#[test]
fn demo_agrees_with_huggingface() {
    let compute = Compute::new(Backend::OpenBlas);
    let model = Gpt2::with_compute(demo_weights(), compute).expect("the demo is a model");
    assert_eq!(model.compute().backend(), Backend::OpenBlas);
    let runs: Vec<Run> = demo_references().iter().map(|it| it.run(&model)).collect();
    assert_eq!(runs.iter().map(|run| run.entries.len()).sum::<usize>(), 694);
    assert_agrees_everywhere(&runs);
}

#[test]
fn variants_agree_with_huggingface() {
    let run = |variant: &Variant| variant.run(Compute::new(Backend::OpenBlas));
    let runs: Vec<Run> = Variant::all().iter().map(run).collect();
    assert_agrees_everywhere(&runs);
}
