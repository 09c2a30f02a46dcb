//! Files, opened with suspicion, and their bytes, mapped or read.
//!
//! The one place of this crate with `unsafe`.
#![allow(unsafe_code)]

use std::borrow::Cow;
use std::fs::{self, File};
use std::io::{self, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};

use memmap2::Mmap;

use crate::WeightsError;

/// How the bytes of a safetensors file come into memory.
///
/// # What must hold while a file is mapped
///
/// A mapped file is read when its pages are touched, for as long as the
/// [`Checkpoint`](crate::Checkpoint) lives. If another program **truncates** the file meanwhile,
/// touching a page that is gone ends this process with `SIGBUS`; if it **writes** into the file,
/// the weights change under the computation (and a `&[f32]` that changes is undefined behaviour
/// in Rust). Neither can be detected. Replacing a file by renaming another over it, as
/// HuggingFace's libraries and this project do, is safe: the mapping keeps the old one.
///
/// Where nobody can promise that, use [`Access::Read`]: it costs the size of the file in memory,
/// and nothing that happens to the file afterwards matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Access {
    /// Map the file: opening reads only the header, and pages are loaded when touched.
    #[default]
    Mmap,
    /// Read the whole file into memory.
    Read,
}

/// A regular file that is open, and how long it was when it was opened.
pub(crate) struct Source {
    file: File,
    pub(crate) len: u64,
    path: PathBuf,
}

impl Source {
    /// Opens a regular, non-empty file. Symbolic links are followed: the HuggingFace cache is made
    /// of them.
    pub(crate) fn open(path: &Path) -> Result<Self, WeightsError> {
        let io = |source| WeightsError::io(path, source);
        // Before opening: to open a pipe waits for a writer, perhaps for ever.
        let metadata = fs::metadata(path).map_err(io)?;
        if !metadata.is_file() {
            return Err(WeightsError::NotAFile {
                file: path.to_owned(),
                found: if metadata.is_dir() { "a directory" } else { "a special file" },
            });
        }
        let file = File::open(path).map_err(io)?;
        let len = file.metadata().map_err(io)?.len();
        if len == 0 {
            return Err(WeightsError::Empty { file: path.to_owned() });
        }
        Ok(Self { file, len, path: path.to_owned() })
    }

    /// The whole of a file that is small if it is honest.
    pub(crate) fn read_small(
        self,
        what: &'static str,
        limit: u64,
    ) -> Result<Vec<u8>, WeightsError> {
        if self.len > limit {
            return Err(WeightsError::TooLarge { file: self.path, what, actual: self.len, limit });
        }
        self.read_next(self.len)
    }

    /// The next `len` bytes, all of them. `len` must have been compared with the file's.
    pub(crate) fn read_next(&self, len: u64) -> Result<Vec<u8>, WeightsError> {
        let io = |source| WeightsError::io(&self.path, source);
        let len = usize::try_from(len).map_err(|_| io(io::ErrorKind::OutOfMemory.into()))?;
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(len).map_err(|_| io(io::ErrorKind::OutOfMemory.into()))?;
        let read = (&self.file).take(len as u64).read_to_end(&mut bytes);
        if read.map_err(io)? < len {
            return Err(io(io::ErrorKind::UnexpectedEof.into()));
        }
        Ok(bytes)
    }

    /// The bytes from `start` (where reading has come to) to the end of the file.
    pub(crate) fn into_data(self, start: u64, access: Access) -> Result<Data, WeightsError> {
        match access {
            Access::Read => {
                let bytes = self.read_next(self.len.saturating_sub(start))?;
                Ok(Data::memory(Cow::Owned(bytes), 0))
            }
            Access::Mmap => {
                let io = |source| WeightsError::io(&self.path, source);
                // SAFETY: the map is read-only. That nobody truncates or writes the file while it
                // is mapped cannot be known here; `Access` asks it of the caller in its
                // documentation, and offers `Read` to whoever cannot promise it.
                let map = unsafe { Mmap::map(&self.file) }.map_err(io)?;
                if (map.len() as u64) < self.len {
                    return Err(io(io::ErrorKind::UnexpectedEof.into()));
                }
                let start =
                    usize::try_from(start).map_err(|_| io(io::ErrorKind::OutOfMemory.into()))?;
                Ok(Data { store: Store::Map(map), start })
            }
        }
    }
}

/// The tensors' bytes: everything after the header.
pub(crate) struct Data {
    store: Store,
    start: usize,
}

enum Store {
    Map(Mmap),
    Memory(Cow<'static, [u8]>),
}

impl Data {
    /// Bytes in memory, of which the data begins at `start`.
    pub(crate) fn memory(bytes: Cow<'static, [u8]>, start: usize) -> Self {
        Self { store: Store::Memory(bytes), start }
    }

    fn all(&self) -> &[u8] {
        match &self.store {
            Store::Map(map) => map,
            Store::Memory(bytes) => bytes,
        }
    }

    /// Bytes of the data, or `None` where it ends before them.
    pub(crate) fn get(&self, range: &Range<usize>) -> Option<&[u8]> {
        let begin = self.start.checked_add(range.start)?;
        let end = self.start.checked_add(range.end)?;
        self.all().get(begin..end)
    }

    /// Gives the pages of `range` back to the system; touching them again reads the file again.
    pub(crate) fn release(&self, range: &Range<usize>) {
        #[cfg(target_os = "linux")]
        if let Store::Map(map) = &self.store
            && let Some(begin) = self.start.checked_add(range.start)
            && begin < map.len()
        {
            // The advice is given for whole pages, so it may reach into the neighbours: they too
            // are only read again.
            let len = range.len().min(map.len() - begin);
            // SAFETY: `DontNeed` discards pages, which would lose writes to private memory. This
            // map is read-only and of a file, so its pages come back from that file with the same
            // contents (under the contract of `Access`); a `&[u8]` into them stays true.
            let advised = unsafe {
                map.unchecked_advise_range(memmap2::UncheckedAdvice::DontNeed, begin, len)
            };
            // Advice that is not taken costs memory, nothing else.
            drop(advised);
        }
        #[cfg(not(target_os = "linux"))]
        let _ = range;
    }
}
