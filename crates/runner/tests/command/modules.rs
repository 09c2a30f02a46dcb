//! `gpt2 trace --inputs`: the modules that a checkpoint holds, on the hidden states of a reference.

use std::path::PathBuf;

use gpt2_tests::{real_reference, real_weights, skipped};
use gpt2_trace::{Tensor, Trace};
use ndarray::{ArrayD, IxDyn};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{Ran, Safetensors, arg, demo_reference, gpt2};

/// Whether a parameter or a value belongs to the part of the demo that is run here.
fn is_of_the_part(name: &str) -> bool {
    name.contains("h.0.ln_1") || name.contains("h.0.attn")
}

/// What HuggingFace computed in the first block of the demo, whose input is the embedding; after `change`.
fn reference(change: impl FnOnce(&mut Trace)) -> (TempDir, PathBuf) {
    let mut trace = Trace::open(demo_reference("short").as_ref()).expect("a trace");
    let embeddings: Vec<(String, Tensor)> = trace
        .tensors
        .iter()
        .filter_map(|(name, x)| Some((format!("{}input", name.strip_suffix("embed")?), x.clone())))
        .collect();
    assert_eq!(embeddings.len(), 4, "the prompt and three tokens that were fed");
    trace.tensors.retain(|name, _| is_of_the_part(name));
    trace.tensors.extend(embeddings);
    let mut weights = trace.weights().expect("their digests");
    weights.retain(|name, _| is_of_the_part(name));
    trace.set_weights(weights);
    change(&mut trace);
    let folder = TempDir::new().expect("a temporary directory");
    let file = folder.path().join("reference.safetensors");
    trace.save(&file).expect("saved");
    (folder, file)
}

/// Runs the modules of `model` into `ours.safetensors` beside the reference.
fn trace(model: &str, reference: &std::path::Path) -> (Ran, PathBuf) {
    let ours = reference.with_file_name("ours.safetensors");
    let args = ["trace", "--model", model, "--inputs", arg(reference), "--out", arg(&ours)];
    (gpt2(&args), ours)
}

#[test]
fn modules_agree_with_huggingface_on_its_own_inputs() {
    let (folder, theirs) = reference(|_| {});
    // The whole model, and a file that holds the first block's alone, beside a config and without.
    let part = folder.path().join("part.safetensors");
    std::fs::write(&part, gpt2_demo::MODEL_SAFETENSORS).expect("written");
    let mut file = Safetensors::read(&part);
    let names = file.header.as_object().expect("an object").keys();
    let others = names.filter(|name| *name != "__metadata__" && !is_of_the_part(name));
    for other in others.cloned().collect::<Vec<_>>() {
        file.remove(&other);
    }
    file.write(&part);
    trace(arg(&part), &theirs).0.exits(2).says(&["`input` is [7, 128] in f32", "[T, 768] in f32"]);
    std::fs::write(folder.path().join("config.json"), gpt2_demo::CONFIG_JSON).expect("written");
    for model in ["demo", arg(&part)] {
        let (ran, ours) = trace(model, &theirs);
        ran.exits(0).says(&["on the inputs of"]);
        let made = Trace::open(&ours).expect("a trace");
        assert!(made.weights().is_some_and(|it| it.contains_key("h.0.attn.c_attn.weight")));
        assert_eq!(made.metadata["model"], model);
        gpt2(&["compare", arg(&ours), arg(&theirs)]).exits(0).says(&[
            "PASS: agrees with the reference at the 6 checkpoints that it holds",
            "36 of 36 tensors agree",
        ]);
    }
}

#[test]
fn another_input_is_another_run() {
    let (folder, theirs) = reference(|_| {});
    let (ran, ours) = trace("demo", &theirs);
    ran.exits(0);
    let changed = folder.path().join("changed.safetensors");
    let with = |change: &dyn Fn(&mut Trace)| {
        let mut trace = Trace::open(&ours).expect("a trace");
        change(&mut trace);
        trace.save(&changed).expect("saved");
        gpt2(&["compare", arg(&changed), arg(&theirs)])
    };
    let one_bit = |trace: &mut Trace| match trace.tensors.get_mut("step.2.input") {
        Some(Tensor::F32(x)) => x[[0, 5]] = x[[0, 5]].next_up(),
        other => panic!("{other:?}"),
    };
    with(&one_bit).exits(2).says(&["different runs: `input`", "`step.2.input`", "at [0, 5]"]);
    with(&|it| drop(it.tensors.remove("input")))
        .exits(2)
        .says(&["different runs: `input` is `input` missing"]);
    let flat = Tensor::F32(ArrayD::zeros(IxDyn(&[128])));
    with(&|it| drop(it.tensors.insert("step.1.input".to_owned(), flat.clone())))
        .exits(2)
        .says(&["`step.1.input` of shape [128]", "of shape [1, 128] in the reference"]);
    // Someone else's trace need not say it; then it is said that it does not.
    with(&|it| drop(it.take_inputs())).exits(0).says(&["ours does not say `input`"]);
    with(&|it| drop(it.tensors.insert("step.4.input".to_owned(), flat.clone())))
        .exits(2)
        .says(&["`step.4.input` of shape [128] in ours, `step.4.input` missing in the reference"]);
}

