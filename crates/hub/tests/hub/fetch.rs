//! A fetch where nothing goes wrong: what is asked for, and where it ends up.

use std::fs;
use std::path::Path;

use crate::support::server::Request;
use crate::support::{
    COMMIT, CONFIG, Cache, FakeHub, fetch, fetch_id, git_hash, id, noise, sha256,
};
use gpt2_hub::Silent;

const TOKENIZER: &[u8] = br#"{"model": {}}"#;

fn asked(requests: &[Request]) -> Vec<String> {
    requests.iter().map(|request| format!("{} {}", request.method, request.path)).collect()
}

#[test]
fn a_model_lands_in_the_layout_that_python_reads() {
    let weights = noise(300_000, 1);
    let files = [
        ("config.json", CONFIG),
        ("tokenizer.json", TOKENIZER),
        ("model.safetensors", &weights),
        ("pytorch_model.bin", b"not needed"),
        ("vocab.json", b"not needed"),
    ];
    let (server, cache) = (FakeHub::new(&files), Cache::new());
    let hub = cache.hub(&server.hub.url());
    assert_eq!(hub.find(&id("owner/model")), None);

    let (path, events) = fetch(&hub);
    let snapshot = cache.repo("models--owner--model/snapshots").join(COMMIT);
    assert_eq!(path.expect("fetched"), snapshot);
    assert_eq!(
        events,
        [
            "plan 3 files 300035 bytes",
            "start config.json at 0",
            "finish config.json 22",
            "start tokenizer.json at 0",
            "finish tokenizer.json 13",
            "start model.safetensors at 0",
            "finish model.safetensors 300000",
        ]
    );
    assert_eq!(fs::read(snapshot.join("model.safetensors")).expect("a file"), weights);

    let (config, tokenizer, weights) = (git_hash(CONFIG), git_hash(TOKENIZER), sha256(&weights));
    let mut expected = vec!["CACHEDIR.TAG".to_owned(), "models--owner--model/refs/main".to_owned()];
    for (file, etag) in
        [("config.json", &config), ("tokenizer.json", &tokenizer), ("model.safetensors", &weights)]
    {
        expected.push(format!(".locks/models--owner--model/{etag}.lock"));
        expected.push(format!("models--owner--model/blobs/{etag}"));
        expected.push(format!("models--owner--model/snapshots/{COMMIT}/{file}"));
        let link = fs::read_link(snapshot.join(file)).expect("a link");
        assert_eq!(
            link,
            Path::new("../../blobs").join(etag),
            "relative, so that a cache can be moved"
        );
    }
    expected.sort();
    assert_eq!(cache.list(), expected);
    let main = fs::read_to_string(cache.repo("models--owner--model/refs/main"));
    assert_eq!(main.expect("a file"), COMMIT, "without a line end, as Python writes and reads it");

    // Once it is there, nothing is asked and nothing happens.
    let before = asked(&server.hub.requests()).len();
    let (path, events) = fetch(&hub);
    assert_eq!((path.expect("found"), events), (snapshot.clone(), vec![]));
    assert_eq!(hub.find(&id("owner/model")), Some(snapshot));
    assert_eq!(asked(&server.hub.requests()).len(), before);
}

#[test]
fn a_sharded_model_has_its_index_and_each_shard_once() {
    let (one, two) = (noise(1000, 1), noise(2000, 2));
    let index = br#"{"weight_map": {"a": "model-00001-of-00002.safetensors",
        "b": "model-00002-of-00002.safetensors", "c": "model-00001-of-00002.safetensors"}}"#;
    let files: [(&str, &[u8]); 6] = [
        ("config.json", CONFIG),
        ("tokenizer.json", TOKENIZER),
        ("model.safetensors.index.json", index),
        ("model-00001-of-00002.safetensors", &one),
        ("model-00002-of-00002.safetensors", &two),
        ("model-00003-of-00003.safetensors", b"of another checkpoint"),
    ];
    let (server, cache) = (FakeHub::new(&files), Cache::new());
    let (path, events) = fetch(&cache.hub(&server.hub.url()));
    let path = path.expect("fetched");
    assert_eq!(events.iter().filter(|event| event.starts_with("finish")).count(), 5, "{events:?}");
    assert!(events.contains(&"plan 4 files 3035 bytes".to_owned()), "{events:?}");
    assert_eq!(fs::read(path.join("model-00001-of-00002.safetensors")).expect("a file"), one);
    assert_eq!(fs::read(path.join("model-00002-of-00002.safetensors")).expect("a file"), two);

    // A snapshot without one of its shards is not complete.
    let hub = cache.hub("http://127.0.0.1:9").with_offline(true);
    assert!(hub.find(&id("owner/model")).is_some());
    fs::remove_file(path.join("model-00002-of-00002.safetensors")).expect("removed");
    assert_eq!(hub.find(&id("owner/model")), None);
    let error = hub.fetch(&id("owner/model"), &Silent).expect_err("not complete").to_string();
    assert!(error.contains("model-00002-of-00002.safetensors is missing"), "{error}");
}

