//! The two ways in which a hub hashes a file, and with which it names the file's blob.

use std::io::{self, ErrorKind, Read};

use sha1::Sha1;
use sha2::{Digest, Sha256};

/// How an etag hashes its file: as git does, or as git's large file storage does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hash {
    /// SHA-1 of `blob SIZE\0` and the bytes.
    Git,
    /// SHA-256 of the bytes.
    Sha256,
}

impl Hash {
    pub(crate) fn of(etag: &str) -> Option<Self> {
        let hex = etag.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        match etag.len() {
            40 if hex => Some(Self::Git),
            64 if hex => Some(Self::Sha256),
            _ => None,
        }
    }

    /// The hash of all `size` bytes of a file.
    pub(crate) fn digest(self, file: impl Read, size: u64) -> io::Result<String> {
        match self {
            Self::Git => {
                let mut sha1 = Sha1::new();
                sha1.update(format!("blob {size}\0"));
                each_chunk(file, |chunk| sha1.update(chunk))?;
                Ok(hex(&sha1.finalize()))
            }
            Self::Sha256 => {
                let mut sha256 = Sha256::new();
                each_chunk(file, |chunk| sha256.update(chunk))?;
                Ok(hex(&sha256.finalize()))
            }
        }
    }
}

/// Reads to the end and tells how much that was.
pub(crate) fn each_chunk(mut from: impl Read, mut to: impl FnMut(&[u8])) -> io::Result<u64> {
    let mut buffer = vec![0; 1 << 16];
    let mut len = 0;
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(len),
            Ok(n) => {
                to(&buffer[..n]);
                len += n as u64;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_etag_is_a_hash_or_useless() {
        assert_eq!(Hash::of(&"0a".repeat(20)), Some(Hash::Git));
        assert_eq!(Hash::of(&"0a".repeat(32)), Some(Hash::Sha256));
        for etag in [
            "",
            "../../x",
            &"0A".repeat(32),
            &"0g".repeat(20),
            "5d41402abc4b2a76b9719d911017c592-17",
        ] {
            assert_eq!(Hash::of(etag), None, "{etag}");
        }
    }

    #[test]
    fn hashes_are_those_of_the_common_tools() {
        // `git hash-object` and `sha256sum`.
        for (hash, expected) in [
            (Hash::Git, "ce013625030ba8dba906f756967f9e9ca394464a"),
            (Hash::Sha256, "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"),
        ] {
            assert_eq!(hash.digest(&b"hello\n"[..], 6).expect("bytes"), expected);
        }
    }
}
