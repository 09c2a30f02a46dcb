use std::path::PathBuf;

use gpt2_trace::{Tensor, Trace};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{Safetensors, arg, demo_reference, gpt2};

/// Our trace of the demo's `short` reference, after `change`.
fn ours(change: impl FnOnce(&mut Trace)) -> (TempDir, PathBuf) {
    let directory = TempDir::new().expect("a temporary directory");
    let path = directory.path().join("ours.safetensors");
    let args =
        ["trace", "--model", "demo", "--prompt", "ROMEO:\nBut soft", "--decode", "4", "--out"];
    gpt2(&[&args[..], &[arg(&path)]].concat()).exits(0);
    let mut trace = Trace::open(&path).expect("a trace");
    change(&mut trace);
    trace.save(&path).expect("saved");
    (directory, path)
}

fn f32s<'a>(trace: &'a mut Trace, name: &str) -> &'a mut [f32] {
    match trace.tensors.get_mut(name) {
        Some(Tensor::F32(x)) => x.as_slice_mut().expect("row-major"),
        other => panic!("{name}: {other:?}"),
    }
}

#[test]
fn a_difference_is_1_and_the_first_tensor_is_named() {
    let (_directory, ours) = ours(|trace| {
        f32s(trace, "h.2.ln_1")[130] += 0.5;
        f32s(trace, "h.3.mlp")[0] += 0.25;
    });
    let json = ours.with_extension("json");
    let ran = gpt2(&["compare", arg(&ours), &demo_reference("short"), "--json", arg(&json)])
        .exits(1)
        .says(&[
            "2 of 265 tensors fail",
            "short: h.2.ln_1[1,2]",
            "they differ by 5.0e-1",
            "short: h.3.mlp[0,0]",
            "the first is LayerNorm",
        ]);
    let first = |name: &str| ran.stdout.find(&format!("short: {name}")).expect("it is listed");
    assert!(first("h.2.ln_1") < first("h.3.mlp"), "{}", ran.stdout);
    // Paths and sentences end where they end; the table fits.
    let table = ran.stdout.lines().skip_while(|line| !line.contains("checkpoint")).take(15);
    for line in table {
        assert!(line.chars().count() <= 100, "{line}");
    }

    let report: Value =
        serde_json::from_slice(&std::fs::read(json).expect("a report")).expect("JSON");
    assert_eq!(report["schema"], "gpt2-comparison/2");
    assert_eq!(report["verdict"], "fail");
    let norms = &report["checkpoints"][1];
    assert_eq!((&norms["number"], &norms["verdict"]), (&1.into(), &"fail".into()));
    assert!(norms["max_abs"].as_f64().is_some_and(|x| (x - 0.5).abs() < 1e-5), "{norms}");
}

#[test]
fn missing_nan_and_other_shapes_are_1() {
    type Change = fn(&mut Trace);
    let cases: [(Change, &str); 5] = [
        (|trace| drop(trace.tensors.remove("h.1.attn.q")), "missing from ours"),
        (|trace| f32s(trace, "h.1.attn.q")[7] = f32::NAN, "NaN at [0, 0, 7] of ours"),
        (
            |trace| {
                let other = trace.tensors["h.1.attn.scores"].clone();
                trace.tensors.insert("h.1.attn.q".to_owned(), other);
            },
            "shape [4, 7, 7], the reference has [7, 4, 32]",
        ),
        (
            |trace| f32s(trace, "h.1.attn.cache.k").rotate_right(128),
            "cache row 0 is not, bit for bit, the key",
        ),
        (|trace| f32s(trace, "h.1.attn.q")[7] = f32::INFINITY, "they differ by inf"),
    ];
    for (change, message) in cases {
        let (_directory, ours) = ours(change);
        gpt2(&["compare", arg(&ours), &demo_reference("short")]).exits(1).says(&[
            "h.1.attn.",
            message,
            "FAIL",
        ]);
    }
}

#[test]
fn f64_is_found_beside_the_reference_or_named() {
    let (directory, ours) = ours(|_| {});
    let copy = directory.path().join("theirs.safetensors");
    std::fs::copy(demo_reference("short"), &copy).expect("copied");
    gpt2(&["compare", arg(&ours), arg(&copy)]).exits(0).says(&["f64        none"]);
    let truth = demo_reference("short.f64");
    gpt2(&["compare", arg(&ours), arg(&copy), "--truth", &truth])
        .exits(0)
        .says(&["short.f64.safetensors"]);
    let other = demo_reference("one_token.f64");
    gpt2(&["compare", arg(&ours), arg(&copy), "--truth", &other])
        .exits(2)
        .says(&["different runs: `ids`"]);
}

#[test]
fn what_cannot_be_compared_is_2() {
    let (directory, ours) = ours(|_| {});
    let compare = |a: &str, b: &str| gpt2(&["compare", a, b]).exits(2);
    let short = demo_reference("short");
    compare(arg(&ours), "/nonexistent").says(&["error: /nonexistent: No such file"]);
    compare("/nonexistent", &short).says(&["error: /nonexistent: No such file"]);
    compare(arg(&ours), &demo_reference("one_token")).says(&["different runs: `ids`"]);
    compare(arg(&ours), arg(directory.path())).says(&["error"]);
    gpt2(&["compare", arg(&ours)]).exits(2).says(&["REFERENCE"]);

    let broken = directory.path().join("broken.safetensors");
    for bytes in [&b""[..], b"12345678", b"not a trace at all, no header", &[0xff; 64]] {
        std::fs::write(&broken, bytes).expect("written");
        compare(arg(&ours), arg(&broken)).says(&["broken.safetensors: not a trace"]);
    }
    Trace::default().save(&broken).expect("saved");
    compare(arg(&ours), arg(&broken)).says(&["holds no tensor"]);
}

#[test]
fn a_changed_byte_of_a_reference_is_2_and_named() {
    let (directory, ours) = ours(|_| {});
    let copy = directory.path().join("theirs.safetensors");
    let mut file = Safetensors::read(demo_reference("short").as_ref());
    let at = file.range("step.2.h.4.attn.v").start;
    file.data[at] ^= 1;
    file.write(&copy);
    gpt2(&["compare", arg(&ours), arg(&copy)]).exits(2).says(&["`step.2.h.4.attn.v` was changed"]);
}

#[test]
fn a_reference_without_digests_is_compared_all_the_same() {
    let (directory, ours) = ours(|_| {});
    let copy = directory.path().join("theirs.safetensors");
    let mut file = Safetensors::read(demo_reference("short").as_ref());
    file.forget_digests();
    file.remove("probs");
    file.write(&copy);
    gpt2(&["compare", arg(&ours), arg(&copy)]).exits(0).says(&["264 of 264 tensors agree"]);
}