#[test]
fn the_tokenizer_may_come_in_two_parts_or_not_at_all() {
    let files: [(&str, &[u8]); 4] = [
        ("config.json", CONFIG),
        ("model.safetensors", b"x"),
        ("vocab.json", b"{}"),
        ("merges.txt", b""),
    ];
    for (count, parts) in [(4, &files[..]), (2, &files[..2])] {
        let (server, cache) = (FakeHub::new(parts), Cache::new());
        let hub = cache.hub(&server.hub.url());
        let (path, events) = fetch(&hub);
        let path = path.expect("fetched");
        assert_eq!(events.iter().filter(|event| event.starts_with("finish")).count(), count);
        assert_eq!(path.join("merges.txt").is_file(), count == 4);
        let absent =
            cache.repo("models--owner--model/.no_exist").join(COMMIT).join("tokenizer.json");
        assert!(absent.is_file(), "that there is none is remembered, as in Python");
        let before = server.hub.requests().len();
        assert_eq!(fetch(&hub).0.expect("found"), path);
        assert_eq!(server.hub.requests().len(), before, "nothing is asked again");
    }
}

#[test]
fn a_revision_is_a_branch_a_pull_request_or_a_commit() {
    let files: [(&str, &[u8]); 3] =
        [("config.json", CONFIG), ("tokenizer.json", TOKENIZER), ("model.safetensors", b"x")];
    let (server, cache) = (FakeHub::new(&files), Cache::new());
    let hub = cache.hub(&server.hub.url());
    let (path, _) = fetch_id(&hub, "owner/model@refs/pr/1");
    assert!(path.expect("fetched").ends_with(COMMIT));
    let refs = cache.repo("models--owner--model/refs");
    assert_eq!(fs::read_to_string(refs.join("refs/pr/1")).expect("a file"), COMMIT);

    // The commit is known by now, so it is found without the network.
    let before = server.hub.requests().len();
    let (path, _) = fetch_id(&hub, &format!("owner/model@{COMMIT}"));
    assert!(path.expect("found").ends_with(COMMIT));
    assert_eq!(server.hub.requests().len(), before);
    // Another name for the same commit has to be asked about, but has nothing to download.
    let (path, events) = fetch_id(&hub, "owner/model");
    assert_eq!((path.is_ok(), events), (true, vec![]));
    assert_eq!(fs::read_to_string(refs.join("main")).expect("a file"), COMMIT);
}

#[test]
fn what_python_cached_is_found_under_the_short_name_too() {
    let cache = Cache::new();
    let snapshot = cache.repo("models--gpt2/snapshots").join(COMMIT);
    fs::create_dir_all(&snapshot).expect("a folder");
    fs::create_dir_all(cache.repo("models--gpt2/refs")).expect("a folder");
    fs::write(cache.repo("models--gpt2/refs/main"), COMMIT).expect("written");
    for file in ["config.json", "model.safetensors"] {
        fs::write(snapshot.join(file), "x").expect("written");
    }
    // Offline, the weights are enough; online, the tokenizer alone is fetched, to where they are.
    let files =
        [("config.json", CONFIG), ("tokenizer.json", TOKENIZER), ("model.safetensors", b"other")];
    let server = FakeHub::new(&files);
    let hub = cache.hub(&server.hub.url());
    assert_eq!(hub.find(&id("gpt2")), Some(snapshot.clone()));
    assert_eq!(fetch_id(&hub.clone().with_offline(true), "gpt2").0.expect("found"), snapshot);
    let (path, events) = fetch_id(&hub, "gpt2");
    assert_eq!(path.expect("fetched"), snapshot);
    assert_eq!(
        events,
        ["plan 1 files 13 bytes", "start tokenizer.json at 0", "finish tokenizer.json 13"]
    );
    assert_eq!(fs::read(snapshot.join("model.safetensors")).expect("a file"), b"x", "left alone");
}

