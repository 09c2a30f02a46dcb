//! Who gets to see the token: the hub, and nobody that it sends us to.

use gpt2_hub::HubError;

use crate::support::server::{Reply, Request, Server};
use crate::support::{COMMIT, CONFIG, Cache, FakeHub, fetch};

const FILES: [(&str, &[u8]); 3] =
    [("config.json", CONFIG), ("tokenizer.json", b"{}"), ("model.safetensors", b"weights")];

fn shows_token(request: &Request) -> bool {
    let all = format!("{request:?}");
    assert_eq!(
        all.contains("hf_secret"),
        request.header("authorization") == Some("Bearer hf_secret")
    );
    all.contains("hf_secret")
}

#[test]
fn the_token_goes_to_the_hub_and_not_to_its_cdn() {
    let (server, cache) = (FakeHub::new(&FILES), Cache::new());
    let hub = cache.hub(&server.hub.url()).with_token("hf_secret").expect("a token");
    fetch(&hub).0.expect("fetched");
    assert!(server.hub.requests().iter().all(shows_token));
    assert_eq!(server.cdn.requests().len(), 1);
    assert!(!server.cdn.requests().iter().any(shows_token));
    // What the hub signed for the CDN arrives there.
    assert!(server.cdn.requests()[0].path.ends_with("?Signature=secret"));
}

#[test]
fn the_token_goes_to_no_other_host_wherever_a_redirect_comes_from() {
    // A mirror that sends everything elsewhere, as some do, even the questions.
    let (real, cache) = (FakeHub::new(&FILES), Cache::new());
    let elsewhere = real.hub.url();
    let mirror = Server::start(move |request| {
        Reply::new(308).with("Location", format!("{elsewhere}{}", request.path))
    });
    let hub = cache.hub(&mirror.url()).with_token("hf_secret").expect("a token");
    fetch(&hub).0.expect("fetched");
    assert!(mirror.requests().iter().all(shows_token));
    assert!(!real.hub.requests().is_empty());
    assert!(![real.hub.requests(), real.cdn.requests()].concat().iter().any(shows_token));
}

#[test]
fn a_hub_that_renamed_the_model_still_gets_the_token() {
    let server = FakeHub::tampered(COMMIT, &FILES, |request, reply| {
        match request.path.strip_prefix("/openai-community/") {
            Some(rest) => Reply::new(307).with("Location", format!("/owner/{rest}")),
            None => reply,
        }
    });
    let cache = Cache::new();
    let hub = cache.hub(&server.hub.url()).with_token("hf_secret").expect("a token");
    let path = hub.fetch(&"openai-community/gpt".parse().expect("an id"), &gpt2_hub::Silent);
    assert!(path.expect("fetched").starts_with(cache.repo("models--openai-community--gpt")));
    assert!(server.hub.requests().iter().all(shows_token));
}

#[test]
fn no_token_is_sent_if_there_is_none() {
    let (server, cache) = (FakeHub::new(&FILES), Cache::new());
    fetch(&cache.hub(&server.hub.url())).0.expect("fetched");
    assert!(server.hub.requests().iter().all(|request| request.header("authorization").is_none()));
    let encodings: Vec<_> = server.hub.requests();
    assert!(encodings.iter().all(|request| request.header("accept-encoding") == Some("identity")));
}

#[test]
fn redirects_end() {
    let server = Server::start(|request| Reply::new(302).with("Location", request.path.clone()));
    let cache = Cache::new();
    let error = fetch(&cache.hub(&server.url())).0.expect_err("for ever");
    assert!(
        matches!(&error, HubError::BadReply { reason, .. } if reason == "too many redirects"),
        "{error:?}"
    );
    assert_eq!(server.requests().len(), 11);
}

#[test]
fn a_signature_is_not_in_an_error() {
    let server = FakeHub::tampered(COMMIT, &FILES, |request, reply| {
        if request.path.starts_with("/blob/") { Reply::new(410) } else { reply }
    });
    let cache = Cache::new();
    let error = fetch(&cache.hub(&server.hub.url())).0.expect_err("410");
    assert!(matches!(error, HubError::Status { status: 410, .. }), "{error:?}");
    assert!(!format!("{error} {error:?}").contains("Signature"), "{error:?}");
    assert!(error.to_string().contains("/blob/model.safetensors"), "{error}");
}
