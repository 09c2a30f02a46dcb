//! One byte, or one tensor, anywhere: it is found and named.

use crate::support::{Ran, Safetensors, arg, copy_of_demo, gpt2, reference};

/// Validates a copy of the demo, one of whose files was taken through `damage`.
fn validate(file: &str, damage: impl FnOnce(&mut Safetensors)) -> Ran {
    let copy = copy_of_demo(&["one_token", "short"]);
    let path = copy.path().join(file);
    let mut parts = Safetensors::read(&path);
    damage(&mut parts);
    parts.write(&path);
    gpt2(&["validate", "--quick", "--model", arg(copy.path())])
}

fn flip(tensor: &str, at: usize) -> impl FnOnce(&mut Safetensors) {
    move |file| {
        let range = file.range(tensor);
        file.data[range.start + at] ^= 1;
    }
}

const REFERENCE: &str = "reference/short.safetensors";
const TRUTH: &str = "reference/short.f64.safetensors";
const WEIGHTS: &str = "model.safetensors";

#[test]
fn a_byte_of_a_reference() {
    for tensor in ["embed", "h.3.attn.scores", "step.3.logits", "generated"] {
        // The lowest bit of a mantissa: far below every tolerance.
        validate(REFERENCE, flip(tensor, 0))
            .exits(1)
            .says(&[&format!("`{tensor}` was changed"), "FAIL"]);
    }
    validate(TRUTH, flip("h.0.ln_2", 8)).exits(1).says(&["`h.0.ln_2` was changed", "short.f64"]);
}

#[test]
fn a_byte_of_the_weights() {
    for tensor in ["wpe.weight", "h.4.mlp.c_fc.bias", "ln_f.weight"] {
        let name = format!("transformer.{tensor}");
        validate(WEIGHTS, flip(&name, 4))
            .exits(1)
            .says(&[&format!("weight `{tensor}` is not the one that the reference used"), "FAIL"]);
    }
}

#[test]
fn a_tensor_of_a_reference() {
    validate(REFERENCE, |file| file.remove("h.1.attn.cache.v"))
        .exits(1)
        .says(&["`h.1.attn.cache.v` is missing", "FAIL"]);
    validate(TRUTH, |file| file.remove("step.1.h.2"))
        .exits(1)
        .says(&["`step.1.h.2` is missing", "FAIL"]);
    // Without digests the two runs tell on each other.
    for (file, says) in [
        (TRUTH, "short: step.1.h.2\n      missing from the f64"),
        (REFERENCE, "`step.1.h.2` is missing"),
    ] {
        let ran = validate(file, |file| {
            file.forget_digests();
            file.remove("step.1.h.2");
        });
        ran.exits(1).says(&[says, "FAIL"]);
    }
}

#[test]
fn a_tensor_of_the_weights() {
    validate(WEIGHTS, |file| file.remove("transformer.h.2.ln_1.bias")).exits(2).says(&[
        "h.2.ln_1.bias",
        "missing",
        "error: ",
    ]);
}

#[test]
fn the_metadata_of_a_reference() {
    let set = |key: &'static str, value: &'static str| {
        move |file: &mut Safetensors| file.header["__metadata__"][key] = value.into()
    };
    validate(REFERENCE, set("decode", "3")).exits(1).says(&["the metadata was changed"]);
    validate(REFERENCE, |file| {
        file.forget_digests();
        file.header["__metadata__"]["decode"] = "3".into();
    })
    .exits(1)
    .says(&["its f64 run is another one: metadata `decode` differs", "FAIL"]);
    for (key, says) in [("weights", "which weights made it"), ("ids", "which tokens went in")] {
        let ran = validate(REFERENCE, |file| {
            file.forget_digests();
            file.header["__metadata__"].as_object_mut().expect("an object").remove(key);
        });
        ran.exits(1).says(&[says, "FAIL"]);
    }
}

#[test]
fn every_reference_is_judged_even_if_one_is_broken() {
    let copy = copy_of_demo(&["one_token", "short"]);
    std::fs::write(reference(copy.path(), "one_token"), b"not a trace").expect("written");
    gpt2(&["validate", "--quick", "--model", arg(copy.path())]).exits(1).says(&[
        "one_token",
        "not a trace",
        "PASS  1 LayerNorm",
        "FAIL: see the problems above",
    ]);
}

#[test]
fn weights_that_are_not_numbers() {
    validate(WEIGHTS, |file| {
        let at = file.range("transformer.h.0.ln_1.weight").start;
        file.data[at..at + 4].copy_from_slice(&f32::NAN.to_le_bytes());
    })
    .exits(1)
    .says(&["weight `h.0.ln_1.weight` has 1 elements that are NaN or infinite"]);
}
