//! The backend OpenBLAS, held to the same tolerances as our own kernels, on the demo and the variants.

use gpt2_model::Gpt2;
use gpt2_tensor::{Backend, Compute};
use gpt2_tests::{References, Run, assert_agrees, demo_references, demo_weights, variants};
use gpt2_trace::Checkpoint;
use gpt2_weights::Gpt2Weights;

fn model(weights: &Gpt2Weights) -> Gpt2 {
    let model = Gpt2::with_compute(weights, Compute::new(Backend::OpenBlas)).expect("a model");
    assert_eq!(model.compute().backend(), Backend::OpenBlas);
    model
}

fn assert_all_agree(runs: &[Run]) {
    for checkpoint in Checkpoint::ALL {
        let of_it =
            |run: &Run| run.entries.iter().filter(|e| e.checkpoint == Some(checkpoint)).count();
        let expected: usize = runs.iter().map(of_it).sum();
        assert!(expected > 0, "nothing for {checkpoint}");
        assert_agrees(runs, checkpoint, expected);
    }
}

#[test]
fn demo_agrees_with_huggingface() {
    let model = model(demo_weights());
    let runs: Vec<_> = demo_references().iter().map(|it| it.run(&model)).collect();
    assert_eq!(runs.iter().map(|run| run.entries.len()).sum::<usize>(), 694);
    assert_all_agree(&runs);
}

#[test]
fn variants_agree_with_huggingface() {
    let runs: Vec<_> = variants()
        .iter()
        .map(|directory| {
            let weights = Gpt2Weights::open(directory).expect("a model");
            let file = directory.join("reference/trace.safetensors");
            References::open(&directory.display().to_string(), &file).run(&model(&weights))
        })
        .collect();
    assert!(!runs.is_empty(), "tests/data/variants is empty");
    assert_all_agree(&runs);
}
