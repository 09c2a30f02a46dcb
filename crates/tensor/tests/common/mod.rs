//! What the tests share.

#![allow(dead_code, reason = "each test file uses a part")]

use gpt2_tensor::{Backend, Compute, Isa, KeyValues};
use ndarray::{Array, Array3, ShapeBuilder, s};

/// Values from -1 to 1, the same for the same seed (xorshift).
pub(crate) fn noise<Sh: ShapeBuilder>(shape: Sh, seed: u64) -> Array<f32, Sh::Dim> {
    let mut x = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    Array::from_shape_simple_fn(shape, || {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        (x >> 40) as f32 / (1_u64 << 23) as f32 - 1.0
    })
}

/// The native backend on `threads` threads with `isa`.
pub(crate) fn native(isa: Isa, threads: usize) -> Compute {
    Compute::builder().isa(isa).threads(threads).build().expect("instructions that are available")
}

/// Every backend of this build, and every instruction set of this CPU.
pub(crate) fn computes() -> Vec<Compute> {
    let native = Isa::available().map(|isa| native(isa, 2));
    let others = Backend::ALL.iter().filter(|&&backend| backend != Backend::Native);
    native.chain(others.map(|&backend| Compute::new(backend))).collect()
}

/// Fails when the kernels did not run on the path that was asked for, or on any other.
pub(crate) fn assert_ran_on(compute: &Compute, isa: Isa) {
    for &other in Isa::ALL {
        let ran = compute.kernels_run(other) > 0;
        assert_eq!(ran, other == isa, "{other:?} ran: {ran}, asked for {isa:?}");
    }
}

/// Every element within `tolerance`, absolute or relative, of its reference.
pub(crate) fn assert_close<'a>(
    what: &str,
    ours: impl ExactSizeIterator<Item = &'a f32>,
    exact: impl ExactSizeIterator<Item = &'a f64>,
    tolerance: f64,
) {
    assert_eq!(ours.len(), exact.len(), "{what}: number of elements");
    for (i, (&ours, &exact)) in ours.zip(exact).enumerate() {
        let difference = (f64::from(ours) - exact).abs();
        let allowed = tolerance * exact.abs().max(1.0);
        assert!(difference <= allowed, "{what}, element {i}: {ours}, reference {exact}");
    }
}

/// Queries, keys and values, `[T, heads, head_dim]` each.
pub(crate) fn qkv(t: usize, n_head: usize, head_dim: usize) -> [Array3<f32>; 3] {
    [1, 2, 3].map(|seed| noise((t, n_head, head_dim), seed) * 2.0)
}

/// A store with the first `len` positions of `k` and `v`.
pub(crate) fn filled(k: &Array3<f32>, v: &Array3<f32>, len: usize) -> KeyValues {
    let (capacity, n_head, head_dim) = k.dim();
    let mut kv = KeyValues::new(n_head, head_dim, capacity);
    let compute = Compute::default();
    kv.append(&compute, k.slice(s![..len, .., ..]), v.slice(s![..len, .., ..])).expect("room");
    kv
}
