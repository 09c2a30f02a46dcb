//! Watching a fetch: the library prints nothing, it tells.

use std::time::Duration;

use crate::HubError;

/// Somebody who is told what a fetch does, on the thread that does it.
///
/// Any `Fn(&Event<'_>)` is one; [`Silent`] does not listen. A bar with speed and time left needs
/// [`Event::Started`] (its offset is where a resumed bar begins) and [`Event::Received`]:
///
/// ```
/// use gpt2_hub::{Event, Progress};
/// use std::cell::Cell;
///
/// let seen = Cell::new(0);
/// let watch = |event: &Event<'_>| {
///     if let Event::Received { bytes, .. } = event {
///         seen.set(seen.get() + bytes);
///     }
/// };
/// watch.event(&Event::Received { file: "config.json", bytes: 665, offset: 665, size: Some(665) });
/// assert_eq!(seen.get(), 665);
/// ```
pub trait Progress {
    /// Something happened. The fetch waits until this returns.
    fn event(&self, event: &Event<'_>);
}

impl<F: Fn(&Event<'_>)> Progress for F {
    fn event(&self, event: &Event<'_>) {
        self(event);
    }
}

/// Watches nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn event(&self, _: &Event<'_>) {}
}

/// What a fetch does. Files come one after another, never two at a time.
///
/// A model that is complete in the cache causes no event at all.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// Everything that is needed is known, and there is room for it. The index of a sharded
    /// checkpoint has been downloaded before this, since it tells which shards there are.
    Planned {
        /// The commit that is being fetched.
        commit: &'a str,
        /// Files that are not here yet.
        files: usize,
        /// Bytes that are not here yet, of the files whose size the server told.
        bytes: u64,
    },
    /// Another process is downloading this file; we wait until it is done or dead.
    Waiting {
        /// Which file.
        file: &'a str,
    },
    /// A file begins, or goes on where an earlier fetch was stopped.
    Started {
        /// Which file.
        file: &'a str,
        /// Bytes that an earlier fetch left.
        offset: u64,
        /// Bytes of the whole file, if the server told.
        size: Option<u64>,
    },
    /// Bytes were written.
    Received {
        /// Which file.
        file: &'a str,
        /// How many bytes this time.
        bytes: u64,
        /// How many of the file are here now.
        offset: u64,
        /// Bytes of the whole file, if the server told.
        size: Option<u64>,
    },
    /// What is here of the file was thrown away, and it begins again from nothing.
    Restarted {
        /// Which file.
        file: &'a str,
        /// Why its beginning could not be kept.
        reason: &'static str,
    },
    /// Something failed that may succeed in a moment.
    Retrying {
        /// Which file.
        file: &'a str,
        /// How many failures in a row this is.
        failures: u32,
        /// How long the fetch waits before the next try.
        wait: Duration,
        /// What failed.
        error: &'a HubError,
    },
    /// The hub could not be asked for a newer revision, so the one in the cache is used.
    Unreachable {
        /// What failed.
        error: &'a HubError,
    },
    /// A file is whole, checked and in its place.
    Finished {
        /// Which file.
        file: &'a str,
        /// Its size in bytes.
        size: u64,
    },
}
