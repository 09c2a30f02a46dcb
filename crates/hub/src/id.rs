//! Which model: `gpt2`, `OWNER/NAME`, `OWNER/NAME@REVISION`.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// The short names, and the repository that each has on huggingface.co.
///
/// Before repositories had owners these were their whole names, and Python still caches
/// `from_pretrained("gpt2")` under the short one; see [`ModelId::short_name`].
const SHORT_NAMES: [(&str, &str, &str); 5] = [
    ("gpt2", "openai-community", "gpt2"),
    ("gpt2-medium", "openai-community", "gpt2-medium"),
    ("gpt2-large", "openai-community", "gpt2-large"),
    ("gpt2-xl", "openai-community", "gpt2-xl"),
    ("distilgpt2", "distilbert", "distilgpt2"),
];

/// The branch that is meant when no revision is given.
const MAIN: &str = "main";

/// A model on the hub: an owner, a name, and a revision (a branch, a tag or a commit).
///
/// Its parts are checked when it is made, by the rules of the hub itself, so they can be put into
/// paths and URLs without a second thought: no part is empty, `..`, absolute, or has a separator
/// where none may be (a revision may have `/`, as in `refs/pr/1`).
///
/// ```
/// use gpt2_hub::ModelId;
///
/// let id: ModelId = "gpt2-xl".parse()?;
/// assert_eq!(id.to_string(), "openai-community/gpt2-xl@main");
/// let id: ModelId = "microsoft/DialoGPT-small@refs/pr/1".parse()?;
/// assert_eq!((id.owner(), id.name(), id.revision()), ("microsoft", "DialoGPT-small", "refs/pr/1"));
/// assert!("../../etc/passwd".parse::<ModelId>().is_err());
/// # Ok::<(), gpt2_hub::IdError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ModelId {
    owner: String,
    name: String,
    revision: String,
}

impl ModelId {
    /// The user or the organisation that owns the repository.
    pub fn owner(&self) -> &str {
        &self.owner
    }

    /// The name of the repository, without its owner.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A branch, a tag or a commit; `main` unless one was given.
    pub fn revision(&self) -> &str {
        &self.revision
    }

    /// `OWNER/NAME`.
    pub fn repository(&self) -> String {
        format!("{}/{}", self.owner, self.name)
    }

    /// The name without an owner under which the hub knows this repository too, if there is one.
    ///
    /// Python caches a model under the name that it was asked for, so `gpt2` may be in
    /// `models--gpt2` as well as in `models--openai-community--gpt2`.
    pub fn short_name(&self) -> Option<&'static str> {
        SHORT_NAMES
            .iter()
            .find(|(_, owner, name)| *owner == self.owner && *name == self.name)
            .map(|(short, _, _)| *short)
    }

    /// The names that need no owner, in the order of the size of their models.
    pub fn short_names() -> impl Iterator<Item = &'static str> {
        SHORT_NAMES.iter().map(|(short, _, _)| *short)
    }

    /// The same model at another revision.
    ///
    /// # Errors
    ///
    /// [`IdError::Revision`] when `revision` could not be one.
    pub fn at(&self, revision: &str) -> Result<Self, IdError> {
        check_revision(revision)?;
        Ok(Self { revision: revision.to_owned(), ..self.clone() })
    }
}

/// Whether `text` is a whole git commit hash as the hub writes it: 40 hexadecimal digits.
pub(crate) fn is_commit(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

impl fmt::Display for ModelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}@{}", self.owner, self.name, self.revision)
    }
}

impl FromStr for ModelId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let (repository, revision) = text.split_once('@').unwrap_or((text, MAIN));
        let (owner, name) = match repository.split_once('/') {
            Some(parts) => parts,
            None => SHORT_NAMES
                .iter()
                .find(|(short, _, _)| *short == repository)
                .map(|(_, owner, name)| (*owner, *name))
                .ok_or_else(|| IdError::UnknownShortName { name: repository.to_owned() })?,
        };
        check_part("owner", owner)?;
        check_part("name", name)?;
        if name.ends_with(".git") {
            return Err(IdError::part("name", name, "it ends with `.git`"));
        }
        check_revision(revision)?;
        Ok(Self { owner: owner.to_owned(), name: name.to_owned(), revision: revision.to_owned() })
    }
}

/// Why a text is not a [`ModelId`].
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum IdError {
    /// A name without an owner that is none of the known ones.
    #[error(
        "no model is called `{name}`: give `OWNER/NAME`, or one of {}",
        ModelId::short_names().collect::<Vec<_>>().join(", ")
    )]
    UnknownShortName {
        /// What was given.
        name: String,
    },
    /// An owner or a name that the hub would not allow.
    #[error("`{text}` is not the {part} of a model: {reason}")]
    Part {
        /// `owner` or `name`.
        part: &'static str,
        /// What was given.
        text: String,
        /// The rule that it breaks.
        reason: &'static str,
    },
    /// A revision that git would not allow, or that would leave the cache's folder.
    #[error("`{text}` is not a revision: {reason}")]
    Revision {
        /// What was given.
        text: String,
        /// The rule that it breaks.
        reason: &'static str,
    },
}

