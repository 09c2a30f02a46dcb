//! The determinism contract: nothing but the values decides the bits.

mod common;

use common::{assert_ran_on, filled, native, noise, qkv};
use gpt2_tensor::{
    Activation, Compute, Isa, KeyValues, TensorError, Weight, causal_attention, layer_norm, linear,
    linear_activated, softmax,
};
use ndarray::{Array3, ArrayView3, Axis, concatenate, s};
use proptest::prelude::*;

const THREADS: [usize; 5] = [1, 2, 3, 4, 8];

fn bits<'a>(values: impl IntoIterator<Item = &'a f32>) -> Vec<u32> {
    values.into_iter().map(|x| x.to_bits()).collect()
}

/// Every operation once, on `rows` rows of `n_embd`, as bits.
fn all_operations(compute: &Compute, rows: usize, n_embd: usize) -> Result<Vec<u32>, TensorError> {
    let n_out = 3 * n_embd;
    let x = noise((rows, n_embd), 1) * 3.0;
    let weight = Weight::new(compute, noise((n_embd, n_out), 2).view());
    let bias = noise(n_out, 3);
    let y = linear(compute, x.view(), &weight, bias.view())?;
    let mut all = bits(&y);
    all.extend(bits(&linear_activated(
        compute,
        x.view(),
        &weight,
        bias.view(),
        Activation::GeluNew,
    )?));
    let embedding = Weight::from_rows(compute, noise((n_out, n_embd), 2).view());
    all.extend(bits(&linear(compute, x.view(), &embedding, bias.view())?));
    let gain = noise(n_embd, 4);
    all.extend(bits(&layer_norm(compute, x.view(), gain.view(), gain.view(), 1e-5)?));
    all.extend(bits(&softmax(compute, y.view())));
    for activation in Activation::ALL {
        all.extend(bits(&activation.apply(compute, y.view())));
    }
    let [q, k, v] = qkv(rows, 1, n_embd);
    all.extend(bits(&causal_attention(compute, q.view(), &filled(&k, &v, rows), 0.2)?));
    Ok(all)
}

/// Large enough that every region has tasks for eight threads.
#[test]
fn any_threads_any_instructions() -> Result<(), TensorError> {
    let expected = all_operations(&native(Isa::Portable, 1), 100, 130)?;
    for isa in Isa::available() {
        for threads in THREADS {
            let compute = native(isa, threads);
            assert_eq!(compute.threads(), threads);
            let ours = all_operations(&compute, 100, 130)?;
            assert!(ours == expected, "{isa:?} on {threads} threads gives other bits");
            assert_ran_on(&compute, isa);
        }
    }
    Ok(())
}

#[test]
fn a_hundred_runs() -> Result<(), TensorError> {
    let compute = native(Isa::detect(), 2);
    let first = all_operations(&compute, 50, 128)?;
    for run in 1..100 {
        assert!(all_operations(&compute, 50, 128)? == first, "run {run} gives other bits");
    }
    Ok(())
}

/// One row at a time or any number of them: prefill and decode, alone or in a batch.
fn check_rows(rows: usize, n_in: usize, n_out: usize, isa: Isa) -> Result<(), TensorError> {
    let compute = native(isa, 2);
    let x = noise((rows, n_in), 1);
    let weight = Weight::new(&compute, noise((n_in, n_out), 2).view());
    let bias = noise(n_out, 3);
    let all = linear(&compute, x.view(), &weight, bias.view())?;
    for step in [1, 2, 5, 13] {
        for first in (0..rows).step_by(step) {
            let some = s![first..(first + step).min(rows), ..];
            let part = linear(&compute, x.slice(some), &weight, bias.view())?;
            assert_eq!(bits(&part), bits(all.slice(some)), "{step} rows from {first}");
        }
    }
    Ok(())
}

