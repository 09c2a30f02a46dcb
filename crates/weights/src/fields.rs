//! The fields of a `config.json`, each read as the type it must have.

use std::fmt::Display;
use std::path::Path;

use serde_json::Value;

use crate::WeightsError;
use crate::json::{self, Object, shorten};

const WHAT: &str = "the configuration";

/// A parsed JSON object and the file that errors about it name.
pub(crate) struct Fields<'a> {
    object: Object<Value>,
    file: &'a Path,
}

impl<'a> Fields<'a> {
    pub(crate) fn parse(json: &[u8], file: &'a Path) -> Result<Self, WeightsError> {
        let object: Object<Value> =
            serde_json::from_slice(json).map_err(|error| json::invalid(file, WHAT, &error))?;
        match object.duplicate {
            Some(name) => Err(WeightsError::DuplicateName { file: file.to_owned(), name }),
            None => Ok(Self { object, file }),
        }
    }

    pub(crate) fn get(&self, field: &str) -> Option<&Value> {
        self.object.entries.get(field)
    }

    pub(crate) fn error(
        &self,
        field: &'static str,
        expected: impl Into<String>,
        actual: impl Display,
    ) -> WeightsError {
        WeightsError::Config {
            file: self.file.to_owned(),
            field,
            expected: expected.into(),
            actual: shorten(actual.to_string()),
        }
    }

    pub(crate) fn unsupported(&self, field: &'static str, supported: &'static str) -> WeightsError {
        WeightsError::Unsupported {
            file: self.file.to_owned(),
            field,
            actual: shorten(self.get(field).map_or_else(String::new, Value::to_string)),
            supported,
        }
    }

    /// A size of at least 1. Where the file has it under `alias` too, both must agree.
    pub(crate) fn size_or(
        &self,
        field: &'static str,
        alias: Option<&'static str>,
        default: usize,
    ) -> Result<usize, WeightsError> {
        let own = self.get(field).map(|v| self.size(field, v)).transpose()?;
        let other =
            alias.and_then(|alias| self.get(alias).map(|v| self.size(alias, v))).transpose()?;
        match (own, other) {
            (Some(own), Some(other)) if own != other => Err(self.error(
                field,
                format!("{other}, as {} says", alias.unwrap_or_default()),
                own,
            )),
            (own, other) => Ok(own.or(other).unwrap_or(default)),
        }
    }

    /// A size of at least 1, or nothing where the field is `null` or not there.
    pub(crate) fn size_or_null(&self, field: &'static str) -> Result<Option<usize>, WeightsError> {
        match self.get(field) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => self.size(field, value).map(Some),
        }
    }

    fn size(&self, field: &'static str, value: &Value) -> Result<usize, WeightsError> {
        value
            .as_u64()
            .and_then(|n| usize::try_from(n).ok())
            .filter(|&n| n > 0)
            .ok_or_else(|| self.error(field, "an integer of at least 1", value))
    }

    pub(crate) fn bool_or(&self, field: &'static str, default: bool) -> Result<bool, WeightsError> {
        self.get(field).map_or(Ok(default), |value| {
            value.as_bool().ok_or_else(|| self.error(field, "true or false", value))
        })
    }

    #[allow(clippy::cast_possible_truncation)] // an epsilon is used as f32, as PyTorch does
    pub(crate) fn number_or(&self, field: &'static str, default: f32) -> Result<f32, WeightsError> {
        self.get(field).map_or(Ok(default), |value| {
            value.as_f64().map(|n| n as f32).ok_or_else(|| self.error(field, "a number", value))
        })
    }

    /// A token id, or `null` for none. HuggingFace also allows a list of them; a list of one is
    /// that one.
    pub(crate) fn token_or(
        &self,
        field: &'static str,
        default: Option<u32>,
    ) -> Result<Option<u32>, WeightsError> {
        let value = match self.get(field) {
            None => return Ok(default),
            Some(Value::Null) => return Ok(None),
            Some(Value::Array(list)) if list.len() == 1 => &list[0],
            Some(value) => value,
        };
        value
            .as_u64()
            .and_then(|id| u32::try_from(id).ok())
            .map(Some)
            .ok_or_else(|| self.error(field, "one token id or null", value))
    }
}