impl IdError {
    fn part(part: &'static str, text: &str, reason: &'static str) -> Self {
        Self::Part { part, text: text.to_owned(), reason }
    }
}

/// The rules of `validate_repo_id` in Python's `huggingface_hub`.
fn check_part(part: &'static str, text: &str) -> Result<(), IdError> {
    let reason = if text.is_empty() {
        "it is empty"
    } else if text.len() > 96 {
        "it is longer than 96 characters"
    } else if !text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)) {
        "only A-Z, a-z, 0-9, `-`, `_` and `.` may be in it"
    } else if text.starts_with(['-', '.']) || text.ends_with(['-', '.']) {
        "it starts or ends with `-` or `.`"
    } else if text.contains("--") || text.contains("..") {
        "it contains `--` or `..`"
    } else {
        return Ok(());
    };
    Err(IdError::part(part, text, reason))
}

fn check_revision(text: &str) -> Result<(), IdError> {
    let reason = if text.is_empty() {
        "it is empty"
    } else if text.len() > 200 {
        "it is longer than 200 characters"
    } else if !text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_./+".contains(&b)) {
        "only A-Z, a-z, 0-9, `-`, `_`, `.`, `+` and `/` may be in it"
    } else if text
        .split('/')
        .any(|part| part.is_empty() || part.starts_with(['.', '-']) || part.ends_with('.'))
    {
        "a part of it is empty, starts with `.` or `-`, or ends with `.`"
    } else {
        return Ok(());
    };
    Err(IdError::Revision { text: text.to_owned(), reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_parse() {
        for (text, shown, short) in [
            ("gpt2", "openai-community/gpt2@main", Some("gpt2")),
            ("gpt2@607a30d", "openai-community/gpt2@607a30d", Some("gpt2")),
            ("gpt2-medium", "openai-community/gpt2-medium@main", Some("gpt2-medium")),
            ("gpt2-large", "openai-community/gpt2-large@main", Some("gpt2-large")),
            ("gpt2-xl", "openai-community/gpt2-xl@main", Some("gpt2-xl")),
            ("distilgpt2", "distilbert/distilgpt2@main", Some("distilgpt2")),
            ("openai-community/gpt2", "openai-community/gpt2@main", Some("gpt2")),
            ("someone/gpt2", "someone/gpt2@main", None),
            ("a/b.c_d-e@refs/pr/1", "a/b.c_d-e@refs/pr/1", None),
            ("a/b@v1.0+cpu", "a/b@v1.0+cpu", None),
        ] {
            let id: ModelId = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(id.to_string(), shown);
            assert_eq!(id.short_name(), short, "{text}");
            assert_eq!(id.to_string().parse::<ModelId>(), Ok(id), "{text}: shown, then parsed");
        }
    }

    #[test]
    fn ids_that_do_not() {
        for text in [
            "",
            "/",
            "@",
            "gpt3",
            "a/",
            "/b",
            "a/b/c",
            "a/b@",
            "@main",
            "../b",
            "a/..",
            "./b",
            "a/.",
            "a/b@..",
            "a/b@../../x",
            "a/b@/etc/passwd",
            "a/b@x/../y",
            "a/b@x//y",
            "a/b@x/",
            "a/b@.x",
            "a/b@-x",
            "a/b@x.",
            "a/b@x y",
            "a\\b",
            "a/b\\c",
            "C:/b",
            "a/b@c:d",
            "a/b@x\\y",
            "a--b/c",
            "a/b--c",
            "a..b/c",
            "a/b.git",
            "a/-b",
            "a/b-",
            "a/b%2f",
            "a/b?x",
            "a/b#x",
            "a/b\0",
            "é/b",
            "a/b@é",
            "a/b@c@d",
            "datasets/a/b",
            " a/b",
        ] {
            assert!(text.parse::<ModelId>().is_err(), "{text:?} parsed");
        }
        assert!(format!("a/{}", "b".repeat(97)).parse::<ModelId>().is_err());
        assert!(format!("a/b@{}", "c".repeat(201)).parse::<ModelId>().is_err());
    }

    #[test]
    fn an_error_says_what_to_type() {
        let error = "gpt3".parse::<ModelId>().map_err(|error| error.to_string());
        let expected = "no model is called `gpt3`: give `OWNER/NAME`, or one of \
                        gpt2, gpt2-medium, gpt2-large, gpt2-xl, distilgpt2";
        assert_eq!(error, Err(expected.to_owned()));
    }

    #[test]
    fn a_commit_is_forty_digits() {
        assert!(is_commit("607a30d783dfa663caf39e06633721c8d4cfcd7e"));
        for text in ["607a30d", "main", &"g".repeat(40), &"A".repeat(40)] {
            assert!(!is_commit(text), "{text}");
        }
    }
}
