//! Downloads that break, and files that are not what they should be.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

use gpt2_hub::HubError;

use crate::support::server::{Reply, Request};
use crate::support::{Alter, COMMIT, CONFIG, Cache, FakeHub, fetch, noise, sha256};

const SIZE: usize = 400_000;

/// A hub with a model of [`SIZE`] bytes, whose replies are tampered with.
fn server(tamper: impl Fn(&Request, Reply) -> Reply + Send + Sync + 'static) -> FakeHub {
    let weights = noise(SIZE, 1);
    let files: [(&str, &[u8]); 3] =
        [("config.json", CONFIG), ("tokenizer.json", b"{}"), ("model.safetensors", &weights)];
    FakeHub::tampered(COMMIT, &files, tamper)
}

/// The same, for the bytes of the weights alone, and with the number of the request.
fn weights(tamper: impl Fn(usize, Reply) -> Reply + Send + Sync + 'static) -> FakeHub {
    let count = AtomicUsize::new(0);
    server(move |request, reply| match request.path.starts_with("/blob/model.safetensors") {
        true => tamper(count.fetch_add(1, SeqCst), reply),
        false => reply,
    })
}

fn blob(cache: &Cache, end: &str) -> PathBuf {
    cache.repo("models--owner--model/blobs").join(sha256(&noise(SIZE, 1)) + end)
}

fn assert_whole(cache: &Cache, result: Result<PathBuf, HubError>) {
    let file = result.expect("fetched").join("model.safetensors");
    assert_eq!(sha256(&fs::read(file).expect("a file")), sha256(&noise(SIZE, 1)));
    assert!(!blob(cache, ".incomplete").exists());
}

#[test]
fn a_download_that_is_cut_goes_on_where_it_was() {
    // More cuts than tries: each brings the file further, so none of them is held against it.
    let server = weights(|n, reply| if n < 6 { reply.cut(60_000) } else { reply });
    let cache = Cache::new();
    let (result, events) = fetch(&cache.hub(&server.hub.url()));
    assert_whole(&cache, result);
    let starts: Vec<_> = server.ranges("model.safetensors");
    let expected = [
        None,
        Some(60_000),
        Some(120_000),
        Some(180_000),
        Some(240_000),
        Some(300_000),
        Some(360_000),
    ];
    assert_eq!(starts, expected);
    let retries: Vec<_> = events.iter().filter(|event| event.starts_with("retry")).collect();
    assert_eq!(retries.len(), 6, "{events:?}");
    assert!(retries[0].contains("was cut after 60000 of 400000 bytes"), "{events:?}");
}

#[test]
fn a_later_fetch_resumes_what_an_earlier_one_left() {
    let cache = Cache::new();
    let server = weights(|n, reply| if n == 0 { reply.cut(150_000) } else { reply.cut(0) });
    let (result, _) = fetch(&cache.hub(&server.hub.url()));
    let error = result.expect_err("cut again and again");
    assert!(
        matches!(error, HubError::Cut { received: 150_000, expected: 400_000, .. }),
        "{error:?}"
    );
    assert!(error.to_string().contains("run the same again: it resumes"), "{error}");
    assert_eq!(
        server.ranges("model.safetensors").len(),
        3,
        "three failures in a row, as was asked for"
    );
    assert_eq!(fs::metadata(blob(&cache, ".incomplete")).expect("a file").len(), 150_000);

    let server = weights(|_, reply| reply);
    let (result, events) = fetch(&cache.hub(&server.hub.url()));
    assert_whole(&cache, result);
    assert_eq!(server.ranges("model.safetensors"), [Some(150_000)]);
    assert!(events.contains(&"start model.safetensors at 150000".to_owned()), "{events:?}");
    assert!(
        events.contains(&"plan 1 files 250000 bytes".to_owned()),
        "the rest is all that is needed: {events:?}"
    );
}

