//! What the hub refuses, and what the disk does.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

use gpt2_hub::{HubError, Retry};

use crate::support::server::{Reply, Request};
use crate::support::{
    Alter, COMMIT, CONFIG, Cache, FakeHub, fetch, fetch_id, noise, sha256, skipped,
};

fn server(tamper: impl Fn(&Request, Reply) -> Reply + Send + Sync + 'static) -> FakeHub {
    let weights = noise(100_000, 1);
    let files: [(&str, &[u8]); 3] =
        [("config.json", CONFIG), ("tokenizer.json", b"{}"), ("model.safetensors", &weights)];
    FakeHub::tampered(COMMIT, &files, tamper)
}

/// Answers every question about a file with this, and counts them.
fn refusing(reply: Reply) -> FakeHub {
    server(move |_, _| reply.clone())
}

#[test]
fn unauthorized() {
    let server = refusing(Reply::new(401).with("X-Error-Code", "RepoNotFound"));
    let cache = Cache::new();
    let hub = cache.hub(&server.hub.url());
    let error = fetch(&hub).0.expect_err("401");
    assert!(matches!(error, HubError::Unauthorized { token_sent: false, .. }), "{error:?}");
    let url = format!("{}/owner/model/resolve/main/config.json", server.hub.url());
    assert!(error.to_string().starts_with(&format!("{url}: 401")), "{error}");
    assert!(error.to_string().contains("set HF_TOKEN"), "{error}");
    let error = fetch(&hub.with_token("hf_secret").expect("a token")).0.expect_err("401");
    assert!(matches!(error, HubError::Unauthorized { token_sent: true, .. }), "{error:?}");
    assert!(!format!("{error} {error:?}").contains("hf_secret"), "{error}");
    assert_eq!(server.hub.requests().len(), 2, "not tried again");
}

#[test]
fn forbidden() {
    for reply in [Reply::new(403), Reply::new(401).with("X-Error-Code", "GatedRepo")] {
        let (server, cache) = (refusing(reply), Cache::new());
        let error = fetch(&cache.hub(&server.hub.url())).0.expect_err("403");
        assert!(matches!(error, HubError::Forbidden { .. }), "{error:?}");
        assert!(error.to_string().contains("ask for access"), "{error}");
    }
}