#[test]
fn what_cannot_be_run_is_said() {
    type Change = fn(&mut Trace);
    let cases: [(Change, &[&str]); 6] = [
        (|it| drop(it.take_inputs()), &["there is no `input`"]),
        (|it| drop(it.tensors.remove("step.2.input")), &["there is no `step.2.input`"]),
        (
            |it| {
                let wide = Tensor::F32(ArrayD::zeros(IxDyn(&[1, 129])));
                it.tensors.insert("step.3.input".to_owned(), wide);
            },
            &["`step.3.input` is [1, 129] in f32, expected [T, 128] in f32"],
        ),
        (
            |it| {
                let f64 = Tensor::F64(ArrayD::zeros(IxDyn(&[1, 128])));
                it.tensors.insert("step.1.input".to_owned(), f64);
            },
            &["`step.1.input` is [1, 128] in f64, expected [T, 128] in f32"],
        ),
        (
            |it| drop(it.metadata.insert("ids".to_owned(), "[1, 2]".to_owned())),
            &["`input` is [7, 128], expected [2, 128] for its 2 tokens"],
        ),
        (
            |it| it.tensors.retain(|name, _| name.contains("input")),
            &["model.safetensors holds no LayerNorm and no attention of which", "nothing to run"],
        ),
    ];
    for (change, says) in cases {
        let (_folder, theirs) = reference(change);
        trace("demo", &theirs).0.exits(2).says(says).says(&["error: ", "reference.safetensors"]);
    }
    trace("demo", "/nonexistent.safetensors".as_ref()).0.exits(2).says(&["/nonexistent"]);

    let (folder, theirs) = reference(|_| {});
    let file = folder.path().join("model.safetensors");
    std::fs::write(&file, gpt2_demo::MODEL_SAFETENSORS).expect("written");
    let with = |model: &str, more: &[&str]| {
        let out = ["trace", "--out", "/nonexistent/ours.safetensors", "--model", model];
        gpt2(&[&out, more].concat()).exits(2)
    };
    with(arg(&file), &["--ids", "1"]).says(&["a file by itself is for --inputs"]);
    for other in [["--ids", "1"], ["--prompt", "x"], ["--decode", "2"]] {
        with("demo", &[&["--inputs", arg(&theirs)][..], &other].concat())
            .says(&["cannot be used with"]);
    }
}

/// The two lines of `.docs/reports.md`, on the real GPT-2 124M.
#[test]
fn real_weights_agree_with_huggingface() {
    let weights = match real_weights() {
        Ok(weights) => weights,
        Err(why) => return skipped("gpt2-runner::modules::real_weights", &why),
    };
    let folder = TempDir::new().expect("a temporary directory");
    let file = |name: &str| folder.path().join(name);
    let (ours, page, json) = (file("ours.safetensors"), file("page.html"), file("report.json"));
    let theirs = real_reference();
    gpt2(&["trace", "--model", arg(&weights), "--inputs", arg(&theirs), "--out", arg(&ours)])
        .exits(0);
    gpt2(&["compare", arg(&ours), arg(&theirs), "--html", arg(&page), "--json", arg(&json)])
        .exits(0)
        .says(&[
            "attention.f64.safetensors",
            "hidden states: wpe plus normal noise",
            "PASS: agrees with the reference at the 6 checkpoints that it holds",
            "242 of 242 tensors agree",
        ]);
    let read = |path| std::fs::read_to_string(path).expect("a report");
    assert!(
        read(&page).contains("<h1><span class=\"badge pass\">PASS</span> ours.safetensors</h1>")
    );
    let report: Value = serde_json::from_str(&read(&json)).expect("JSON");
    for row in report["checkpoints"].as_array().expect("a list") {
        let Some(truth) = row["truth"].as_object() else { continue };
        let rms = |key: &str| truth[key].as_f64().expect("a number");
        assert!(rms("ours_rms") < rms("reference_rms"), "not nearer to f64: {row}");
    }
}