#[test]
fn a_server_that_cannot_resume_begins_anew() {
    let whole = |reply: Reply| Reply { status: 200, start: 0, ..reply.without("Content-Range") };
    let server = weights(move |n, reply| if n == 0 { reply.cut(150_000) } else { whole(reply) });
    let cache = Cache::new();
    let (result, events) = fetch(&cache.hub(&server.hub.url()));
    assert_whole(&cache, result);
    assert!(
        events.contains(&"restart model.safetensors: the server cannot resume".to_owned()),
        "{events:?}"
    );

    // One that is always cut at the same place gets nowhere, which is not progress.
    let server = weights(move |_, reply| whole(reply).cut(150_000));
    let cache = Cache::new();
    let error = fetch(&cache.hub(&server.hub.url())).0.expect_err("never whole");
    assert!(matches!(error, HubError::Cut { received: 150_000, .. }), "{error:?}");
    assert_eq!(
        server.ranges("model.safetensors").len(),
        3,
        "three failures in a row, as was asked for"
    );
}

#[test]
fn a_file_that_is_wrong_is_not_kept() {
    let server = weights(|_, reply| reply.body(noise(SIZE, 2)));
    let cache = Cache::new();
    let error = fetch(&cache.hub(&server.hub.url())).0.expect_err("wrong bytes");
    let HubError::WrongHash { expected, actual, file, .. } = &error else { panic!("{error:?}") };
    assert_eq!(file, "model.safetensors");
    assert_eq!((expected, actual), (&sha256(&noise(SIZE, 1)), &sha256(&noise(SIZE, 2))));
    let shown = error.to_string();
    assert!(
        shown.contains(expected) && shown.contains(actual) && shown.contains("/resolve/"),
        "{shown}"
    );
    assert!(
        !blob(&cache, "").exists() && !blob(&cache, ".incomplete").exists(),
        "{:?}",
        cache.list()
    );
    assert_eq!(server.ranges("model.safetensors").len(), 1, "asking again would change nothing");
}

#[test]
fn a_small_file_that_is_wrong_is_found_by_its_git_hash() {
    let server = server(|request, reply| match request.path.contains("/resolve-cache/") {
        true => reply.body(CONFIG.iter().rev().copied().collect::<Vec<u8>>()),
        false => reply,
    });
    let cache = Cache::new();
    let error = fetch(&cache.hub(&server.hub.url())).0.expect_err("wrong bytes");
    assert!(
        matches!(&error, HubError::WrongHash { file, expected, .. } if file == "config.json" && expected.len() == 40),
        "{error:?}"
    );
}

#[test]
fn what_is_left_of_an_earlier_fetch_may_be_damaged() {
    for (len, reason) in [
        (1000, "its hash is wrong"),
        (SIZE, "its hash is wrong"),
        (SIZE + 1, "it is longer than the file"),
    ] {
        let (server, cache) = (weights(|_, reply| reply), Cache::new());
        fs::create_dir_all(cache.repo("models--owner--model/blobs")).expect("a folder");
        fs::write(blob(&cache, ".incomplete"), vec![0; len]).expect("written");
        let (result, events) = fetch(&cache.hub(&server.hub.url()));
        assert_whole(&cache, result);
        assert!(
            events.contains(&format!("restart model.safetensors: {reason}")),
            "{len}: {events:?}"
        );
    }
    // All of it may be there, too: nothing is downloaded then.
    let (server, cache) = (weights(|_, reply| reply), Cache::new());
    fs::create_dir_all(cache.repo("models--owner--model/blobs")).expect("a folder");
    fs::write(blob(&cache, ".incomplete"), noise(SIZE, 1)).expect("written");
    assert_whole(&cache, fetch(&cache.hub(&server.hub.url())).0);
    assert_eq!(server.ranges("model.safetensors"), []);
}

#[test]
fn a_size_that_is_wrong() {
    // The CDN has a shorter file than the hub announced; then a longer one; then it resumes in another.
    for (size, cut) in [(SIZE - 1, None), (SIZE + 1, None), (SIZE + 1, Some(1000))] {
        let server = weights(move |n, reply| match (n, cut) {
            (0, Some(cut)) => reply.cut(cut),
            _ => {
                let start = reply.start;
                let reply = reply.body(noise(size, 1));
                reply.with("Content-Range", format!("bytes {start}-{}/{size}", size - 1))
            }
        });
        let cache = Cache::new();
        let error = fetch(&cache.hub(&server.hub.url())).0.expect_err("wrong size");
        let HubError::WrongSize { expected, actual, .. } = error else { panic!("{error:?}") };
        assert_eq!((expected, actual), (SIZE as u64, size as u64));
        assert!(!blob(&cache, "").exists() && !blob(&cache, ".incomplete").exists());
    }
}

