//! Which files a model is made of, and which of them a snapshot lacks.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use serde_json::Value;

use crate::repo::Repo;
use crate::{HubError, ModelId};

pub(crate) const CONFIG: &str = "config.json";
pub(crate) const WEIGHTS: &str = "model.safetensors";
pub(crate) const INDEX: &str = "model.safetensors.index.json";
pub(crate) const TOKENIZER: &str = "tokenizer.json";
/// The tokenizer of a repository without a `tokenizer.json`.
pub(crate) const TOKENIZER_PARTS: [&str; 2] = ["vocab.json", "merges.txt"];

/// No index of a real checkpoint is near this; a larger one is not read.
const INDEX_LIMIT: u64 = 16 << 20;

/// What a snapshot lacks.
#[derive(Debug)]
pub(crate) struct Missing {
    /// Of the config and the weights, without which there is no model.
    pub(crate) model: Vec<String>,
    /// Of the tokenizer, which a model can be run without, on token ids.
    pub(crate) tokenizer: Vec<String>,
}

impl Missing {
    pub(crate) fn nothing(&self) -> bool {
        self.model.is_empty() && self.tokenizer.is_empty()
    }
}

/// Looks what the snapshot of `commit` lacks, without the network.
pub(crate) fn missing(repo: &Repo, id: &ModelId, commit: &str) -> Missing {
    let lacks = |file: &str| !repo.has_whole(id, commit, file);
    let mut model = Vec::new();
    if lacks(CONFIG) {
        model.push(CONFIG.to_owned());
    }
    if lacks(WEIGHTS) {
        if repo.has(commit, INDEX) {
            match shards(&repo.snapshot(commit).join(INDEX)) {
                Ok(shards) => model.extend(shards.into_iter().filter(|shard| lacks(shard))),
                Err(_) => model.push(INDEX.to_owned()),
            }
        } else {
            model.push(WEIGHTS.to_owned());
        }
    }
    // The two parts do as well as the whole; and a repository may have no tokenizer at all.
    let parts = !TOKENIZER_PARTS.iter().any(|file| lacks(file));
    let none = repo.known_absent(commit, TOKENIZER)
        && TOKENIZER_PARTS.iter().any(|file| repo.known_absent(commit, file));
    let tokenizer =
        if !lacks(TOKENIZER) || parts || none { vec![] } else { vec![TOKENIZER.to_owned()] };
    Missing { model, tokenizer }
}

/// The shards that an index names, each once.
pub(crate) fn shards(index: &Path) -> Result<BTreeSet<String>, HubError> {
    let bad = |reason: String| HubError::BadIndex { path: index.to_owned(), reason };
    let file = File::open(index).map_err(HubError::io("open", index))?;
    let size = file.metadata().map_err(HubError::io("read", index))?.len();
    if size > INDEX_LIMIT {
        return Err(bad(format!("its {size} bytes are more than an index has")));
    }
    let value: Value = serde_json::from_reader(BufReader::new(file.take(INDEX_LIMIT)))
        .map_err(|error| bad(format!("not JSON ({error})")))?;
    let map = value
        .get("weight_map")
        .and_then(Value::as_object)
        .ok_or_else(|| bad("no object `weight_map`".to_owned()))?;
    let mut shards = BTreeSet::new();
    for (tensor, shard) in map {
        match shard.as_str() {
            Some(shard) if is_shard(shard) => shards.insert(shard.to_owned()),
            _ => {
                return Err(bad(format!(
                    "tensor `{tensor}` is in {shard}, which is not the name of a shard"
                )));
            }
        };
    }
    if shards.is_empty() {
        return Err(bad("its `weight_map` is empty".to_owned()));
    }
    Ok(shards)
}

/// A file beside the index: no separators, no drive, nothing hidden.
fn is_shard(name: &str) -> bool {
    name.len() <= 200
        && name.ends_with(".safetensors")
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Vec<String>, String> {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join(INDEX);
        std::fs::write(&path, text).expect("a file");
        shards(&path).map(|shards| shards.into_iter().collect()).map_err(|error| error.to_string())
    }

    #[test]
    fn an_index_names_each_shard_once() {
        let index = r#"{"metadata": {"total_size": 9}, "weight_map": {
            "a": "model-00002-of-00002.safetensors", "b": "model-00001-of-00002.safetensors",
            "c": "model-00002-of-00002.safetensors"}}"#;
        let expected = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
        assert_eq!(parse(index), Ok(expected.map(str::to_owned).to_vec()));
    }

    #[test]
    fn an_index_cannot_leave_its_folder() {
        for name in [
            "../../etc/passwd",
            "../x.safetensors",
            "/etc/x.safetensors",
            "a/b.safetensors",
            "a\\b.safetensors",
            "C:x.safetensors",
            ".x.safetensors",
            "..safetensors",
            "",
            "x.bin",
            "x.safetensors\0",
            "x%2f.safetensors",
        ] {
            let index = serde_json::json!({"weight_map": {"a": name}}).to_string();
            let error = parse(&index).expect_err(name);
            assert!(error.contains("`a`") && error.contains("not the name of a shard"), "{error}");
        }
    }

    #[test]
    fn an_index_that_is_none() {
        for text in [
            "",
            "[]",
            "{}",
            r#"{"weight_map": 1}"#,
            r#"{"weight_map": {}}"#,
            r#"{"weight_map": {"a": 1}}"#,
            "\u{feff}x",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(parse(&"[".repeat(100_000)).is_err(), "deep nesting");
    }
}
