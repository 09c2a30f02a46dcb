//! JSON objects whose keys must be unique, and what is said of JSON that is not valid.
//!
//! `serde_json`'s own maps keep the last of two equal keys, so that two readers of one file may
//! see two models. Here the first repeated key is remembered and the caller refuses the file.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::path::Path;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, Visitor};

use crate::WeightsError;

/// The longest key that is accepted, in bytes: a key ends up in messages.
const MAX_KEY: usize = 1024;

/// The entries of a JSON object, and the first key that stood in it twice.
pub(crate) struct Object<V> {
    pub(crate) entries: BTreeMap<String, V>,
    pub(crate) duplicate: Option<String>,
}

/// A value whose type may depend on its key, as in a safetensors header.
pub(crate) trait Entry: Sized {
    fn read<'de, A: MapAccess<'de>>(key: &str, map: &mut A) -> Result<Self, A::Error>;
}

impl Entry for serde_json::Value {
    fn read<'de, A: MapAccess<'de>>(_: &str, map: &mut A) -> Result<Self, A::Error> {
        map.next_value()
    }
}

impl Entry for String {
    fn read<'de, A: MapAccess<'de>>(_: &str, map: &mut A) -> Result<Self, A::Error> {
        map.next_value()
    }
}

impl<'de, V: Entry> Deserialize<'de> for Object<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

struct ObjectVisitor<V>(PhantomData<V>);

impl<'de, V: Entry> Visitor<'de> for ObjectVisitor<V> {
    type Value = Object<V>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<V>, A::Error> {
        let mut object = Object { entries: BTreeMap::new(), duplicate: None };
        while let Some(key) = map.next_key::<String>()? {
            if key.len() > MAX_KEY {
                return Err(A::Error::custom(format_args!("a name of {} bytes", key.len())));
            }
            if object.entries.contains_key(&key) {
                map.next_value::<IgnoredAny>()?;
                object.duplicate.get_or_insert(key);
                continue;
            }
            // The parser knows the column; the key is what a reader can use.
            let value = V::read(&key, &mut map)
                .map_err(|error| A::Error::custom(format_args!("{key:?}: {error}")))?;
            object.entries.insert(key, value);
        }
        Ok(object)
    }
}

/// The error for `what`, a part of `file`, that the parser refused.
pub(crate) fn invalid(file: &Path, what: &'static str, reason: &dyn fmt::Display) -> WeightsError {
    let reason = shorten(reason.to_string());
    WeightsError::Json { file: file.to_owned(), what, reason }
}

/// A text out of a file as a message shows it: a hostile one may have a megabyte.
pub(crate) fn shorten(text: String) -> String {
    const MAX: usize = 200;
    match text.char_indices().nth(MAX) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}
