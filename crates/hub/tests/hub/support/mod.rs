//! What the tests share: a hub on loopback with a CDN beside it, and a cache in a folder of its own.

pub(crate) mod server;

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use gpt2_hub::{Event, Hub, HubError, ModelId, Retry};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use self::server::{Reply, Request, Server};

pub(crate) const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
pub(crate) const CONFIG: &[u8] = br#"{"model_type": "gpt2"}"#;

/// A file of a repository: large ones are stored elsewhere and hashed otherwise.
#[derive(Clone, Debug)]
pub(crate) struct File {
    pub(crate) bytes: Arc<[u8]>,
    pub(crate) large: bool,
}

impl File {
    pub(crate) fn etag(&self) -> String {
        if self.large { sha256(&self.bytes) } else { git_hash(&self.bytes) }
    }
}

/// What becomes of a reply before it is sent. The request tells by its path who answers: the hub
/// has `/resolve/` in it, the CDN `/blob/`.
pub(crate) type Tamper = dyn Fn(&Request, Reply) -> Reply + Send + Sync;

/// The same, of a reply alone.
pub(crate) type Alter = Box<dyn Fn(Reply) -> Reply + Send + Sync>;

/// A hub that has one repository, as huggingface.co serves it.
pub(crate) struct FakeHub {
    pub(crate) hub: Server,
    pub(crate) cdn: Server,
}

impl FakeHub {
    /// A hub with these files, of which `.safetensors` are large, at [`COMMIT`] of any repository
    /// of these owners: `openai-community`, `owner`.
    pub(crate) fn new(files: &[(&str, &[u8])]) -> Self {
        Self::tampered(COMMIT, files, |_, reply| reply)
    }

    pub(crate) fn tampered(
        commit: &'static str,
        files: &[(&str, &[u8])],
        tamper: impl Fn(&Request, Reply) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let files: BTreeMap<String, File> = files
            .iter()
            .map(|(name, bytes)| {
                let large = name.ends_with(".safetensors");
                (name.to_string(), File { bytes: Arc::from(*bytes), large })
            })
            .collect();
        let tamper: Arc<Tamper> = Arc::new(tamper);

        let (of_cdn, tamper_cdn) = (files.clone(), tamper.clone());
        let cdn = Server::start(move |request| {
            let name = request.path.strip_prefix("/blob/").and_then(|path| path.split('?').next());
            let reply = match name.and_then(|name| of_cdn.get(name)) {
                Some(file) => bytes(request, file),
                None => Reply::new(403),
            };
            tamper_cdn(request, reply)
        });

        let (of_hub, cdn_url) = (files, cdn.url());
        let hub = Server::start(move |request| {
            let reply = resolve(request, commit, &of_hub, &cdn_url);
            tamper(request, reply)
        });
        Self { hub, cdn }
    }

    /// How often the bytes of a file were asked for, and from where on.
    pub(crate) fn ranges(&self, file: &str) -> Vec<Option<usize>> {
        let both = [self.hub.requests(), self.cdn.requests()].concat();
        let gets = both.iter().filter(|request| {
            let path = request.path.split('?').next().unwrap_or_default();
            request.method == "GET"
                && path.ends_with(&format!("/{file}"))
                && !path.contains("/resolve/")
        });
        gets.map(Request::range_start).collect()
    }
}

/// `/OWNER/NAME/resolve/REVISION/FILE` leads to the bytes: large ones are at the CDN, small ones
/// at another path of the hub.
fn resolve(request: &Request, commit: &str, files: &BTreeMap<String, File>, cdn: &str) -> Reply {
    let parts: Vec<&str> =
        request.path.split('?').next().unwrap_or_default()[1..].split('/').collect();
    let not_found = |code: &str| Reply::new(404).with("X-Error-Code", code);
    match parts[..] {
        ["owner" | "openai-community", name, "resolve", revision, file] => {
            if revision != commit && revision != "main" && revision != "refs%2Fpr%2F1" {
                return not_found("RevisionNotFound");
            }
            let Some(found) = files.get(file) else {
                return not_found("EntryNotFound").with("X-Repo-Commit", commit);
            };
            let location = match found.large {
                true => format!("{cdn}/blob/{file}?Signature=secret"),
                false => format!("/api/resolve-cache/models/{name}/{commit}/{file}"),
            };
            Reply::new(if found.large { 302 } else { 307 })
                .with("Location", location)
                .with("X-Repo-Commit", commit)
                .with("X-Linked-Etag", format!("\"{}\"", found.etag()))
                .with("X-Linked-Size", found.bytes.len())
        }
        ["api", "resolve-cache", "models", _, _, file] => match files.get(file) {
            Some(file) => bytes(request, file).with("X-Repo-Commit", commit),
            None => not_found("EntryNotFound"),
        },
        _ => not_found("RepoNotFound"),
    }
}