fn attend_in_steps(
    compute: &Compute,
    [q, k, v]: [ArrayView3<'_, f32>; 3],
    steps: &[usize],
) -> Result<Array3<f32>, TensorError> {
    let (t, n_head, head_dim) = q.dim();
    // Room for more than is there, and left-overs in it from something longer.
    let mut kv = KeyValues::new(n_head, head_dim, t + 7);
    let left_over = Array3::from_elem((t + 7, n_head, head_dim), f32::NAN);
    kv.append(compute, left_over.view(), left_over.view())?;
    kv.truncate(0);
    let mut parts = Vec::new();
    let mut done = 0;
    for &step in steps.iter().cycle() {
        if done == t {
            break;
        }
        let part = s![done..(done + step).min(t), .., ..];
        kv.append(compute, k.slice(part), v.slice(part))?;
        parts.push(causal_attention(compute, q.slice(part), &kv, 0.2)?);
        done = (done + step).min(t);
    }
    let parts: Vec<_> = parts.iter().map(|part| part.view()).collect();
    Ok(concatenate(Axis(0), &parts).expect("parts of one width"))
}

/// With the cache or without it, in whatever chunks the prompt came.
fn check_chunks(t: usize, n_head: usize, head_dim: usize, isa: Isa) -> Result<(), TensorError> {
    let compute = native(isa, 2);
    let qkv = qkv(t, n_head, head_dim);
    let views = || [qkv[0].view(), qkv[1].view(), qkv[2].view()];
    let at_once = attend_in_steps(&compute, views(), &[t])?;
    for steps in [&[1][..], &[2], &[7, 1, 30], &[64], &[13, 12, 11]] {
        let in_steps = attend_in_steps(&compute, views(), steps)?;
        assert_eq!(bits(&in_steps), bits(&at_once), "steps of {steps:?}");
    }
    Ok(())
}

#[test]
fn any_number_of_rows() -> Result<(), TensorError> {
    Isa::available().try_for_each(|isa| check_rows(110, 130, 70, isa))
}

#[test]
fn any_chunks() -> Result<(), TensorError> {
    Isa::available().try_for_each(|isa| check_chunks(150, 2, 40, isa))
}

/// What comes later must not be seen, not even multiplied by zero.
#[test]
fn infinity_in_the_future() -> Result<(), TensorError> {
    for isa in Isa::available() {
        let compute = native(isa, 1);
        let [q, mut k, mut v] = qkv(30, 1, 33);
        let clean = causal_attention(&compute, q.view(), &filled(&k, &v, 30), 0.2)?;
        k.slice_mut(s![20.., .., ..]).fill(f32::NAN);
        v.slice_mut(s![20.., .., ..]).fill(f32::INFINITY);
        let spoilt = causal_attention(&compute, q.view(), &filled(&k, &v, 30), 0.2)?;
        let past = s![..20, .., ..];
        assert_eq!(bits(clean.slice(past)), bits(spoilt.slice(past)), "{isa:?}");
        assert!(spoilt.slice(s![20.., .., ..]).iter().all(|x| x.is_nan()), "{isa:?}");
    }
    Ok(())
}

/// Several callers of one pool: whoever finds it busy computes alone.
#[test]
fn callers_at_the_same_time() -> Result<(), TensorError> {
    let compute = native(Isa::detect(), 2);
    let expected = all_operations(&compute, 60, 100)?;
    std::thread::scope(|scope| {
        let callers = [(); 4].map(|()| scope.spawn(|| all_operations(&compute, 60, 100)));
        for caller in callers {
            assert!(caller.join().expect("no panic")? == expected);
        }
        Ok(())
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn any_shape(rows in 1_usize..24, n_embd in 1_usize..200) {
        let expected = all_operations(&native(Isa::Portable, 1), rows, n_embd)?;
        for isa in Isa::available() {
            for threads in [1, 2, 8] {
                prop_assert!(all_operations(&native(isa, threads), rows, n_embd)? == expected);
            }
        }
    }

    #[test]
    fn any_rows_of_any_shape(rows in 1_usize..40, n_in in 1_usize..200, n_out in 1_usize..100) {
        check_rows(rows, n_in, n_out, Isa::detect())?;
    }

    #[test]
    fn any_chunks_of_any_shape(t in 1_usize..140, n_head in 1_usize..3, head_dim in 1_usize..70) {
        check_chunks(t, n_head, head_dim, Isa::detect())?;
    }
}
