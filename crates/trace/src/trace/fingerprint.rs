use std::collections::BTreeMap;

use gpt2_weights::Checkpoint;

use super::file::sha256;

/// The SHA-256 of every parameter as it is stored, by canonical name: what a reference says of the
/// weights that made it.
pub fn fingerprint(weights: &Checkpoint) -> BTreeMap<String, String> {
    weights
        .names()
        .filter_map(|name| Some((name.to_owned(), sha256(weights.raw(name)?.bytes))))
        .collect()
}

/// Which parameters are not those of the reference, and how.
pub fn weights_differ(
    ours: &BTreeMap<String, String>,
    reference: &BTreeMap<String, String>,
) -> Vec<String> {
    let mut problems = Vec::new();
    for (name, digest) in reference {
        match ours.get(name) {
            None => problems.push(format!("weight `{name}` is missing, the reference used it")),
            Some(ours) if ours != digest => problems.push(format!(
                "weight `{name}` is not the one that the reference used: \
                 its SHA-256 is {ours}, the reference says {digest}"
            )),
            Some(_) => {}
        }
    }
    problems
}