fn bytes(request: &Request, file: &File) -> Reply {
    let (size, etag) = (file.bytes.len(), format!("\"{}\"", file.etag()));
    let reply =
        Reply::new(200).body(file.bytes.clone()).with("ETag", etag).with("Accept-Ranges", "bytes");
    match request.range_start() {
        None => reply,
        Some(start) if start < size => {
            let range = format!("bytes {start}-{}/{size}", size - 1);
            Reply { status: 206, start, ..reply.with("Content-Range", range) }
        }
        Some(_) => Reply::new(416).with("Content-Range", format!("bytes */{size}")),
    }
}

/// A cache in a folder that goes away with it.
pub(crate) struct Cache(TempDir);

impl Cache {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn repo(&self, folder: &str) -> PathBuf {
        self.path().join(folder)
    }

    /// A hub that is asked without patience.
    pub(crate) fn hub(&self, endpoint: &str) -> Hub {
        hub(self.path(), endpoint)
    }

    /// The path of everything in the cache that is not a folder, from the cache on.
    pub(crate) fn list(&self) -> Vec<String> {
        fn walk(dir: &Path, root: &Path, list: &mut Vec<String>) {
            for entry in fs::read_dir(dir).expect("a folder").map(|entry| entry.expect("an entry"))
            {
                let path = entry.path();
                if entry.file_type().expect("a type").is_dir() {
                    walk(&path, root, list);
                } else {
                    list.push(
                        path.strip_prefix(root).expect("inside").to_string_lossy().into_owned(),
                    );
                }
            }
        }
        let mut list = Vec::new();
        walk(self.path(), self.path(), &mut list);
        list.sort();
        list
    }
}

pub(crate) fn hub(cache: &Path, endpoint: &str) -> Hub {
    let retry = Retry {
        failures: 3,
        first_wait: Duration::from_millis(5),
        longest_wait: Duration::from_secs(2),
    };
    let hub = Hub::new(cache).with_endpoint(endpoint).expect("a URL").with_retry(retry);
    hub.with_timeouts(Duration::from_secs(5), Duration::from_secs(5))
}

pub(crate) fn id(text: &str) -> ModelId {
    text.parse().expect("an id")
}

/// Fetches `owner/model`, and tells what happened on the way, in short.
pub(crate) fn fetch(hub: &Hub) -> (Result<PathBuf, HubError>, Vec<String>) {
    fetch_id(hub, "owner/model")
}

pub(crate) fn fetch_id(hub: &Hub, model: &str) -> (Result<PathBuf, HubError>, Vec<String>) {
    let events = std::cell::RefCell::new(Vec::new());
    let result = hub.fetch(&id(model), &|event: &Event<'_>| {
        let told = match event {
            Event::Planned { files, bytes, .. } => format!("plan {files} files {bytes} bytes"),
            Event::Waiting { file } => format!("wait {file}"),
            Event::Started { file, offset, .. } => format!("start {file} at {offset}"),
            Event::Received { .. } => return,
            Event::Restarted { file, reason } => format!("restart {file}: {reason}"),
            Event::Retrying { file, failures, error, .. } => {
                format!("retry {file} {failures}: {error}")
            }
            Event::Unreachable { .. } => "unreachable".to_owned(),
            Event::Finished { file, size } => format!("finish {file} {size}"),
            other => format!("{other:?}"),
        };
        events.borrow_mut().push(told);
    });
    (result, events.into_inner())
}

/// Says why a test did nothing, so that it is seen although the test passes.
pub(crate) fn skipped(test: &str, reason: &str) {
    writeln!(std::io::stderr(), "skipped {test}: {reason}").expect("stderr");
}

/// Tells the test that started this process.
pub(crate) fn say(text: &str) {
    writeln!(std::io::stdout(), "\n{text}").expect("stdout");
}

/// Bytes that look like nothing, the same for the same seed (xorshift).
pub(crate) fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 24) as u8
    };
    std::iter::repeat_with(next).take(len).collect()
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

pub(crate) fn git_hash(bytes: &[u8]) -> String {
    let mut sha1 = Sha1::new_with_prefix(format!("blob {}\0", bytes.len()));
    sha1.update(bytes);
    hex(&sha1.finalize())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
