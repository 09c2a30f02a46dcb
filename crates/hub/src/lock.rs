//! One process at a time downloads a file: `flock` on the same lock file that Python uses.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::path::Path;

use crate::HubError;

/// Held until dropped. The kernel lets go of it when the process dies, however it dies.
#[derive(Debug)]
pub(crate) struct Lock {
    /// `None` on a filesystem without locks: there two processes may spoil each other's
    /// `.incomplete` file, which the hash then tells.
    _file: Option<File>,
}

impl Lock {
    /// Takes the lock; `waiting` is called if somebody else has it.
    pub(crate) fn take(path: &Path, waiting: impl Fn()) -> Result<Self, HubError> {
        let dir = path.parent().unwrap_or(path);
        fs::create_dir_all(dir).map_err(HubError::io("create", dir))?;
        loop {
            let file = open(path).map_err(HubError::io("open", path))?;
            let locked = match file.try_lock() {
                Ok(()) => Ok(()),
                Err(TryLockError::WouldBlock) => {
                    waiting();
                    file.lock()
                }
                Err(TryLockError::Error(error)) => Err(error),
            };
            match locked {
                // Some versions of Python's filelock remove the file when they let go of it: a
                // lock on a removed file keeps nobody out.
                Ok(()) if !is_at(&file, path) => {}
                Ok(()) => return Ok(Self { _file: Some(file) }),
                Err(error) if is_unsupported(&error) => return Ok(Self { _file: None }),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(HubError::io("lock", path)(error)),
            }
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    // As Python does it, so that a group can share a cache.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o664);
    options.open(path)
}

fn is_unsupported(error: &io::Error) -> bool {
    // ENOSYS and EOPNOTSUPP are `Unsupported`; ENOLCK (NFS without a lock daemon) has no kind of its own.
    const ENOLCK: i32 = 37;
    error.kind() == ErrorKind::Unsupported
        || (cfg!(target_os = "linux") && error.raw_os_error() == Some(ENOLCK))
}

#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (file.metadata(), fs::metadata(path)) {
        (Ok(a), Ok(b)) => (a.dev(), a.ino()) == (b.dev(), b.ino()),
        _ => false,
    }
}

#[cfg(not(unix))]
fn is_at(_: &File, _: &Path) -> bool {
    true // Windows does not remove a file that is open.
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::thread;
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_lock_on_a_removed_file_is_taken_again() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("locks/x.lock");
        let held = Lock::take(&path, || panic!("nobody has it")).expect("a lock");
        let other = thread::spawn({
            let path = path.clone();
            move || {
                let waits = Cell::new(0);
                let lock = Lock::take(&path, || waits.set(waits.get() + 1));
                lock.map(|_lock| (waits.get(), path.exists()))
            }
        });
        thread::sleep(Duration::from_millis(100));
        fs::remove_file(&path).expect("removed");
        drop(held);
        let (waits, exists) = other.join().expect("no panic").expect("a lock");
        assert_eq!(waits, 1);
        if cfg!(unix) {
            assert!(exists, "the lock that was taken has a file");
        }
    }
}
