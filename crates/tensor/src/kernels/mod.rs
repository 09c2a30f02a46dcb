//! The fast code, and all of this crate's `unsafe`.
//!
//! Each kernel is written once, over [`Simd`]: a value that proves that the CPU has the
//! instructions it stands for. [`Path::run`] picks the value and enters a function compiled for
//! those instructions; everything below is inlined into it.
//!
//! | file | what |
//! | --- | --- |
//! | `simd` | the two traits: vectors of 16 lanes, and the proof |
//! | `avx512`, `avx2`, `portable` | the three implementations |
//! | `tile` | the micro-kernel: every product of matrices ends there |
//! | `gemm` | `x @ weight` over packed panels |
//! | `attend` | causal attention over packed keys and values |
//! | `kv` | how keys and values are packed |
//! | `pack` | matrices into panels and back |
//! | `math` | exp, tanh, sigmoid as polynomials |
//! | `rows` | softmax and layer norm of one row, activations of a slice |
//! | `peak` | multiply-adds alone, to measure the machine |
//! | `pool` | the threads |
//! | `buffer`, `shared` | memory: aligned, and written by several threads in disjoint parts |

#![allow(unsafe_code)]

pub(crate) mod attend;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
pub(crate) mod buffer;
pub(crate) mod gemm;
pub(crate) mod kv;
pub(crate) mod math;
#[cfg(feature = "openblas")]
pub(crate) mod openblas;
pub(crate) mod pack;
pub(crate) mod peak;
pub(crate) mod pool;
mod portable;
pub(crate) mod rows;
mod shared;
pub(crate) mod simd;
mod tile;

use crate::{Compute, Isa};
use shared::SharedMut;
use simd::Simd;

/// Columns of a panel: what one pass of the micro-kernel makes of each row.
pub(crate) const PANEL: usize = 32;

/// How many products one chain of fused multiply-adds sums, before the sum is added to the total.
///
/// Part of the contract: another value gives other bits. Shorter is nearer to the truth (rms error
/// of GPT-2's first `c_attn` against f64: 2.75e-6 as one chain, 1.15e-6 by 128, 8.8e-7 by 64) and
/// costs one addition per output and block; 128 was not measurably faster.
pub(crate) const K_BLOCK: usize = 64;

/// Code to run under one instruction set.
pub(crate) trait Kernel {
    type Output;

    /// Must be `#[inline(always)]`, as must everything it calls on vectors.
    fn run<S: Simd>(self, simd: S) -> Self::Output;
}

/// An instruction set that this CPU has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Path(Isa);

impl Path {
    /// `None` when the CPU lacks `isa`.
    pub(crate) fn new(isa: Isa) -> Option<Self> {
        is_available(isa).then_some(Path(isa))
    }

    /// The fastest that this CPU has.
    pub(crate) fn detect() -> Self {
        Path(Isa::detect())
    }

    pub(crate) fn isa(self) -> Isa {
        self.0
    }

    /// Runs `kernel` compiled for this instruction set.
    pub(crate) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: `Path::new` found the features that `avx512::run` enables.
            Isa::Avx512 => unsafe { avx512::run(kernel) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: `Path::new` found the features that `avx2::run` enables.
            Isa::Avx2 => unsafe { avx2::run(kernel) },
            _ => kernel.run(portable::Portable),
        }
    }
}

/// Whether this CPU can run `isa`.
pub(crate) fn is_available(isa: Isa) -> bool {
    match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => is_x86_feature_detected!("avx512f"),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
        #[cfg(not(target_arch = "x86_64"))]
        Isa::Avx512 | Isa::Avx2 => false,
        Isa::Portable => true,
    }
}

/// Calls `f` with each `len` values of `values` (the last time with what is left) and where they
/// begin, in parallel.
pub(crate) fn rows_in_parallel(
    compute: &Compute,
    values: &mut [f32],
    len: usize,
    f: impl Fn(usize, &mut [f32]) + Sync,
) {
    let all = values.len();
    let values = SharedMut::new(values);
    compute.parallel(all.div_ceil(len), |task| {
        let start = task * len;
        // SAFETY: the parts follow each other.
        f(start, unsafe { values.part(start, len.min(all - start)) });
    });
}
