//! Files that the tests read: those of the repository, and those that a machine may have.

use std::path::{Path, PathBuf};

use gpt2_hub::Hub;

/// The root of the workspace.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace has a root")
}

/// The model directories under `tests/data/variants`, sorted by name.
pub(crate) fn variant_folders() -> Vec<PathBuf> {
    let folder = root().join("tests/data/variants");
    let entries =
        std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut found: Vec<_> = entries
        .map(|entry| entry.expect("a directory entry").path())
        .filter(|p| p.is_dir())
        .collect();
    found.sort();
    found
}

/// The safetensors file, or the directory with it, that holds at least the attention of GPT-2 124M.
///
/// `GPT2_WEIGHTS` names one; what it names must be there. Otherwise: a `shared/data` folder beside
/// the checkout, then the HuggingFace cache.
///
/// # Errors
///
/// Where it was looked for, if it is nowhere.
pub fn real_weights() -> Result<PathBuf, String> {
    if let Some(named) = named_by_user() {
        return Ok(named);
    }
    let beside = beside_the_checkout().join("gpt2-124m-attention.safetensors");
    if beside.is_file() {
        return Ok(beside);
    }
    snapshot().map_err(|cache| {
        format!("GPT2_WEIGHTS is not set, there is no {} and no gpt2 in {cache}", beside.display())
    })
}

/// `vocab.json` and `merges.txt` of GPT-2, looked for in the same places.
///
/// # Errors
///
/// Where they were looked for, if they are nowhere.
pub fn tokenizer_files() -> Result<(PathBuf, PathBuf), String> {
    let named = named_by_user();
    let places = [named, Some(beside_the_checkout()), snapshot().ok()];
    let mut looked = Vec::new();
    for place in places.into_iter().flatten() {
        let (vocab, merges) = (place.join("vocab.json"), place.join("merges.txt"));
        if vocab.is_file() && merges.is_file() {
            return Ok((vocab, merges));
        }
        looked.push(place.display().to_string());
    }
    let cache = snapshot().err().map(|cache| format!(", and {cache} has no gpt2"));
    let cache = cache.unwrap_or_default();
    Err(format!("there is no vocab.json and merges.txt in {}{cache}", looked.join(" or ")))
}

fn named_by_user() -> Option<PathBuf> {
    let named = PathBuf::from(std::env::var_os("GPT2_WEIGHTS").filter(|value| !value.is_empty())?);
    assert!(named.exists(), "GPT2_WEIGHTS names {}, which is not there", named.display());
    Some(named)
}

fn beside_the_checkout() -> PathBuf {
    root().parent().unwrap_or(root()).join("shared").join("data")
}

/// GPT-2 in the HuggingFace cache; `Err` says where that is.
fn snapshot() -> Result<PathBuf, String> {
    let hub = Hub::from_vars(|name| std::env::var_os(name)).map_err(|error| error.to_string())?;
    let id = "gpt2".parse().expect("a model id");
    hub.find(&id).ok_or_else(|| hub.cache().display().to_string())
}