#[test]
fn a_file_whose_size_nobody_tells_is_checked_all_the_same() {
    let untold = |request: &Request, reply: Reply| {
        let length = if reply.status == 200 { Some(None) } else { None };
        let large = request.path.contains("model.safetensors");
        if large { Reply { length, ..reply.without("X-Linked-Size") } } else { reply }
    };
    let cache = Cache::new();
    let good = server(untold);
    assert_whole(&cache, fetch(&cache.hub(&good.hub.url())).0);
    // Cut, it looks like a whole file; its hash says that it is not.
    let cache = Cache::new();
    let cut = server(move |request, reply| {
        let reply = untold(request, reply);
        if request.path.starts_with("/blob/") { reply.cut(1000) } else { reply }
    });
    let error = fetch(&cache.hub(&cut.hub.url())).0.expect_err("cut");
    assert!(matches!(error, HubError::WrongHash { .. }), "{error:?}");
}

#[test]
fn a_connection_that_stalls_is_given_up_and_resumed() {
    let pause = Duration::from_secs(20);
    let server =
        weights(move |n, reply| Reply { stall: (n == 0).then_some((100_000, pause)), ..reply });
    let cache = Cache::new();
    let limit = Duration::from_millis(300);
    let hub = cache.hub(&server.hub.url()).with_timeouts(limit, limit);
    let start = Instant::now();
    let (result, events) = fetch(&hub);
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    assert_whole(&cache, result);
    assert_eq!(server.ranges("model.safetensors"), [None, Some(100_000)]);
    assert!(events.iter().any(|event| event.contains("nothing came for 0.3 s")), "{events:?}");
}

#[test]
fn a_slow_connection_is_not_a_stalled_one() {
    // Four times the limit in all, and never a pause as long as it.
    let server = weights(|_, reply| Reply { speed: Some(SIZE / 2), ..reply });
    let cache = Cache::new();
    let limit = Duration::from_millis(500);
    let (result, events) = fetch(&cache.hub(&server.hub.url()).with_timeouts(limit, limit));
    assert_whole(&cache, result);
    assert!(!events.iter().any(|event| event.starts_with("retry")), "{events:?}");
}

#[test]
fn a_reply_that_never_comes_is_given_up() {
    let server = server(|_, reply| {
        std::thread::sleep(Duration::from_millis(600));
        reply
    });
    let limit = Duration::from_millis(100);
    let cache = Cache::new();
    let error =
        fetch(&cache.hub(&server.hub.url()).with_timeouts(limit, limit)).0.expect_err("no reply");
    assert!(matches!(error, HubError::Stalled { limit: l, .. } if l == limit), "{error:?}");
}

#[test]
fn a_reply_that_was_not_asked_for_is_refused() {
    let range = |reply: Reply| reply.with("Content-Range", "bytes 7-399999/400000");
    let cases: [(&str, Alter); 3] = [
        ("the reply is in gzip", Box::new(|reply| reply.with("Content-Encoding", "gzip"))),
        ("asked for bytes from 1000 on, got `bytes 7-399999/400000`", Box::new(range)),
        ("the Content-Range `x` is none", Box::new(|reply| reply.with("Content-Range", "x"))),
    ];
    for (reason, tamper) in cases {
        let server = weights(move |n, reply| if n == 0 { reply.cut(1000) } else { tamper(reply) });
        let cache = Cache::new();
        let error = fetch(&cache.hub(&server.hub.url())).0.expect_err(reason);
        assert!(matches!(error, HubError::BadReply { .. }), "{error:?}");
        assert!(error.to_string().contains(reason), "{error}");
        assert_eq!(fs::metadata(blob(&cache, ".incomplete")).expect("kept").len(), 1000);
    }
}
