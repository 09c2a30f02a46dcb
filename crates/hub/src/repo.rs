//! The folder of one repository in the cache, laid out as Python's `huggingface_hub` does:
//!
//! ```text
//! CACHE/.locks/models--OWNER--NAME/ETAG.lock
//! CACHE/models--OWNER--NAME/blobs/ETAG              the bytes
//! CACHE/models--OWNER--NAME/blobs/ETAG.incomplete   the bytes so far
//! CACHE/models--OWNER--NAME/refs/REVISION           the commit it meant when last asked
//! CACHE/models--OWNER--NAME/snapshots/COMMIT/FILE   -> ../../blobs/ETAG
//! CACHE/models--OWNER--NAME/.no_exist/COMMIT/FILE   empty: the commit has no such file
//! ```

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::id::{ModelId, is_commit};
use crate::{HubError, pins};

/// What marks a cache for backup programs (<https://bford.info/cachedir/>).
const CACHE_TAG: &str = "Signature: 8a477f597d28d172789f06886806bc55\n\
                         # This file marks a cache that can be fetched again: gpt2-hub, huggingface_hub.\n";

/// One repository in the cache. Names of files and etags were checked before they come here.
#[derive(Clone, Debug)]
pub(crate) struct Repo {
    cache: PathBuf,
    folder: String,
}

impl Repo {
    /// The folder of the model under its whole name, where it is fetched to.
    pub(crate) fn named(cache: &Path, id: &ModelId) -> Self {
        Self { cache: cache.to_owned(), folder: format!("models--{}--{}", id.owner(), id.name()) }
    }

    /// Where the model may be: under its whole name and, if it has one, under its short name.
    pub(crate) fn candidates(cache: &Path, id: &ModelId) -> impl Iterator<Item = Self> {
        let short = id
            .short_name()
            .map(|name| Self { cache: cache.to_owned(), folder: format!("models--{name}") });
        [Some(Self::named(cache, id)), short].into_iter().flatten()
    }

    fn dir(&self) -> PathBuf {
        self.cache.join(&self.folder)
    }

    pub(crate) fn blob(&self, etag: &str) -> PathBuf {
        self.dir().join("blobs").join(etag)
    }

    pub(crate) fn incomplete(&self, etag: &str) -> PathBuf {
        self.dir().join("blobs").join(format!("{etag}.incomplete"))
    }

    pub(crate) fn lock(&self, etag: &str) -> PathBuf {
        self.cache.join(".locks").join(&self.folder).join(format!("{etag}.lock"))
    }

    pub(crate) fn snapshot(&self, commit: &str) -> PathBuf {
        self.dir().join("snapshots").join(commit)
    }

    pub(crate) fn has(&self, commit: &str, file: &str) -> bool {
        self.snapshot(commit).join(file).is_file()
    }

    /// Whether `file` is there, and not of another size than the table of pinned files says.
    pub(crate) fn has_whole(&self, id: &ModelId, commit: &str, file: &str) -> bool {
        match fs::metadata(self.snapshot(commit).join(file)) {
            Ok(metadata) => {
                let size = pins::find(id, commit, file).and_then(|pin| pin.size);
                metadata.is_file() && size.is_none_or(|size| size == metadata.len())
            }
            Err(_) => false,
        }
    }

    /// Whether the hub was asked for `file` before and said that the commit has none.
    pub(crate) fn known_absent(&self, commit: &str, file: &str) -> bool {
        self.absent(commit, file).is_file()
    }

    fn absent(&self, commit: &str, file: &str) -> PathBuf {
        self.dir().join(".no_exist").join(commit).join(file)
    }

    /// The commit that `revision` is, or was when the hub was last asked.
    pub(crate) fn commit(&self, revision: &str) -> Option<String> {
        if is_commit(revision) {
            return Some(revision.to_owned());
        }
        let text = fs::read_to_string(self.dir().join("refs").join(revision)).ok()?;
        Some(text.trim()).filter(|text| is_commit(text)).map(str::to_owned)
    }

    /// Makes the folders for a download.
    pub(crate) fn prepare(&self, commit: &str) -> Result<(), HubError> {
        for dir in [self.dir().join("blobs"), self.snapshot(commit)] {
            fs::create_dir_all(&dir).map_err(HubError::io("create", &dir))?;
        }
        let tag = self.cache.join("CACHEDIR.TAG");
        if !tag.exists() {
            // A cache without its tag is as good a cache, so a failure is none.
            let _ = fs::write(&tag, CACHE_TAG);
        }
        Ok(())
    }

    pub(crate) fn mark_absent(&self, commit: &str, file: &str) -> Result<(), HubError> {
        replace(&self.absent(commit, file), "")
    }

    /// Remembers what `revision` means, if that can change. Written last, so that a fetch that was
    /// stopped does not hide the older commit that is complete.
    pub(crate) fn remember(&self, revision: &str, commit: &str) -> Result<(), HubError> {
        if is_commit(revision) || self.commit(revision).as_deref() == Some(commit) {
            return Ok(());
        }
        replace(&self.dir().join("refs").join(revision), commit)
    }

    /// Puts a blob into a snapshot: by a relative link, so that the cache can be moved, or where
    /// links are impossible by moving it there (if `new`) or by copying it.
    pub(crate) fn link(
        &self,
        etag: &str,
        commit: &str,
        file: &str,
        new: bool,
        symlinks: bool,
    ) -> Result<(), HubError> {
        let blob = self.blob(etag);
        let pointer = self.snapshot(commit).join(file);
        match fs::remove_file(&pointer) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(HubError::io("replace", &pointer)(error));
            }
            _ => {}
        }
        if symlinks && symlink(&Path::new("../../blobs").join(etag), &pointer).is_ok() {
            return Ok(());
        }
        if new && fs::rename(&blob, &pointer).is_ok() {
            return Ok(());
        }
        let partial = self.snapshot(commit).join(format!("{file}.incomplete"));
        fs::copy(&blob, &partial).map_err(HubError::io("copy the blob to", &partial))?;
        fs::rename(&partial, &pointer).map_err(HubError::io("create", &pointer))
    }
}

/// Writes a small file so that nobody ever sees half of it.
fn replace(path: &Path, text: &str) -> Result<(), HubError> {
    let dir = path.parent().unwrap_or(path);
    fs::create_dir_all(dir).map_err(HubError::io("create", dir))?;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    let temporary = path.with_file_name(name);
    let write = || {
        let mut file = fs::File::create(&temporary)?;
        file.write_all(text.as_bytes())?;
        fs::rename(&temporary, path)
    };
    write().map_err(HubError::io("write", path))
}

#[cfg(unix)]
fn symlink(target: &Path, link: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, link)
}

#[cfg(windows)]
fn symlink(target: &Path, link: &Path) -> io::Result<()> {
    std::os::windows::fs::symlink_file(target, link)
}

#[cfg(not(any(unix, windows)))]
fn symlink(_: &Path, _: &Path) -> io::Result<()> {
    Err(ErrorKind::Unsupported.into())
}
