//! That a key-value cache holds what was put into it, where it was put: bit for bit.

use ndarray::{ArrayViewD, Axis};

use crate::checkpoint::split_step;
use crate::compare::Problem;
use crate::{Tensor, Trace};

/// Holds the cache called `name` against the keys (or values) of the same step of the same trace,
/// and against the cache of the step before. Names that are no cache pass; so does what the trace
/// does not hold.
pub(crate) fn check(trace: &Trace, name: &str) -> Result<(), Problem> {
    let (stem, kind, what) = match (name.strip_suffix(".cache.k"), name.strip_suffix(".cache.v")) {
        (Some(stem), _) => (stem, "k", "key"),
        (_, Some(stem)) => (stem, "v", "value"),
        (None, None) => return Ok(()),
    };
    let Some(cache) = array(trace, name) else { return Ok(()) };
    let held = cache.len_of(Axis(0));
    let mut new = 0;
    if let Some(fresh) = array(trace, &format!("{stem}.{kind}")) {
        new = fresh.len_of(Axis(0));
        if new > held {
            return Err(Problem::CacheLayout { position: held, what });
        }
        check_rows(&cache, held - new, &fresh, what)?;
    }
    if let Some(before) = previous_step(name).and_then(|name| array(trace, &name)) {
        if before.len_of(Axis(0)) > held - new {
            return Err(Problem::CacheLayout { position: held - new, what });
        }
        check_rows(&cache, 0, &before, what)?;
    }
    Ok(())
}

/// Whether `cache[from..]` begins with `rows`.
fn check_rows(
    cache: &ArrayViewD<'_, f32>,
    from: usize,
    rows: &ArrayViewD<'_, f32>,
    what: &'static str,
) -> Result<(), Problem> {
    for (i, row) in rows.axis_iter(Axis(0)).enumerate() {
        let held = cache.index_axis(Axis(0), from + i);
        let same = held.iter().map(|x| x.to_bits()).eq(row.iter().map(|x| x.to_bits()));
        if !same {
            return Err(Problem::CacheLayout { position: from + i, what });
        }
    }
    Ok(())
}

/// The array called `name`, if it has rows.
fn array<'a>(trace: &'a Trace, name: &str) -> Option<ArrayViewD<'a, f32>> {
    match trace.tensors.get(name) {
        Some(Tensor::F32(x)) if x.ndim() > 0 => Some(x.view()),
        _ => None,
    }
}

fn previous_step(name: &str) -> Option<String> {
    match split_step(name)? {
        (0, _) => None,
        (1, site) => Some(site.to_owned()),
        (step, site) => Some(format!("step.{}.{site}", step - 1)),
    }
}
