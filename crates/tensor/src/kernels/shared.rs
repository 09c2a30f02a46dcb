//! A slice that several threads write, each its own part.

use std::marker::PhantomData;
use std::mem::MaybeUninit;

/// `&mut [f32]` split among threads by index instead of by borrow.
#[derive(Clone, Copy)]
pub(crate) struct SharedMut<'a> {
    start: *mut f32,
    len: usize,
    borrow: PhantomData<&'a mut [f32]>,
}

// SAFETY: it is a borrowed `[f32]`; the callers of `part` keep the parts disjoint.
unsafe impl Send for SharedMut<'_> {}
// SAFETY: as above.
unsafe impl Sync for SharedMut<'_> {}

impl<'a> SharedMut<'a> {
    pub(crate) fn new(whole: &'a mut [f32]) -> Self {
        SharedMut { start: whole.as_mut_ptr(), len: whole.len(), borrow: PhantomData }
    }

    /// Memory to be written through [`SharedMut::at`], before anything reads it.
    pub(crate) fn uninit(whole: &'a mut [MaybeUninit<f32>]) -> Self {
        SharedMut { start: whole.as_mut_ptr().cast(), len: whole.len(), borrow: PhantomData }
    }

    /// Where the `len` values from `start` are.
    ///
    /// # Panics
    ///
    /// When they are not inside the whole.
    #[inline(always)]
    pub(crate) fn at(self, start: usize, len: usize) -> *mut f32 {
        assert!(start <= self.len && len <= self.len - start, "the part lies outside the slice");
        self.start.wrapping_add(start)
    }

    /// The `len` values from `start`.
    ///
    /// # Safety
    ///
    /// No two parts that are alive at the same time may overlap, and they must have been written.
    ///
    /// # Panics
    ///
    /// When the part is not inside the whole.
    #[inline(always)]
    pub(crate) unsafe fn part(self, start: usize, len: usize) -> &'a mut [f32] {
        // SAFETY: inside the slice, as `at` asserts; alone and written by the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.at(start, len), len) }
    }
}
