//! What the hub says about a file: at which commit, how large, with which hash.

use ureq::http::header;

use crate::hash::Hash;
use crate::http::{Client, Reply, number, text};
use crate::id::is_commit;
use crate::pins::{self, Pin};
use crate::url::Url;
use crate::{Hub, HubError, ModelId};

/// A file on the hub, before any of it is here.
#[derive(Clone, Debug)]
pub(crate) struct Remote {
    /// Where it is asked for. A redirect may lead elsewhere, each time anew, since what it leads
    /// to expires.
    pub(crate) url: Url,
    pub(crate) commit: String,
    /// The name of its blob, which is its hash.
    pub(crate) etag: String,
    pub(crate) size: Option<u64>,
    pub(crate) pin: Option<&'static Pin>,
}

impl Remote {
    /// Asks about `file` of the model at `revision`.
    ///
    /// The hub answers with a redirect that carries `X-Linked-Etag` and `X-Linked-Size` for what
    /// is stored elsewhere, and otherwise with the file itself and its own `ETag`.
    pub(crate) fn ask(
        client: &Client<'_>,
        hub: &Hub,
        id: &ModelId,
        revision: &str,
        file: &str,
    ) -> Result<Self, HubError> {
        let url = hub.resolve_url(id, revision, file)?;
        let (mut commit, mut etag, mut size) = (None, None, None);
        let mut note = |reply: &Reply| {
            commit = text(reply, "x-repo-commit").map(str::to_owned).or(commit.take());
            etag = text(reply, "x-linked-etag").map(normalize_etag).or(etag.take());
            size = number(reply, "x-linked-size").or(size);
            etag.is_some()
        };
        let (last, reply) =
            client.head(&url, |next, reply| note(reply) && !next.same_origin(&url))?;
        if reply.status().is_success() {
            note(&reply);
            etag = etag.or_else(|| text(&reply, header::ETAG.as_str()).map(normalize_etag));
            size = size.or_else(|| number(&reply, header::CONTENT_LENGTH.as_str()));
        } else if !reply.status().is_redirection() {
            return Err(client.refused(&last, &reply));
        }

        let bad = |reason: String| HubError::BadReply { url: url.to_string(), reason };
        let commit = commit
            .filter(|commit| is_commit(commit))
            .ok_or_else(|| bad("the reply has no X-Repo-Commit with a commit".to_owned()))?;
        if is_commit(revision) && commit != revision {
            return Err(bad(format!("asked for commit {revision}, got {commit}")));
        }
        let etag =
            etag.ok_or_else(|| bad("the reply has no X-Linked-Etag and no ETag".to_owned()))?;
        if Hash::of(&etag).is_none() {
            let start: String = etag.chars().take(80).collect();
            return Err(bad(format!(
                "the etag `{start}` is neither a SHA-256 nor a git hash, so the file could not be checked"
            )));
        }
        let pin = pins::find(id, &commit, file);
        let remote = Self { url, commit, etag, size, pin };
        remote.check_pin(file)?;
        Ok(remote)
    }

    pub(crate) fn hash(&self) -> Hash {
        Hash::of(&self.etag).unwrap_or(Hash::Sha256)
    }

    /// What the server announces must not contradict what is known.
    fn check_pin(&self, file: &str) -> Result<(), HubError> {
        let Some(pin) = self.pin else { return Ok(()) };
        if self.hash() == Hash::Sha256 && self.etag != pin.sha256 {
            return Err(HubError::WrongHash {
                url: self.url.to_string(),
                file: file.to_owned(),
                check: "the table of pinned files",
                expected: pin.sha256.to_owned(),
                actual: self.etag.clone(),
            });
        }
        match (pin.size, self.size) {
            (Some(expected), Some(actual)) if expected != actual => Err(HubError::WrongSize {
                url: self.url.to_string(),
                file: file.to_owned(),
                check: "the table of pinned files",
                expected,
                actual,
            }),
            _ => Ok(()),
        }
    }
}

/// `"x"` and `W/"x"` are `x`, as in Python.
fn normalize_etag(etag: &str) -> String {
    etag.trim().trim_start_matches("W/").trim_matches('"').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_etag_is_what_is_in_its_quotes() {
        assert_eq!(normalize_etag("\"abc\""), "abc");
        assert_eq!(normalize_etag("W/\"abc\""), "abc");
        assert_eq!(normalize_etag("abc"), "abc");
    }
}