#[test]
fn not_found() {
    let (server, cache) = (server(|_, reply| reply), Cache::new());
    let hub = cache.hub(&server.hub.url());
    for (model, expected) in [("nobody/model", "repository"), ("owner/model@v9", "revision")] {
        let error = fetch_id(&hub, model).0.expect_err(model);
        assert!(matches!(error, HubError::NotFound { what, .. } if what == expected), "{error:?}");
    }
    assert_eq!(cache.list(), Vec::<String>::new(), "nothing is left of what does not exist");

    let server = FakeHub::new(&[("README.md", b"")]);
    let error = fetch(&cache.hub(&server.hub.url())).0.expect_err("no config");
    assert!(matches!(error, HubError::NotFound { what: "file", .. }), "{error:?}");
    assert!(error.to_string().contains("/config.json: 404, no such file"), "{error}");

    let server = FakeHub::new(&[("config.json", CONFIG), ("pytorch_model.bin", b"")]);
    let error = fetch(&cache.hub(&server.hub.url())).0.expect_err("no safetensors").to_string();
    for part in ["no model.safetensors", "from_pretrained(\"owner/model\")", "safe_serialization"] {
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn too_many_requests_are_tried_again_when_the_server_says() {
    let count = AtomicUsize::new(0);
    let server = server(move |_, reply| match count.fetch_add(1, SeqCst) {
        0 => Reply::new(429).with("Retry-After", 1),
        1 => Reply::new(503),
        _ => reply,
    });
    let cache = Cache::new();
    let start = Instant::now();
    let (result, events) = fetch(&cache.hub(&server.hub.url()));
    result.expect("fetched");
    assert!(start.elapsed() >= Duration::from_secs(1), "{:?}", start.elapsed());
    assert!(
        events[0].starts_with("retry config.json 1") && events[0].contains("429"),
        "{events:?}"
    );
    assert!(
        events[1].starts_with("retry config.json 2") && events[1].contains("503"),
        "{events:?}"
    );
}

#[test]
fn a_wait_that_is_too_long_is_the_users_to_wait() {
    let (server, cache) = (refusing(Reply::new(429).with("Retry-After", 3600)), Cache::new());
    let error = fetch(&cache.hub(&server.hub.url())).0.expect_err("429");
    assert!(error.to_string().contains("try again in 3600 s"), "{error}");
    assert_eq!(server.hub.requests().len(), 1);
}

#[test]
fn a_busy_server_is_tried_as_often_as_was_asked_for() {
    let (server, cache) = (refusing(Reply::new(502)), Cache::new());
    let retry = Retry { failures: 4, first_wait: Duration::from_millis(1), ..Retry::default() };
    let error = fetch(&cache.hub(&server.hub.url()).with_retry(retry)).0.expect_err("502");
    assert!(matches!(error, HubError::Status { status: 502, .. }), "{error:?}");
    assert_eq!(server.hub.requests().len(), 4);
}

#[test]
fn a_server_that_is_not_there() {
    let cache = Cache::new();
    // A port of the system that nothing here listens on.
    for endpoint in ["http://127.0.0.1:1", "https://127.0.0.1:1"] {
        let error = fetch(&cache.hub(endpoint)).0.expect_err("nobody listens");
        assert!(matches!(error, HubError::Network { transient: true, .. }), "{error:?}");
        assert!(error.to_string().contains("check the network"), "{error}");
    }
    // One that does not speak TLS is not a server for https.
    let server = server(|_, reply| reply);
    let error = fetch(&cache.hub(&server.hub.url().replace("http:", "https:"))).0;
    assert!(matches!(error, Err(HubError::Network { .. } | HubError::Stalled { .. })), "{error:?}");
}

#[test]
fn a_reply_that_no_hub_gives() {
    let moved = "ffffffffffffffffffffffffffffffffffffffff";
    let cases: [(&str, &str, Alter); 6] = [
        ("owner/model", "no X-Repo-Commit", Box::new(|reply| reply.without("X-Repo-Commit"))),
        (
            "owner/model",
            "no X-Repo-Commit",
            Box::new(|reply| reply.with("X-Repo-Commit", "../../x")),
        ),
        (
            "owner/model",
            "no ETag",
            Box::new(|reply| reply.without("X-Linked-Etag").without("ETag")),
        ),
        (
            "owner/model",
            "could not be checked",
            Box::new(|reply| reply.with("X-Linked-Etag", "\"../../../x\"")),
        ),
        ("owner/model", "redirect without a Location", Box::new(|reply| reply.without("Location"))),
        (
            "owner/model@0123456789abcdef0123456789abcdef01234567",
            "got ffff",
            Box::new(move |reply| reply.with("X-Repo-Commit", moved)),
        ),
    ];
    for (model, reason, tamper) in cases {
        let (server, cache) = (server(move |_, reply| tamper(reply)), Cache::new());
        let error = fetch_id(&cache.hub(&server.hub.url()), model).0.expect_err(reason);
        assert!(matches!(error, HubError::BadReply { .. }), "{error:?}");
        assert!(error.to_string().contains(reason), "{error}");
        assert_eq!(cache.list(), Vec::<String>::new(), "{reason}");
    }
}

#[test]
fn what_is_pinned_wins_over_what_the_server_says() {
    const PINNED: &str = "607a30d783dfa663caf39e06633721c8d4cfcd7e";
    let server = FakeHub::tampered(
        PINNED,
        &[("config.json", CONFIG), ("tokenizer.json", b"{}"), ("model.safetensors", b"not GPT-2")],
        |_, reply| reply,
    );
    let cache = Cache::new();
    let error = fetch_id(&cache.hub(&server.hub.url()), "gpt2").0.expect_err("not the pinned file");
    let HubError::WrongHash { expected, check, .. } = &error else { panic!("{error:?}") };
    assert_eq!(expected, "248dfc3911869ec493c76e65bf2fcf7f615828b0254c12b473182f0f81d3a707");
    assert_eq!(*check, "the table of pinned files");
    assert_eq!(server.ranges("model.safetensors"), [], "known before a byte of it came");

    // A small file has a git hash for its etag, so it is known when it is here. Its bytes agree
    // with what the server says of them, and that is not enough.
    let server = FakeHub::tampered(
        PINNED,
        &[
            ("config.json", CONFIG),
            ("vocab.json", b"{}"),
            ("merges.txt", b""),
            ("model.safetensors", b"x"),
        ],
        |request, reply| {
            let etag = "248dfc3911869ec493c76e65bf2fcf7f615828b0254c12b473182f0f81d3a707";
            match request.path.contains("/resolve/") && request.path.ends_with("/model.safetensors")
            {
                true => reply.with("X-Linked-Etag", etag).with("X-Linked-Size", 548_105_171),
                false => reply,
            }
        },
    );
    let error = fetch_id(&cache.hub(&server.hub.url()), "gpt2").0.expect_err("not the pinned file");
    assert!(
        matches!(&error, HubError::WrongHash { file, expected, .. } if file == "vocab.json" && expected.starts_with("196139")),
        "{error:?}"
    );
}

#[test]
fn an_index_that_leads_out_of_its_folder_is_not_followed() {
    let index = br#"{"weight_map": {"wte.weight": "../../../../x.safetensors"}}"#;
    let files: [(&str, &[u8]); 4] = [
        ("config.json", CONFIG),
        ("tokenizer.json", b"{}"),
        ("model.safetensors.index.json", index),
        ("x.safetensors", b"x"),
    ];
    let (server, cache) = (FakeHub::new(&files), Cache::new());
    let error = fetch(&cache.hub(&server.hub.url())).0.expect_err("a hostile index");
    assert!(matches!(error, HubError::BadIndex { .. }), "{error:?}");
    assert!(!server.hub.requests().iter().any(|request| request.path.contains("x.safetensors")));
}

#[test]
fn a_file_that_cannot_fit_is_not_begun() {
    let server = server(|request, reply| match request.path.ends_with("/model.safetensors") {
        true => reply.with("X-Linked-Size", 1_u64 << 60),
        false => reply,
    });
    let cache = Cache::new();
    let error = fetch(&cache.hub(&server.hub.url())).0.expect_err("an exabyte");
    let HubError::DiskFull { needed, available, .. } = error else { panic!("{error:?}") };
    assert!(needed > 1 << 60 && available.is_some_and(|bytes| bytes < needed));
    assert!(error.to_string().contains("make room or set HF_HUB_CACHE"), "{error}");
    assert_eq!(server.ranges("config.json").len() + server.ranges("model.safetensors").len(), 0);
}

#[test]
fn a_disk_that_gets_full_says_so() {
    if !Path::new("/dev/full").exists() {
        return skipped("a_disk_that_gets_full_says_so", "no /dev/full here");
    }
    let (server, cache) = (server(|_, reply| reply), Cache::new());
    let blobs = cache.repo("models--owner--model/blobs");
    fs::create_dir_all(&blobs).expect("a folder");
    let etag = sha256(&noise(100_000, 1));
    // Every write to this one fails as a write to a full disk does.
    symlink("/dev/full", blobs.join(format!("{etag}.incomplete"))).expect("a link");
    let error = fetch(&cache.hub(&server.hub.url())).0.expect_err("full");
    let HubError::DiskFull { path, needed: 100_000, .. } = &error else { panic!("{error:?}") };
    assert!(path.ends_with(format!("{etag}.incomplete")), "{error}");
    assert_eq!(server.ranges("model.safetensors").len(), 1, "a full disk stays full");
}

#[test]
fn a_cache_that_cannot_be_written_says_so() {
    let (server, cache) = (server(|_, reply| reply), Cache::new());
    // A file where the folder should be: that stops even root.
    fs::write(cache.path().join("models--owner--model"), "").expect("written");
    let error = fetch(&cache.hub(&server.hub.url())).0.expect_err("no folder");
    assert!(matches!(error, HubError::Io { action: "create", .. }), "{error:?}");
    assert!(error.to_string().contains("models--owner--model/"), "{error}");
}
