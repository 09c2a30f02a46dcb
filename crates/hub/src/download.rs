//! One file, from the hub into its blob: resumed, tried again, checked, then put into its place.

use std::fs;
use std::io::{self, ErrorKind, Read};
use std::thread;

use ureq::http::header;

use crate::check::{check, wrong_size};
use crate::http::{Client, Reply, number, text};
use crate::lock::Lock;
use crate::partial::Partial;
use crate::remote::Remote;
use crate::repo::Repo;
use crate::retry::Retry;
use crate::url::Url;
use crate::{Event, HubError, Progress};

/// What all files of a fetch share.
pub(crate) struct Downloader<'a> {
    pub(crate) client: Client<'a>,
    pub(crate) repo: Repo,
    pub(crate) retry: Retry,
    pub(crate) symlinks: bool,
    pub(crate) progress: &'a dyn Progress,
}

impl Downloader<'_> {
    /// Puts `file` into the snapshot of its commit.
    pub(crate) fn download(&self, file: &str, remote: &Remote) -> Result<(), HubError> {
        self.repo.prepare(&remote.commit)?;
        let _lock = Lock::take(&self.repo.lock(&remote.etag), || {
            self.progress.event(&Event::Waiting { file })
        })?;
        // Whoever had the lock may have done all of it.
        if self.is_here(file, remote) {
            return Ok(());
        }
        let blob = self.repo.blob(&remote.etag);
        let new = !has_size(fs::metadata(&blob), remote.size);
        if new {
            let mut partial = Partial::open(self.repo.incomplete(&remote.etag))?;
            match self.receive(&mut partial, file, remote) {
                Ok(()) => {}
                Err(error @ (HubError::WrongSize { .. } | HubError::WrongHash { .. })) => {
                    partial.discard()?;
                    return Err(error);
                }
                Err(error) => return Err(error),
            }
            let size = partial.len();
            partial.finish(&blob)?;
            self.progress.event(&Event::Finished { file, size });
        }
        self.repo.link(&remote.etag, &remote.commit, file, new, self.symlinks)
    }

    /// Whether the snapshot has the file, at the right size.
    pub(crate) fn is_here(&self, file: &str, remote: &Remote) -> bool {
        has_size(fs::metadata(self.repo.snapshot(&remote.commit).join(file)), remote.size)
    }

    /// Bytes that are still to come.
    pub(crate) fn remaining(&self, file: &str, remote: &Remote) -> u64 {
        let size = remote.size.unwrap_or(0);
        if self.is_here(file, remote)
            || has_size(fs::metadata(self.repo.blob(&remote.etag)), remote.size)
        {
            return 0;
        }
        let here =
            fs::metadata(self.repo.incomplete(&remote.etag)).map_or(0, |metadata| metadata.len());
        size.saturating_sub(here)
    }

    /// All bytes of the file, checked.
    fn receive(&self, partial: &mut Partial, file: &str, remote: &Remote) -> Result<(), HubError> {
        let resumed = partial.len() > 0;
        if remote.size.is_some_and(|size| partial.len() > size) {
            self.restart(partial, file, "it is longer than the file")?;
        }
        self.progress.event(&Event::Started { file, offset: partial.len(), size: remote.size });
        self.receive_rest(partial, file, remote)?;
        match check(partial, file, remote) {
            // What an earlier process left was damaged. A file that this one asked for in whole and
            // that is wrong is the server's doing, and asking again would change nothing.
            Err(HubError::WrongHash { .. }) if resumed => {
                self.restart(partial, file, "its hash is wrong")?;
                self.receive_rest(partial, file, remote)?;
                check(partial, file, remote)
            }
            checked => checked,
        }
    }

    fn restart(
        &self,
        partial: &mut Partial,
        file: &str,
        reason: &'static str,
    ) -> Result<(), HubError> {
        partial.clear()?;
        self.progress.event(&Event::Restarted { file, reason });
        Ok(())
    }

    /// Tries until the file is whole, or until trying does not help.
    fn receive_rest(
        &self,
        partial: &mut Partial,
        file: &str,
        remote: &Remote,
    ) -> Result<(), HubError> {
        let mut failures = 0;
        let mut furthest = partial.len();
        while remote.size.is_none_or(|size| partial.len() < size) {
            let error = match self.receive_once(partial, file, remote) {
                Ok(()) => break,
                Err(error) => error,
            };
            // A server that always begins anew and always stops at the same place gets nowhere.
            if partial.len() > furthest {
                furthest = partial.len();
                failures = 0;
            }
            failures += 1;
            let Some(wait) = self.retry.wait(failures, &error) else { return Err(error) };
            self.progress.event(&Event::Retrying { file, failures, wait, error: &error });
            thread::sleep(wait);
        }
        Ok(())
    }

    /// One request for what is missing.
    fn receive_once(
        &self,
        partial: &mut Partial,
        file: &str,
        remote: &Remote,
    ) -> Result<(), HubError> {
        let (url, reply) = self.client.get(&remote.url, partial.len())?;
        let size = self.begin(partial, file, remote, &url, &reply)?;
        let mut body = reply.into_body().into_reader();
        let mut buffer = vec![0; 1 << 16];
        loop {
            let n = match body.read(&mut buffer) {
                Ok(n) => n,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == ErrorKind::UnexpectedEof && size.is_some() => 0,
                Err(error) => return Err(self.client.failed_reading(&url, error)),
            };
            let len = partial.len() + n as u64;
            match size {
                Some(size) if len > size => {
                    return Err(wrong_size(&url, file, "its announced size", size, len));
                }
                Some(size) if n == 0 && len < size => {
                    return Err(HubError::Cut {
                        url: url.to_string(),
                        file: file.to_owned(),
                        received: len,
                        expected: size,
                    });
                }
                _ if n == 0 => return Ok(()),
                _ => {}
            }
            partial.write(&buffer[..n]).map_err(|error| unwritten(partial, remote.size, error))?;
            self.progress.event(&Event::Received { file, bytes: n as u64, offset: len, size });
        }
    }

    /// Looks at the head of a reply: is it the rest, the whole, or neither? Returns the size of
    /// the whole file, if anything tells.
    fn begin(
        &self,
        partial: &mut Partial,
        file: &str,
        remote: &Remote,
        url: &Url,
        reply: &Reply,
    ) -> Result<Option<u64>, HubError> {
        let bad = |reason: String| HubError::BadReply { url: url.to_string(), reason };
        if let Some(encoding) =
            text(reply, header::CONTENT_ENCODING.as_str()).filter(|name| *name != "identity")
        {
            return Err(bad(format!("the reply is in {encoding}, which was not asked for")));
        }
        let size = match reply.status().as_u16() {
            200 => {
                if partial.len() > 0 {
                    self.restart(partial, file, "the server cannot resume")?;
                }
                number(reply, header::CONTENT_LENGTH.as_str())
            }
            206 => {
                let range = text(reply, header::CONTENT_RANGE.as_str()).unwrap_or_default();
                let (start, size) = parse_content_range(range)
                    .ok_or_else(|| bad(format!("the Content-Range `{range}` is none")))?;
                if start != partial.len() {
                    return Err(bad(format!(
                        "asked for bytes from {} on, got `{range}`",
                        partial.len()
                    )));
                }
                size
            }
            416 if partial.len() > 0 => {
                self.restart(partial, file, "the server has no more bytes")?;
                return Err(HubError::Cut {
                    url: url.to_string(),
                    file: file.to_owned(),
                    received: 0,
                    expected: remote.size.unwrap_or(0),
                });
            }
            _ => return Err(self.client.refused(url, reply)),
        };
        match (remote.size, size) {
            (Some(expected), Some(actual)) if expected != actual => {
                Err(wrong_size(url, file, "its announced size", expected, actual))
            }
            (announced, size) => Ok(announced.or(size)),
        }
    }
}

