//! Traces in the names and shapes of other programs.

mod support;

use gpt2_trace::{Foreign, Mistake, Tensor, Trace, compare, diagnose, inject};
use ndarray::{ArrayD, Axis, IxDyn};
use support::{reference, tolerances, weights};

/// The prompt's values as TransformerLens calls them, with its batch dimension.
fn transformer_lens(trace: &Trace) -> Trace {
    let mut theirs = Trace::default();
    for (name, tensor) in &trace.tensors {
        let name = match name.as_str() {
            "embed" => "blocks.0.hook_resid_pre".to_owned(),
            "ln_f" => "ln_final.hook_normalized".to_owned(),
            "logits" => "logits".to_owned(),
            name => match name.strip_prefix("h.").and_then(|rest| rest.split_once('.')) {
                None if name.starts_with("h.") => format!("blocks.{}.hook_resid_post", &name[2..]),
                Some((i, "ln_1")) => format!("blocks.{i}.ln1.hook_normalized"),
                Some((i, "ln_2")) => format!("blocks.{i}.ln2.hook_normalized"),
                Some((i, "attn.q")) => format!("blocks.{i}.attn.hook_q"),
                Some((i, "attn.k")) => format!("blocks.{i}.attn.hook_k"),
                Some((i, "attn.v")) => format!("blocks.{i}.attn.hook_v"),
                Some((i, "attn.scores")) => format!("blocks.{i}.attn.hook_attn_scores"),
                Some((i, "attn.weights")) => format!("blocks.{i}.attn.hook_pattern"),
                Some((i, "attn")) => format!("blocks.{i}.hook_attn_out"),
                Some((i, "mlp")) => format!("blocks.{i}.hook_mlp_out"),
                _ => continue,
            },
        };
        let Tensor::F32(x) = tensor else { continue };
        theirs.tensors.insert(name, Tensor::F32(x.clone().insert_axis(Axis(0))));
    }
    theirs
}

/// The reference without what TransformerLens does not record.
fn prompt_only() -> Trace {
    let mut reference = reference("short");
    reference.tensors.retain(|name, _| {
        let none = ["argmax", "probs", "logits.last", "generated"].contains(&name.as_str());
        !(name.starts_with("step.") || name.contains("cache") || none)
    });
    reference
}

#[test]
fn transformer_lens_is_compared_and_diagnosed() {
    let (reference, weights, tolerances) = (prompt_only(), weights(), tolerances());
    let theirs = Foreign::of(transformer_lens(&reference), &reference).expect("read");
    assert_eq!(theirs.unmatched, Vec::<String>::new());
    assert!(theirs.notes.iter().any(|note| note.contains("batch dimension")));
    let entries = compare(&theirs.trace, &reference, None, &tolerances);
    assert!(entries.len() > 50 && entries.iter().all(gpt2_trace::Entry::passes));

    let mistake = Mistake::by_id("mask-off-by-one").expect("in the catalogue");
    let mut wrong = reference.clone();
    // Its scores alone: the cache that they need is recomputed from the keys.
    let injected = inject(mistake, &support::reference("short"), &weights).expect("injected");
    for (name, tensor) in &mut wrong.tensors {
        tensor.clone_from(&injected.tensors[name]);
    }
    let theirs = Foreign::of(transformer_lens(&wrong), &reference).expect("read");
    let diagnosis = diagnose(&theirs.trace, &weights, &reference, &tolerances);
    assert_eq!(diagnosis.findings.len(), 1, "{diagnosis}");
    assert!(diagnosis.findings[0].names("mask-off-by-one"), "{diagnosis}");
}