#[test]
fn without_links_the_files_are_moved_into_the_snapshot() {
    let files: [(&str, &[u8]); 3] =
        [("config.json", CONFIG), ("tokenizer.json", TOKENIZER), ("model.safetensors", b"x")];
    let (server, cache) = (FakeHub::new(&files), Cache::new());
    let hub = cache.hub(&server.hub.url()).with_symlinks(false);
    let path = fetch(&hub).0.expect("fetched");
    for (file, bytes) in files {
        assert!(fs::symlink_metadata(path.join(file)).expect("a file").is_file());
        assert_eq!(fs::read(path.join(file)).expect("a file"), bytes);
    }
    assert_eq!(
        fs::read_dir(cache.repo("models--owner--model/blobs")).expect("a folder").count(),
        0
    );
    assert_eq!(fetch(&hub).1, Vec::<String>::new());
}

#[test]
fn a_blob_that_is_there_is_only_linked() {
    let weights = noise(1000, 1);
    let files =
        [("config.json", CONFIG), ("tokenizer.json", TOKENIZER), ("model.safetensors", &weights)];
    for symlinks in [true, false] {
        let (server, cache) = (FakeHub::new(&files), Cache::new());
        let blobs = cache.repo("models--owner--model/blobs");
        fs::create_dir_all(&blobs).expect("a folder");
        fs::write(blobs.join(sha256(&weights)), &weights).expect("written");
        let path = fetch(&cache.hub(&server.hub.url()).with_symlinks(symlinks)).0.expect("fetched");
        assert_eq!(fs::read(path.join("model.safetensors")).expect("a file"), weights);
        assert_eq!(server.ranges("model.safetensors"), []);
        assert!(blobs.join(sha256(&weights)).is_file(), "another snapshot may link to it");
    }
}

#[test]
fn a_refresh_follows_the_branch_and_mends_what_was_cut_short() {
    let weights = noise(1000, 1);
    let files =
        [("config.json", CONFIG), ("tokenizer.json", TOKENIZER), ("model.safetensors", &weights)];
    let (server, cache) = (FakeHub::new(&files), Cache::new());
    let hub = cache.hub(&server.hub.url());
    let path = fetch(&hub).0.expect("fetched");
    let blob = cache.repo("models--owner--model/blobs").join(sha256(&weights));
    fs::write(&blob, &weights[..500]).expect("written");
    assert_eq!(fetch(&hub).1, Vec::<String>::new(), "what is cached is not looked at");

    let (result, events) = fetch(&hub.clone().with_refresh(true));
    assert_eq!(result.expect("fetched"), path);
    assert!(events.contains(&"finish model.safetensors 1000".to_owned()), "{events:?}");
    assert_eq!(fs::read(path.join("model.safetensors")).expect("a file"), weights);

    // The branch has moved on.
    const NEXT: &str = "fedcba9876543210fedcba9876543210fedcba98";
    let next = FakeHub::tampered(NEXT, &files, |_, reply| reply);
    let hub = cache.hub(&next.hub.url());
    assert_eq!(fetch(&hub).0.expect("found"), path);
    assert!(fetch(&hub.clone().with_refresh(true)).0.expect("fetched").ends_with(NEXT));
    assert!(fetch(&hub).0.expect("found").ends_with(NEXT));
    assert_eq!(next.ranges("model.safetensors"), [], "the same blob");

    // A hub that is away does not take away what is there.
    let (result, events) = fetch(&cache.hub("http://127.0.0.1:9").with_refresh(true));
    assert!(result.expect("found").ends_with(NEXT));
    assert_eq!(events.last().map(String::as_str), Some("unreachable"), "{events:?}");
}
