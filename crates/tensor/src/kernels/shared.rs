//! A slice that several threads write, each its own part.

use std::marker::PhantomData;

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

    /// The `len` values from `start`.
    ///
    /// # Safety
    ///
    /// No two parts that are alive at the same time may overlap.
    ///
    /// # Panics
    ///
    /// When the part is not inside the whole.
    #[inline(always)]
    pub(crate) unsafe fn part(self, start: usize, len: usize) -> &'a mut [f32] {
        assert!(start <= self.len && len <= self.len - start, "the part lies outside the slice");
        // SAFETY: inside the slice by the assertion, alone by the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(start), len) }
    }
}
