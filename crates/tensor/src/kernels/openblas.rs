//! The one call to OpenBLAS that ndarray does not make.

use std::ffi::c_int;

unsafe extern "C" {
    fn openblas_set_num_threads(threads: c_int);
}

/// How many threads OpenBLAS may use, in the whole process.
pub(crate) fn set_threads(threads: usize) {
    let threads = c_int::try_from(threads).unwrap_or(c_int::MAX);
    // SAFETY: takes its argument by value, and may be called at any time.
    unsafe { openblas_set_num_threads(threads) }
}
