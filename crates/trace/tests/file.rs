//! A trace as a file: what is written is read, and no byte changes unseen.

use std::collections::BTreeMap;

use gpt2_trace::{Tensor, Trace, TraceError};
use ndarray::{arr1, arr2};

fn trace() -> Trace {
    let tensors = [
        (
            "h.0.ln_1",
            Tensor::F32(
                arr2(&[[1.5, -0.0, f32::MIN_POSITIVE], [f32::INFINITY, 2.0, 1e-45]]).into_dyn(),
            ),
        ),
        ("ln_f", Tensor::F64(arr1(&[0.1, -1e300]).into_dyn())),
        ("argmax", Tensor::I64(arr1(&[50256]).into_dyn())),
    ];
    Trace {
        tensors: tensors.map(|(name, tensor)| (name.to_owned(), tensor)).into(),
        metadata: BTreeMap::from([
            ("ids".to_owned(), "[1, 2, 3]".to_owned()),
            ("decode".to_owned(), "4".to_owned()),
        ]),
    }
}

/// The bytes of the saved trace, and where the header ends.
fn saved() -> (Vec<u8>, usize) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("trace.safetensors");
    trace().save(&path).expect("saved");
    let bytes = std::fs::read(&path).expect("read");
    let header = u64::from_le_bytes(bytes[..8].try_into().expect("eight bytes"));
    let header = usize::try_from(header).expect("small");
    (bytes, 8 + header)
}

#[test]
fn what_is_saved_is_read_bit_for_bit() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("trace.safetensors");
    trace().save(&path).expect("saved");
    let read = Trace::open(&path).expect("read");
    assert_eq!(read.tensors, trace().tensors);
    assert_eq!((read.ids(), read.decode()), (Some(vec![1, 2, 3]), 4));
    let Tensor::F32(x) = &read.tensors["h.0.ln_1"] else { panic!("not f32") };
    assert!(x[[0, 1]].is_sign_negative(), "-0.0 keeps its sign");
}

#[test]
fn the_same_trace_is_the_same_file() {
    let (first, data) = saved();
    // A hash map has another order each time.
    for _ in 0..8 {
        assert_eq!(saved().0, first);
    }
    assert_eq!(data % 8, 0, "the data is aligned");
}

#[test]
fn every_changed_byte_of_the_data_is_refused_by_name() {
    let (bytes, data) = saved();
    for at in data..bytes.len() {
        for flip in [0x01, 0x80] {
            let mut changed = bytes.clone();
            changed[at] ^= flip;
            match Trace::from_bytes(&changed, "changed") {
                Err(TraceError::Changed { source_name, tensor, expected, actual }) => {
                    assert_eq!(source_name, "changed");
                    assert!(trace().tensors.contains_key(&tensor), "{tensor}");
                    assert_ne!(expected, actual);
                }
                other => panic!("byte {at}: {other:?}"),
            }
        }
    }
}

#[test]
fn changed_metadata_is_refused() {
    let (bytes, _) = saved();
    let at = bytes.windows(9).position(|window| window == b"[1, 2, 3]").expect("the ids");
    let mut changed = bytes;
    changed[at + 1] = b'7';
    let result = Trace::from_bytes(&changed, "changed");
    assert!(matches!(result, Err(TraceError::MetadataChanged { .. })), "{result:?}");
}

#[test]
fn a_tensor_removed_or_added_is_refused_by_name() {
    let (bytes, _) = saved();
    let whole = safetensors::SafeTensors::deserialize(&bytes).expect("safetensors");
    let (_, header) = safetensors::SafeTensors::read_metadata(&bytes).expect("header");
    let rewrite = |tensors: Vec<(String, safetensors::tensor::TensorView<'_>)>| {
        let bytes = safetensors::serialize(tensors, header.metadata().clone()).expect("serialized");
        Trace::from_bytes(&bytes, "rewritten")
    };
    let mut fewer = whole.tensors();
    fewer.retain(|(name, _)| name != "ln_f");
    match rewrite(fewer) {
        Err(TraceError::Manifest { tensor, .. }) => assert_eq!(tensor, "ln_f"),
        other => panic!("{other:?}"),
    }
    let mut more = whole.tensors();
    more.push(("h.0".to_owned(), whole.tensor("ln_f").expect("there")));
    match rewrite(more) {
        Err(TraceError::Manifest { tensor, .. }) => assert_eq!(tensor, "h.0"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn other_bytes_are_not_a_trace() {
    for bytes in [&b""[..], b"\0\0\0\0\0\0\0\0", b"not a trace at all"] {
        let result = Trace::from_bytes(bytes, "noise");
        assert!(matches!(result, Err(TraceError::Format { .. })), "{result:?}");
    }
    assert!(matches!(
        Trace::open(std::path::Path::new("no/such/file")),
        Err(TraceError::Io { .. })
    ));
}
