//! What can go wrong, and what the user can do about it.

use std::error::Error as StdError;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use thiserror::Error;

/// Why a model could not be fetched or found.
///
/// Every message ends with what the user can do. URLs are given without their query, since the
/// query of a CDN's URL is a signature that should not end up in a log. The token is in none.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum HubError {
    /// A setting that cannot be used.
    #[error("{name}: {reason}")]
    Setting {
        /// The variable or the option, such as `HF_ENDPOINT`.
        name: &'static str,
        /// What is wrong with it. A token's value is never repeated.
        reason: String,
    },

    /// Not in the cache, and the network may not be used.
    #[error(
        "{id} is not complete in {}, where {} missing, and the network may not be used: \
         unset HF_HUB_OFFLINE and fetch it, or point HF_HUB_CACHE at a cache that has it",
        cache.display(), are(missing)
    )]
    NotCached {
        /// `OWNER/NAME@REVISION`.
        id: String,
        /// The cache that was looked into.
        cache: PathBuf,
        /// The files that a complete model would have there.
        missing: Vec<String>,
    },

    /// 401: who is asking is unknown, or may not know whether the repository exists.
    #[error(
        "{url}: 401 unauthorized {}",
        if *token_sent {
            "with the token that was sent: check HF_TOKEN, it may have expired or lack access to this repository"
        } else {
            "and no token was sent: check the spelling, and for a private or gated repository set HF_TOKEN \
             to a token from https://huggingface.co/settings/tokens"
        }
    )]
    Unauthorized {
        /// What was asked for.
        url: String,
        /// Whether a token went along.
        token_sent: bool,
    },

    /// 403: known, and refused; usually a gated repository.
    #[error(
        "{url}: 403 forbidden: ask for access on the page of the repository, then set HF_TOKEN to a token that has it"
    )]
    Forbidden {
        /// What was asked for.
        url: String,
    },

    /// 404, and the file is one that the model cannot be without.
    #[error("{url}: 404, no such {what}: check the spelling of the model and its revision")]
    NotFound {
        /// What was asked for.
        url: String,
        /// What does not exist, as far as the server said: a repository, a revision, a file.
        what: &'static str,
    },

    /// 429: too many requests, and the server asked for more patience than there is.
    #[error(
        "{url}: 429 too many requests{}; a token in HF_TOKEN raises the limit",
        retry_after.map(|wait| format!(": try again in {} s", wait.as_secs())).unwrap_or_default()
    )]
    RateLimited {
        /// What was asked for.
        url: String,
        /// What the server said about when to come back.
        retry_after: Option<Duration>,
    },

    /// Any other status that is not success.
    #[error("{url}: status {status}; try again later, or another HF_ENDPOINT")]
    Status {
        /// What was asked for.
        url: String,
        /// The HTTP status.
        status: u16,
    },

    /// The connection could not be made, or broke.
    #[error(
        "{url}: {source}; check the network and HTTPS_PROXY, then run the same again: it resumes"
    )]
    Network {
        /// What was asked for.
        url: String,
        /// Whether trying again can help: a refused certificate stays refused.
        transient: bool,
        /// What the connection said.
        source: Box<dyn StdError + Send + Sync>,
    },

    /// Nothing arrived for too long.
    #[error("{url}: nothing came for {} s; check the network, then run the same again: it resumes", limit.as_secs_f64())]
    Stalled {
        /// What was asked for.
        url: String,
        /// How long was waited.
        limit: Duration,
    },

    /// The connection was closed in the middle of a file, more often than we try.
    #[error(
        "{url}: {file} was cut after {received} of {expected} bytes; run the same again: it resumes"
    )]
    Cut {
        /// Where it came from.
        url: String,
        /// Which file.
        file: String,
        /// Bytes that are here, in the `.incomplete` file.
        received: u64,
        /// Bytes that there should be.
        expected: u64,
    },

    /// The server's file has another size than the one it announced, or than the pinned one.
    #[error(
        "{url}: {file} has {actual} bytes where {check} says {expected}; it was not kept; try again, or another HF_ENDPOINT"
    )]
    WrongSize {
        /// Where it came from.
        url: String,
        /// Which file.
        file: String,
        /// What says so: a header, or the table of pinned files.
        check: &'static str,
        /// Bytes that there should be.
        expected: u64,
        /// Bytes that there are.
        actual: u64,
    },

    /// The bytes are not the ones that were announced, or not the pinned ones.
    #[error(
        "{url}: {file} has the hash {actual} where {check} says {expected}; it was not kept; try again, or another HF_ENDPOINT"
    )]
    WrongHash {
        /// Where it came from.
        url: String,
        /// Which file.
        file: String,
        /// What says so: its etag, or the table of pinned files.
        check: &'static str,
        /// The hash that there should be: SHA-256 in 64 digits, or that of a git blob in 40.
        expected: String,
        /// The hash that there is.
        actual: String,
    },

    /// A file in the cache is not what it was when it was fetched, or not the pinned one.
    #[error(
        "{file} has the hash {actual} where {check} says {expected}; remove {} and fetch the model again",
        path.display()
    )]
    Damaged {
        /// Its name in the repository.
        file: String,
        /// Where its bytes are: not the link, which would be made again.
        path: PathBuf,
        /// What says so: the name of its blob, or the table of pinned files.
        check: &'static str,
        /// The hash that there should be.
        expected: String,
        /// The hash that there is.
        actual: String,
    },

    /// A reply that a HuggingFace hub would not give.
    #[error("{url}: {reason}; is HF_ENDPOINT a HuggingFace hub, and does no proxy rewrite it?")]
    BadReply {
        /// What was asked for.
        url: String,
        /// What is wrong with it.
        reason: String,
    },

    /// The repository has no weights in the safetensors format.
    #[error(
        "{url}: no model.safetensors and no model.safetensors.index.json; if the repository has a \
         pytorch_model.bin, convert it with Python:\n  \
         from transformers import AutoModelForCausalLM\n  \
         AutoModelForCausalLM.from_pretrained(\"{repository}\").save_pretrained(\"DIR\", safe_serialization=True)"
    )]
    NoSafetensors {
        /// The repository's folder on the server.
        url: String,
        /// `OWNER/NAME`.
        repository: String,
    },

    /// An index of shards that cannot be followed.
    #[error("{}: {reason}; the checkpoint is broken, ask its owner", path.display())]
    BadIndex {
        /// The index, in the cache.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },

    /// The disk is full, or would be.
    #[error(
        "{}: {needed} more bytes are needed{}; make room or set HF_HUB_CACHE to a larger disk, \
         then run the same again: it resumes",
        path.display(),
        available.map(|bytes| format!(" and {bytes} are free")).unwrap_or_default()
    )]
    DiskFull {
        /// The folder or the file that was to be written.
        path: PathBuf,
        /// Bytes still to be written.
        needed: u64,
        /// Bytes that are free, where the system says.
        available: Option<u64>,
    },

    /// A file or a folder of the cache could not be used.
    #[error("could not {action} {}: {source}; check its permissions, or set HF_HUB_CACHE to another folder", path.display())]
    Io {
        /// What was being done, such as `create`.
        action: &'static str,
        /// To what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl HubError {
    /// Whether the same may succeed a moment later: a broken connection, a stall, a busy server.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Network { transient, .. } => *transient,
            Self::Stalled { .. } | Self::Cut { .. } | Self::RateLimited { .. } => true,
            Self::Status { status, .. } => matches!(status, 408 | 500 | 502 | 503 | 504),
            _ => false,
        }
    }

    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }
}

/// `a is` or `a and b are`.
fn are(missing: &[String]) -> String {
    match missing {
        [one] => format!("{one} is"),
        many => format!("{} are", many.join(" and ")),
    }
}
