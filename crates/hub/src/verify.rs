//! The files of a model in the cache, hashed anew: no network is needed, a blob is named by its hash.

use std::fs::{self, File};
use std::path::Path;

use crate::contents::{CONFIG, INDEX, TOKENIZER, TOKENIZER_PARTS, WEIGHTS, shards};
use crate::hash::Hash;
use crate::{HubError, ModelId, pins};

/// What a file of a model was held against, with success.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Its name in the repository.
    pub file: String,
    /// Its size in bytes.
    pub size: u64,
    /// What says that it is the right file.
    pub proof: Proof,
}

/// What says that a file is the right one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Proof {
    /// Its SHA-256 is compiled into this crate.
    Pinned,
    /// It has the hash that the hub gave when it was fetched, which is the name of its blob.
    Hub,
    /// Nothing: it is no link to a blob, since the cache is without links or somebody put it there.
    Nothing,
}

/// Hashes what is there of the model in this snapshot.
pub(crate) fn verify(
    id: &ModelId,
    commit: &str,
    snapshot: &Path,
) -> Result<Vec<Verified>, HubError> {
    let mut files: Vec<String> =
        [CONFIG, TOKENIZER].into_iter().chain(TOKENIZER_PARTS).map(str::to_owned).collect();
    if snapshot.join(WEIGHTS).is_file() {
        files.push(WEIGHTS.to_owned());
    } else {
        files.push(INDEX.to_owned());
        files.extend(shards(&snapshot.join(INDEX))?);
    }
    files.retain(|file| snapshot.join(file).is_file());
    files.into_iter().map(|file| verify_file(id, commit, snapshot, file)).collect()
}

fn verify_file(
    id: &ModelId,
    commit: &str,
    snapshot: &Path,
    file: String,
) -> Result<Verified, HubError> {
    let path = snapshot.join(&file);
    let opened = File::open(&path).map_err(HubError::io("open", &path))?;
    let size = opened.metadata().map_err(HubError::io("read", &path))?.len();
    // One link only: a blob may itself be a link into a store that caches share.
    let etag =
        fs::read_link(&path).ok().and_then(|blob| Some(blob.file_name()?.to_str()?.to_owned()));
    let announced =
        etag.and_then(|etag| Some((Proof::Hub, Hash::of(&etag)?, "the name of its blob", etag)));
    let pinned = pins::find(id, commit, &file).map(|pin| {
        (Proof::Pinned, Hash::Sha256, "the table of pinned files", pin.sha256.to_owned())
    });
    let Some((proof, hash, check, expected)) = pinned.or(announced) else {
        return Ok(Verified { file, size, proof: Proof::Nothing });
    };
    let actual = hash.digest(opened, size).map_err(HubError::io("read", &path))?;
    if actual != expected {
        let path = fs::canonicalize(&path).unwrap_or(path);
        return Err(HubError::Damaged { file, path, check, expected, actual });
    }
    Ok(Verified { file, size, proof })
}
