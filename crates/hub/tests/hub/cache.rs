//! What is in the cache, without the network.

use std::fs;

use gpt2_hub::{HubError, Proof};

use crate::support::{CONFIG, Cache, FakeHub, fetch, id, noise, sha256};

const TOKENIZER: &[u8] = br#"{"model": {}}"#;

#[test]
fn offline_is_offline() {
    let files: [(&str, &[u8]); 3] =
        [("config.json", CONFIG), ("tokenizer.json", TOKENIZER), ("model.safetensors", b"x")];
    let (server, cache) = (FakeHub::new(&files), Cache::new());
    let online = cache.hub(&server.hub.url());
    let offline = online.clone().with_offline(true);

    let error = fetch(&offline).0.expect_err("nothing is there");
    assert!(
        matches!(&error, HubError::NotCached { missing, .. } if missing.len() == 2),
        "{error:?}"
    );
    let shown = error.to_string();
    for part in [
        "owner/model@main",
        &*cache.path().to_string_lossy(),
        "config.json and model.safetensors are missing",
        "unset HF_HUB_OFFLINE",
    ] {
        assert!(shown.contains(part), "{shown}");
    }
    assert_eq!(server.hub.requests().len(), 0);
    assert_eq!(cache.list(), Vec::<String>::new(), "nothing is written either");

    let path = fetch(&online).0.expect("fetched");
    let before = server.hub.requests().len();
    assert_eq!(fetch(&offline).0.expect("found"), path);
    assert_eq!(fetch(&offline.clone().with_refresh(true)).0.expect("found"), path);
    assert_eq!(server.hub.requests().len(), before);
}

#[test]
fn what_is_cached_can_be_verified_without_the_network() {
    let weights = noise(1000, 1);
    let files =
        [("config.json", CONFIG), ("tokenizer.json", TOKENIZER), ("model.safetensors", &weights)];
    let (server, cache) = (FakeHub::new(&files), Cache::new());
    let hub = cache.hub(&server.hub.url());
    let offline = hub.clone().with_offline(true);
    assert!(matches!(offline.verify(&id("owner/model")), Err(HubError::NotCached { .. })));
    let path = fetch(&hub).0.expect("fetched");
    let verify = || {
        let files = offline.verify(&id("owner/model"))?;
        Ok::<_, HubError>(files.into_iter().map(|f| (f.file, f.size, f.proof)).collect::<Vec<_>>())
    };
    let file = |name: &str, size, proof| (name.to_owned(), size, proof);
    let expected = vec![
        file("config.json", 22, Proof::Hub),
        file("tokenizer.json", 13, Proof::Hub),
        file("model.safetensors", 1000, Proof::Hub),
    ];
    assert_eq!(verify().expect("whole"), expected);

    // A file that is no link says nothing of what it should be, and that is told.
    let config = path.join("config.json");
    fs::remove_file(&config).expect("removed");
    fs::write(&config, CONFIG).expect("written");
    assert_eq!(verify().expect("whole")[0], file("config.json", 22, Proof::Nothing));

    // One bit, which no size shows.
    let mut damaged = weights.clone();
    damaged[500] ^= 1;
    fs::write(path.join("model.safetensors"), &damaged).expect("written");
    let error = verify().expect_err("damaged");
    let HubError::Damaged { expected, actual, path: blob, .. } = &error else {
        panic!("{error:?}")
    };
    assert_eq!((expected, actual), (&sha256(&weights), &sha256(&damaged)));
    assert!(error.to_string().starts_with("model.safetensors has the hash"), "{error}");
    // What the message says to do helps.
    fs::remove_file(blob).expect("removed");
    fetch(&hub).0.expect("fetched again");
    assert_eq!(verify().expect("whole")[2], file("model.safetensors", 1000, Proof::Hub));
}
