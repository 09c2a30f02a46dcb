//! Indices that point elsewhere, or disagree with their shards.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::{Case, case};
use crate::common::{Model, read_index, write_index};

/// The sound model in two shards, then `edit`.
fn sharded(edit: impl Fn(&Path)) -> impl Fn(&Path) {
    move |directory| {
        Model::new().write_sharded(directory, 9);
        edit(directory);
    }
}

/// The sound model in two shards, with its index edited.
fn index(edit: impl Fn(&mut Value)) -> impl Fn(&Path) {
    sharded(move |directory| {
        let mut index = read_index(directory);
        edit(&mut index);
        write_index(directory, &index);
    })
}

/// The sound model in two shards, with one tensor said to be elsewhere.
fn points_at(shard: &'static str) -> impl Fn(&Path) {
    index(move |i| i["weight_map"]["ln_f.bias"] = json!(shard))
}

fn text(json: impl Into<String>) -> impl Fn(&Path) {
    let json = json.into();
    sharded(move |directory| {
        fs::write(directory.join("model.safetensors.index.json"), &json).unwrap();
    })
}

pub(super) fn cases() -> Vec<Case> {
    const FIRST: &str = "model-00001-of-00002.safetensors";
    const SECOND: &str = "model-00002-of-00002.safetensors";
    vec![
        case!(
            "index: points above",
            points_at("../../etc/passwd"),
            ShardPath { .. },
            "\"ln_f.bias\" is said to be in \"../../etc/passwd\": a shard must be a file name"
        ),
        case!(
            "index: points to an absolute path",
            points_at("/etc/passwd"),
            ShardPath { .. },
            "is said to be in \"/etc/passwd\""
        ),
        case!(
            "index: points into a directory",
            points_at("sub/x.safetensors"),
            ShardPath { .. },
            "is said to be in \"sub/x.safetensors\""
        ),
        case!("index: points to its directory", points_at("."), ShardPath { .. }, "in \".\""),
        case!("index: points to the parent", points_at(".."), ShardPath { .. }, "in \"..\""),
        case!("index: points nowhere", points_at(""), ShardPath { .. }, "in \"\""),
        case!("index: points to a Windows path", points_at("C:\\x"), ShardPath { .. }, "C:"),
        case!("index: points to the end of a string", points_at("a\0b"), ShardPath { .. }, "\\0"),
        case!(
            "index: points to the configuration",
            points_at("config.json"),
            HeaderLength { .. },
            "config.json: the header length is"
        ),
        case!(
            "index: shard missing",
            sharded(|d| fs::remove_file(d.join(SECOND)).unwrap()),
            MissingShard { .. },
            "shard \"model-00002-of-00002.safetensors\" is missing"
        ),
        case!(
            "index: shard is a directory",
            sharded(|d| {
                fs::remove_file(d.join(SECOND)).unwrap();
                fs::create_dir(d.join(SECOND)).unwrap();
            }),
            NotAFile { .. },
            "00002.safetensors: expected a regular file, found a directory"
        ),
        case!(
            "index: shard truncated",
            sharded(|d| {
                let mut bytes = fs::read(d.join(FIRST)).unwrap();
                bytes.pop();
                fs::write(d.join(FIRST), bytes).unwrap();
            }),
            Truncated { .. },
            "model-00001-of-00002.safetensors: truncated"
        ),
        case!(
            "index: tensor in another shard",
            points_at(FIRST),
            IndexDisagrees { .. },
            "\"ln_f.bias\" is listed in \"model-00001-of-00002.safetensors\", but it is in"
        ),
        case!(
            "index: tensor not in its shard",
            index(|i| i["weight_map"]["h.9.ln_1.bias"] = json!(FIRST)),
            IndexDisagrees { .. },
            "\"h.9.ln_1.bias\" is listed in \"model-00001-of-00002.safetensors\", but it is not there"
        ),
        case!(
            "index: tensor not listed",
            index(|i| {
                i["weight_map"].as_object_mut().unwrap().remove("ln_f.bias");
            }),
            IndexDisagrees { .. },
            "\"ln_f.bias\" is in \"model-00002-of-00002.safetensors\", but it is not listed"
        ),
        case!(
            "index: tensor in both shards",
            sharded(|d| {
                fs::copy(d.join(FIRST), d.join(SECOND)).unwrap();
            }),
            DuplicateName { .. },
            "\"h.0.attn.c_attn.bias\" appears more than once"
        ),
        case!(
            "index: a key twice",
            text(format!(r#"{{"weight_map": {{"a": "{FIRST}", "a": "{SECOND}"}}}}"#)),
            DuplicateName { .. },
            "\"a\" appears more than once"
        ),
        case!(
            "index: two maps",
            text(r#"{"weight_map": {}, "weight_map": {}}"#),
            DuplicateName { .. },
            "\"weight_map\" appears more than once"
        ),
        case!(
            "index: no map",
            text(r#"{"metadata": {}}"#),
            Json { what: "the index", .. },
            "the index is not valid: it has no \"weight_map\""
        ),
        case!(
            "index: nothing in it",
            text(r#"{"weight_map": {}}"#),
            Json { what: "the index", .. },
            "its \"weight_map\" is empty"
        ),
        case!(
            "index: a number for a shard",
            text(r#"{"weight_map": {"a": 1}}"#),
            Json { what: "the index", .. },
            "\"a\": invalid type: integer `1`, expected a string"
        ),
        case!("index: not JSON", text("weights"), Json { what: "the index", .. }, "expected value"),
        case!(
            "index: 100,000 brackets",
            text(format!("{{\"weight_map\":{}", "[".repeat(100_000))),
            Json { what: "the index", .. },
            "the index is not valid"
        ),
        case!("index: empty", text(""), Empty { .. }, "index.json: the file is empty"),
        case!(
            "index: three megabytes",
            text(" ".repeat(3 << 20)),
            TooLarge { what: "the index", .. },
            "the index has 3145728 bytes"
        ),
        case!(
            "index: two megabytes of tensors",
            sharded(|d| {
                let map: serde_json::Map<_, _> =
                    (0..140_000).map(|i| (i.to_string(), json!("x"))).collect();
                write_index(d, &json!({ "weight_map": map }));
            }),
            MissingShard { .. },
            "shard \"x\" is missing"
        ),
        case!(
            "index: shards whose headers are long together",
            sharded(|d| {
                let long = crate::common::file(
                    &[b"{}".as_slice(), &vec![b' '; (3 << 20) - 2]].concat(),
                    &[],
                );
                fs::write(d.join("a"), &long).unwrap();
                fs::write(d.join("b"), &long).unwrap();
                write_index(d, &json!({"weight_map": {"1": "a", "2": "b"}}));
            }),
            TooLarge { what: "the header", .. },
            "b: the header has 3145728 bytes"
        ),
    ]
}
