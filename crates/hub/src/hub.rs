//! A hub, a cache, and how they are used.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ureq::http::HeaderValue;
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Proxy, ProxyProtocol};

use crate::fetch::{fetch, found, look};
use crate::http::Limits;
use crate::retry::Retry;
use crate::url::Url;
use crate::verify::{Verified, verify};
use crate::{HubError, ModelId, Progress};

/// A HuggingFace hub and the cache that its models are kept in.
///
/// Making one touches neither the network nor the disk. [`Hub::from_vars`] makes the one that the
/// user's variables describe, [`Hub::new`] one that depends on nothing.
///
/// ```
/// use gpt2_hub::Hub;
///
/// let hub = Hub::new("/var/cache/models").with_endpoint("https://hf-mirror.example")?.with_offline(true);
/// assert_eq!(hub.find(&"gpt2".parse()?), None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Hub {
    pub(crate) endpoint: Url,
    pub(crate) cache: PathBuf,
    pub(crate) token: Option<Token>,
    pub(crate) offline: bool,
    pub(crate) refresh: bool,
    pub(crate) symlinks: bool,
    pub(crate) retry: Retry,
    pub(crate) limits: Limits,
    pub(crate) proxy: Option<Proxy>,
    pub(crate) tls: TlsConfig,
}

impl Hub {
    /// Where models come from unless something else is said.
    pub const DEFAULT_ENDPOINT: &str = "https://huggingface.co";

    /// <https://huggingface.co>, without a token, with this folder as the cache.
    ///
    /// # Panics
    ///
    /// Never: the default endpoint is a URL.
    pub fn new(cache: impl Into<PathBuf>) -> Self {
        Self {
            endpoint: Url::parse(Self::DEFAULT_ENDPOINT).expect("a URL"),
            cache: cache.into(),
            token: None,
            offline: false,
            refresh: false,
            symlinks: true,
            retry: Retry::default(),
            limits: Limits { connect: Duration::from_secs(20), stall: Duration::from_secs(30) },
            proxy: None,
            tls: TlsConfig::default(),
        }
    }

    /// Another server that speaks the hub's protocol, such as a mirror (`HF_ENDPOINT`).
    ///
    /// # Errors
    ///
    /// [`HubError::Setting`] if it is not an `http` or `https` URL, or has a password in it.
    pub fn with_endpoint(self, url: &str) -> Result<Self, HubError> {
        let url = url.trim().trim_end_matches('/');
        let endpoint =
            Url::parse(url).map_err(|reason| HubError::Setting { name: "HF_ENDPOINT", reason })?;
        Ok(Self { endpoint, ..self })
    }

    /// Who is asking (`HF_TOKEN`). It is sent to the endpoint and to no other host.
    ///
    /// # Errors
    ///
    /// [`HubError::Setting`] if it cannot be put into a header.
    pub fn with_token(self, token: &str) -> Result<Self, HubError> {
        Ok(Self { token: Some(Token::new(token)?), ..self })
    }

    /// Never use the network (`HF_HUB_OFFLINE`).
    pub fn with_offline(self, offline: bool) -> Self {
        Self { offline, ..self }
    }

    /// Ask the hub even if the model is complete in the cache: a branch may have moved on, and a
    /// file that something cut short is found by its size. Off by default: what is cached is used.
    pub fn with_refresh(self, refresh: bool) -> Self {
        Self { refresh, ..self }
    }

    /// Whether snapshots are symbolic links to blobs (`HF_HUB_DISABLE_SYMLINKS`); on by default.
    /// Where a filesystem has none the blob is moved into the snapshot, whatever this says.
    pub fn with_symlinks(self, symlinks: bool) -> Self {
        Self { symlinks, ..self }
    }

    /// How often and how patiently to try again.
    pub fn with_retry(self, retry: Retry) -> Self {
        Self { retry, ..self }
    }

    /// How long a connection may take to be made (20 s by default), and how long nothing may come
    /// on one before it counts as broken (30 s; `HF_HUB_DOWNLOAD_TIMEOUT`). There is no limit on
    /// the time of a download.
    pub fn with_timeouts(self, connect: Duration, stall: Duration) -> Self {
        Self { limits: Limits { connect, stall }, ..self }
    }

