//! A file that is being downloaded: `BLOB.incomplete`, its length and its hash so far.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::HubError;
use crate::hash::{Hash, each_chunk, hex};

/// What is here of a file. Whatever stops the process, its bytes stay, and opening it again goes
/// on after them; they are hashed anew then, so that damage to them is found as well.
#[derive(Debug)]
pub(crate) struct Partial {
    path: PathBuf,
    file: File,
    len: u64,
    sha256: Sha256,
}

impl Partial {
    pub(crate) fn open(path: PathBuf) -> Result<Self, HubError> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let file = options.open(&path).map_err(HubError::io("open", &path))?;
        let mut sha256 = Sha256::new();
        let mut hash = || {
            let len = file.metadata()?.len();
            each_chunk((&file).take(len), |chunk| sha256.update(chunk))
        };
        let len = hash().map_err(HubError::io("read", &path))?;
        Ok(Self { path, file, len, sha256 })
    }

    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Appends. After an error the file is still one to resume: at most it has some bytes more
    /// than it tells.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.sha256.update(bytes);
        self.len += bytes.len() as u64;
        Ok(())
    }

    /// Begins again from nothing.
    pub(crate) fn clear(&mut self) -> Result<(), HubError> {
        let clear = |file: &mut File| {
            file.set_len(0)?;
            file.seek(SeekFrom::Start(0))
        };
        clear(&mut self.file).map_err(HubError::io("truncate", &self.path))?;
        self.len = 0;
        self.sha256 = Sha256::new();
        Ok(())
    }

    /// SHA-256 of the bytes, as 64 digits.
    pub(crate) fn sha256(&self) -> String {
        hex(&self.sha256.clone().finalize())
    }

    /// The hash by which git knows the bytes, as 40 digits. It begins with the length, so it
    /// cannot be kept up while bytes arrive; but what git itself stores is small.
    pub(crate) fn git_hash(&mut self) -> Result<String, HubError> {
        let rewound = self.file.seek(SeekFrom::Start(0));
        let hash = rewound.and_then(|_| Hash::Git.digest(&self.file, self.len));
        hash.map_err(HubError::io("read", &self.path))
    }

    /// Gives the file its name. It is on the disk before, so that a power cut cannot leave a
    /// blob that is called by a hash which it does not have.
    pub(crate) fn finish(self, blob: &Path) -> Result<(), HubError> {
        self.file.sync_all().map_err(HubError::io("write", &self.path))?;
        drop(self.file);
        fs::rename(&self.path, blob).map_err(HubError::io("create", blob))
    }

    /// Throws it away: its bytes are wrong, there is nothing to resume.
    pub(crate) fn discard(self) -> Result<(), HubError> {
        drop(self.file);
        fs::remove_file(&self.path).map_err(HubError::io("remove", &self.path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_the_whole_file_however_it_came() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("x.incomplete");
        let mut partial = Partial::open(path.clone()).expect("opened");
        partial.write(b"hel").expect("written");
        drop(partial);
        let mut partial = Partial::open(path.clone()).expect("opened");
        assert_eq!(partial.len(), 3);
        partial.write(b"lo\n").expect("written");
        // As `sha256sum` and `git hash-object` give them.
        let sha256 = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";
        let git = "ce013625030ba8dba906f756967f9e9ca394464a";
        assert_eq!(
            (partial.sha256().as_str(), partial.git_hash().expect("a hash").as_str()),
            (sha256, git)
        );
        partial.clear().expect("cleared");
        partial.write(b"hello\n").expect("written");
        assert_eq!((partial.len(), partial.sha256().as_str()), (6, sha256));
        partial.finish(&dir.path().join("x")).expect("renamed");
        assert!(!path.exists());
        assert_eq!(fs::read(dir.path().join("x")).expect("a file"), b"hello\n");
    }
}
