//! Memory for packed matrices.

use std::alloc::{Layout, handle_alloc_error};
use std::fmt;
use std::ops::{Deref, DerefMut};

use memmap2::MmapMut;

/// Values that start at zero, on a page of their own.
///
/// The pages come from the system on first touch (a key-value store that is not full costs nothing),
/// and the system is asked for huge ones: a decode step walks through all the weights, and with
/// pages of 4 KiB every panel of 98 KiB costs 24 misses of the TLB.
pub(crate) struct Buffer {
    memory: MmapMut,
    len: usize,
}

/// Below this, huge pages would only waste memory.
const HUGE_FROM: usize = 4 << 20;

impl Buffer {
    pub(crate) fn zeroed(len: usize) -> Self {
        let layout = Layout::array::<f32>(len).unwrap_or(Layout::new::<f32>());
        let Ok(memory) = MmapMut::map_anon(layout.size().max(1)) else {
            handle_alloc_error(layout);
        };
        #[cfg(target_os = "linux")]
        if layout.size() >= HUGE_FROM {
            // Only a wish: without huge pages everything works, more slowly.
            let _ = memory.advise(memmap2::Advice::HugePage);
        }
        Buffer { memory, len }
    }
}

impl Deref for Buffer {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        // SAFETY: the map is aligned to a page and holds `len` values of 4 bytes; any bits are an
        // `f32`.
        unsafe { std::slice::from_raw_parts(self.memory.as_ptr().cast(), self.len) }
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        // SAFETY: as in `deref`; the map is private and borrowed mutably.
        unsafe { std::slice::from_raw_parts_mut(self.memory.as_mut_ptr().cast(), self.len) }
    }
}

impl Clone for Buffer {
    fn clone(&self) -> Self {
        let mut copy = Buffer::zeroed(self.len);
        copy.copy_from_slice(self);
        copy
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Buffer({} values)", self.len)
    }
}