    /// An HTTP proxy (`HTTPS_PROXY`), and the hosts that are reached without it (`NO_PROXY`).
    ///
    /// # Errors
    ///
    /// [`HubError::Setting`] if it is not the URL of an HTTP proxy.
    pub fn with_proxy(self, url: &str, except: &[&str]) -> Result<Self, HubError> {
        let bad =
            |reason: &str| HubError::Setting { name: "HTTPS_PROXY", reason: reason.to_owned() };
        let proxy = Proxy::new(url).map_err(|_| bad("not the URL of a proxy"))?;
        if !matches!(proxy.protocol(), ProxyProtocol::Http | ProxyProtocol::Https) {
            return Err(bad("only HTTP proxies are supported"));
        }
        let mut builder = Proxy::builder(proxy.protocol()).host(proxy.host()).port(proxy.port());
        if let Some(name) = proxy.username() {
            builder = builder.username(name);
        }
        if let Some(password) = proxy.password() {
            builder = builder.password(password);
        }
        for host in except {
            builder = builder.no_proxy(host);
        }
        let proxy = builder.build().map_err(|_| bad("not the URL of a proxy"))?;
        Ok(Self { proxy: Some(proxy), ..self })
    }

    /// Trusts the certificates in this PEM file (`SSL_CERT_FILE`) instead of Mozilla's, which are
    /// compiled in: for a network whose proxy re-signs everything.
    ///
    /// # Errors
    ///
    /// [`HubError::Io`] if it cannot be read, [`HubError::Setting`] if it has no certificates.
    pub fn with_certificates(self, path: &Path) -> Result<Self, HubError> {
        let pem = fs::read(path).map_err(HubError::io("read", path))?;
        let certificates: Vec<_> = parse_pem(&pem)
            .filter_map(|item| match item {
                Ok(PemItem::Certificate(certificate)) => Some(certificate),
                _ => None,
            })
            .collect();
        if certificates.is_empty() {
            let reason = format!("{} has no certificates in PEM form", path.display());
            return Err(HubError::Setting { name: "SSL_CERT_FILE", reason });
        }
        let tls = TlsConfig::builder().root_certs(RootCerts::from(certificates)).build();
        Ok(Self { tls, ..self })
    }

    /// The folder with the models.
    pub fn cache(&self) -> &Path {
        &self.cache
    }

    /// The folder with the files of a model that can be loaded: its config and all its weights
    /// are in the cache, whoever put them there. Uses no network.
    pub fn find(&self, id: &ModelId) -> Option<PathBuf> {
        let found = look(self, id)?;
        found.missing.model.is_empty().then(|| found.snapshot())
    }

    /// The folder with the files of a model, which are downloaded if they are not in the cache.
    ///
    /// Only what is needed is downloaded: the config, the weights as one file or as an index and
    /// its shards, and the tokenizer as one file or as two. The process may be killed at any
    /// moment; the next fetch goes on where it was.
    ///
    /// # Errors
    ///
    /// A [`HubError`] that says what failed, where, and what can be done about it.
    pub fn fetch(&self, id: &ModelId, progress: &dyn Progress) -> Result<PathBuf, HubError> {
        fetch(self, id, progress)
    }

    /// Hashes the files of a model that is in the cache, and tells what each was held against. Uses
    /// no network. Worth its seconds where it matters that the weights are the right ones: Python
    /// checks the size of what it downloads, not the hash.
    ///
    /// # Errors
    ///
    /// [`HubError::Damaged`] for the first file that is not the right one, [`HubError::NotCached`]
    /// if [`Hub::find`] does not find the model, [`HubError::Io`] if a file cannot be read.
    pub fn verify(&self, id: &ModelId) -> Result<Vec<Verified>, HubError> {
        let found = found(self, id)?;
        verify(id, &found.commit, &found.snapshot())
    }

    pub(crate) fn resolve_url(
        &self,
        id: &ModelId,
        revision: &str,
        file: &str,
    ) -> Result<Url, HubError> {
        let home = self.endpoint.to_string();
        let home = home.trim_end_matches('/');
        let revision = revision.replace('/', "%2F").replace('+', "%2B");
        let url = format!("{home}/{}/{}/resolve/{revision}/{file}", id.owner(), id.name());
        Url::parse(&url).map_err(|reason| HubError::BadReply { url, reason })
    }
}

/// A secret: shown to the endpoint, never to a reader of logs.
#[derive(Clone)]
pub(crate) struct Token(HeaderValue);

impl Token {
    fn new(text: &str) -> Result<Self, HubError> {
        let text = text.trim();
        let bad = |reason: &str| HubError::Setting { name: "HF_TOKEN", reason: reason.to_owned() };
        if text.is_empty() {
            return Err(bad("it is empty"));
        }
        if !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(bad("it has characters in it that no token has"));
        }
        let mut value = HeaderValue::try_from(format!("Bearer {text}"))
            .map_err(|_| bad("it is not a header"))?;
        value.set_sensitive(true);
        Ok(Self(value))
    }

    pub(crate) fn header(&self) -> HeaderValue {
        self.0.clone()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}