#[test]
fn shapes_are_resolved_where_there_is_one_way_and_said() {
    let reference = reference("short");
    let Tensor::F32(q) = &reference.tensors["h.0.attn.q"] else { panic!("f32") };
    let mut by_head = q.clone();
    by_head.swap_axes(0, 1);
    let joined: ArrayD<f32> =
        ArrayD::from_shape_vec(vec![1, 7, 128], q.iter().copied().collect()).expect("shape");
    let theirs = Trace {
        tensors: [
            ("transformer.h.0.attn.q".to_owned(), Tensor::F32(by_head.insert_axis(Axis(0)))),
            ("h.0.attn.k".to_owned(), Tensor::F32(joined)),
            ("layer.0.mystery".to_owned(), Tensor::F32(ArrayD::zeros(vec![1]))),
            ("wte".to_owned(), Tensor::F32(ArrayD::zeros(vec![1]))),
        ]
        .into(),
        ..Trace::default()
    };
    let foreign = Foreign::of(theirs, &reference).expect("read");
    for name in ["h.0.attn.q", "h.0.attn.k"] {
        let tensor = &foreign.trace.tensors[name];
        assert_eq!(tensor, &Tensor::F32(q.clone()), "{name}: {:?}", foreign.notes);
    }
    assert_eq!(foreign.unmatched, ["layer.0.mystery"]);
    for said in ["put in the order", "taken apart", "wte: known", "`ids` is not said"] {
        assert!(foreign.notes.iter().any(|note| note.contains(said)), "{said}");
    }
}

/// An `.npy` file as NumPy writes it.
fn npy(shape: &str, data: &[f32]) -> Vec<u8> {
    let mut header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}");
    while !(header.len() + 11).is_multiple_of(64) {
        header.push(' ');
    }
    header.push('\n');
    let length = u16::try_from(header.len()).expect("short").to_le_bytes();
    let data: Vec<u8> = data.iter().flat_map(|x| x.to_le_bytes()).collect();
    [b"\x93NUMPY\x01\0", &length[..], header.as_bytes(), &data].concat()
}

#[test]
fn numpy_files_are_read() {
    use std::io::Write;

    let reference = reference("one_token");
    let Tensor::F32(x) = &reference.tensors["h.0.ln_1"] else { panic!("f32") };
    let array = npy("(1, 1, 128)", x.as_slice().expect("contiguous"));
    let dir = tempfile::tempdir().expect("a temporary directory");

    let folder = dir.path().join("arrays");
    std::fs::create_dir(&folder).expect("made");
    std::fs::write(folder.join("transformer.h.0.ln_1.npy"), &array).expect("written");
    std::fs::write(folder.join("notes.txt"), "not an array").expect("written");

    let archive = dir.path().join("arrays.npz");
    let mut zip = zip::ZipWriter::new(std::fs::File::create(&archive).expect("made"));
    let options = zip::write::SimpleFileOptions::default();
    let options = options.compression_method(zip::CompressionMethod::Deflated);
    zip.start_file("transformer.h.0.ln_1.npy", options).expect("started");
    zip.write_all(&array).expect("written");
    zip.finish().expect("written");

    for path in [folder, archive.clone()] {
        let foreign = Foreign::open(&path, &reference).expect("read");
        assert_eq!(foreign.trace.tensors["h.0.ln_1"], Tensor::F32(x.clone()), "{path:?}");
    }

    let bytes = std::fs::read(&archive).expect("read");
    let broken = dir.path().join("broken.npz");
    std::fs::write(&broken, &bytes[..bytes.len() / 2]).expect("written");
    assert!(Foreign::open(&broken, &reference).is_err());
}

/// Hidden states that were fed come through as they are, and are no tap.
#[test]
fn inputs_are_kept_and_can_be_taken_out() {
    let fed = Tensor::F32(ArrayD::zeros(IxDyn(&[1, 2])));
    let names = ["input", "step.12.input", "h.0.ln_1", "inputs", "h.0.input"];
    let tensors = names.map(|name| (name.to_owned(), fed.clone())).into();
    let raw = Trace { tensors, ..Trace::default() };
    let mut theirs = Foreign::of(raw, &Trace::default()).expect("read");
    assert_eq!(theirs.unmatched, ["h.0.input", "inputs"]);
    let inputs: Vec<String> = theirs.trace.take_inputs().into_keys().collect();
    assert_eq!(inputs, ["input", "step.12.input"]);
    assert_eq!(theirs.trace.tensors.into_keys().collect::<Vec<_>>(), ["h.0.ln_1"]);
}
