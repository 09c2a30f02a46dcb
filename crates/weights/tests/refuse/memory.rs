//! How much memory a call allocates at its height.

#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    /// Bytes that this thread holds, and the most it held. Per thread, because the test harness
    /// and other tests allocate meanwhile.
    static HELD: Cell<(usize, usize)> = const { Cell::new((0, 0)) };
}

struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

fn count(more: usize, less: usize) {
    // A thread that is ending has no counter any more; nothing is measured there.
    let _ = HELD.try_with(|held| {
        let (now, most) = held.get();
        let now = (now + more).saturating_sub(less);
        held.set((now, most.max(now)));
    });
}

// SAFETY: every call is handed to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 0);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        count(0, layout.size());
        // SAFETY: `ptr` came from `System` with this layout.
        unsafe { System.dealloc(ptr, layout) }
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // Both at once, as when the block has to move.
        count(new_size, 0);
        count(0, layout.size());
        // SAFETY: `ptr` came from `System` with this layout.
        unsafe { System.realloc(ptr, layout, new_size) }
    }
}

/// The result of `call`, and how many bytes it held at its height.
pub(crate) fn peak_of<T>(call: impl FnOnce() -> T) -> (T, usize) {
    let (before, _) = HELD.get();
    HELD.set((before, before));
    let result = call();
    let (_, most) = HELD.get();
    (result, most - before)
}

#[test]
fn the_counter_counts() {
    let (kept, peak) = peak_of(|| {
        drop(std::hint::black_box(vec![1_u8; 3 << 20]));
        std::hint::black_box(vec![1_u8; 1 << 20])
    });
    assert_eq!(kept.len(), 1 << 20);
    assert!((3 << 20..4 << 20).contains(&peak), "{peak}");
}