fn has_size(metadata: io::Result<fs::Metadata>, size: Option<u64>) -> bool {
    metadata
        .is_ok_and(|metadata| metadata.is_file() && size.is_none_or(|size| size == metadata.len()))
}

fn unwritten(partial: &Partial, size: Option<u64>, error: io::Error) -> HubError {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
            HubError::DiskFull {
                path: partial.path().to_owned(),
                needed: size.unwrap_or(0).saturating_sub(partial.len()),
                available: partial.path().parent().and_then(|dir| fs4::available_space(dir).ok()),
            }
        }
        _ => HubError::io("write", partial.path())(error),
    }
}

/// `bytes 5-9/10` is (5, 10); a size that the server does not know is `*`.
fn parse_content_range(value: &str) -> Option<(u64, Option<u64>)> {
    let (range, size) = value.trim().strip_prefix("bytes ")?.split_once('/')?;
    let start = range.split_once('-')?.0.trim().parse().ok()?;
    match size.trim() {
        "*" => Some((start, None)),
        size => Some((start, Some(size.parse().ok()?))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_range_tells_start_and_size() {
        for (value, expected) in [
            ("bytes 5-9/10", Some((5, Some(10)))),
            ("bytes 0-9/*", Some((0, None))),
            ("bytes */10", None),
            ("5-9/10", None),
            ("bytes 5-9", None),
            ("bytes -1-9/10", None),
            ("", None),
        ] {
            assert_eq!(parse_content_range(value), expected, "{value}");
        }
    }
}
