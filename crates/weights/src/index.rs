//! `model.safetensors.index.json`: which shard holds which tensor.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Component, Path};

use serde::de::MapAccess;

use crate::WeightsError;
use crate::file::{Access, Source};
use crate::json::{self, Entry, Object, shorten};
use crate::shard::Shard;

/// The largest index that is read, in bytes; that of a sharded gpt2-xl has about 40,000.
const MAX_INDEX: u64 = 2 << 20;

const WHAT: &str = "the index";

/// The top level of an index, of which only `weight_map` is used.
enum Part {
    WeightMap(Object<String>),
    Other,
}

impl Entry for Part {
    fn read<'de, A: MapAccess<'de>>(key: &str, map: &mut A) -> Result<Self, A::Error> {
        if key == "weight_map" {
            map.next_value().map(Self::WeightMap)
        } else {
            map.next_value::<serde::de::IgnoredAny>().map(|_| Self::Other)
        }
    }
}

/// Opens an index and all its shards, and checks that they hold the same tensors.
pub(crate) fn open(
    file: &Path,
    access: Access,
    budget: &mut u64,
) -> Result<Vec<Shard>, WeightsError> {
    let weight_map = read(file)?;
    for (tensor, shard) in &weight_map {
        if !is_file_name(shard) {
            return Err(WeightsError::ShardPath {
                file: file.to_owned(),
                tensor: tensor.clone(),
                shard: shorten(shard.clone()),
            });
        }
    }
    let names: BTreeSet<&str> = weight_map.values().map(String::as_str).collect();
    let directory = file.parent().unwrap_or(Path::new(""));
    let mut shards = Vec::new();
    for &name in &names {
        let path = directory.join(name);
        if path.symlink_metadata().is_err() {
            return Err(WeightsError::MissingShard {
                file: file.to_owned(),
                shard: shorten(name.to_owned()),
            });
        }
        shards.push(Shard::open(&path, access, budget)?);
    }
    agree(file, &weight_map, &names, &shards)?;
    Ok(shards)
}

fn read(file: &Path) -> Result<BTreeMap<String, String>, WeightsError> {
    let json = |reason: &dyn fmt::Display| json::invalid(file, WHAT, reason);
    let duplicate = |name| WeightsError::DuplicateName { file: file.to_owned(), name };
    let bytes = Source::open(file)?.read_small(WHAT, MAX_INDEX)?;
    let mut object: Object<Part> = serde_json::from_slice(&bytes).map_err(|error| json(&error))?;
    if let Some(name) = object.duplicate {
        return Err(duplicate(name));
    }
    let Some(Part::WeightMap(map)) = object.entries.remove("weight_map") else {
        return Err(json(&"it has no \"weight_map\""));
    };
    match map.duplicate {
        Some(name) => Err(duplicate(name)),
        None if map.entries.is_empty() => Err(json(&"its \"weight_map\" is empty")),
        None => Ok(map.entries),
    }
}

/// A plain name: no directory, no parent, nothing absolute, on any system.
fn is_file_name(shard: &str) -> bool {
    let mut components = Path::new(shard).components();
    matches!(
        (components.next(), components.next()),
        (Some(Component::Normal(name)), None) if name == shard
    ) && !shard.contains(['/', '\\', ':', '\0'])
}

fn agree(
    file: &Path,
    weight_map: &BTreeMap<String, String>,
    names: &BTreeSet<&str>,
    shards: &[Shard],
) -> Result<(), WeightsError> {
    let mut found = BTreeMap::new();
    for (&name, shard) in names.iter().zip(shards) {
        for tensor in shard.tensors.keys() {
            if found.insert(tensor.as_str(), name).is_some() {
                return Err(WeightsError::DuplicateName {
                    file: file.to_owned(),
                    name: tensor.clone(),
                });
            }
        }
    }
    let tensors: BTreeSet<&str> =
        weight_map.keys().map(String::as_str).chain(found.keys().copied()).collect();
    for tensor in tensors {
        let expected = weight_map.get(tensor);
        let actual = found.get(tensor);
        if expected.map(String::as_str) != actual.copied() {
            return Err(WeightsError::IndexDisagrees {
                file: file.to_owned(),
                tensor: tensor.to_owned(),
                expected: expected.cloned(),
                actual: actual.map(|&name| name.to_owned()),
            });
        }
    }
    Ok(())
}
