//! Requests: who gets the token, where redirects lead, what statuses and failures mean.

use std::error::Error as StdError;
use std::io::{self, ErrorKind};
use std::time::{Duration, SystemTime};

use ureq::http::{HeaderValue, Request, Response, header};
use ureq::{Agent, Body, Error};

use crate::hub::Token;
use crate::retry::parse_retry_after;
use crate::url::Url;
use crate::{Hub, HubError};

/// Redirects that are followed for one request; the hub needs two at most.
const MOST_REDIRECTS: usize = 10;

/// How long a connection may take to be made, and a server to say nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) connect: Duration,
    pub(crate) stall: Duration,
}

/// A connection pool that keeps the token to the hub.
pub(crate) struct Client<'a> {
    agent: Agent,
    home: Url,
    token: Option<&'a Token>,
    limits: Limits,
}

pub(crate) type Reply = Response<Body>;

impl<'a> Client<'a> {
    pub(crate) fn new(hub: &'a Hub) -> Self {
        let limits = hub.limits;
        let config = Agent::config_builder()
            // ureq would read the environment for it, which is for programs to do.
            .proxy(hub.proxy.clone())
            .tls_config(hub.tls.clone())
            .user_agent(concat!("gpt2-hub/", env!("CARGO_PKG_VERSION")))
            .accept_encoding("identity")
            .http_status_as_error(false)
            // We follow redirects ourselves, see `follow`.
            .max_redirects(0)
            .timeout_resolve(Some(limits.connect))
            .timeout_connect(Some(limits.connect))
            .timeout_per_read(Some(limits.stall))
            .timeout_per_write(Some(limits.stall))
            .build();
        Self {
            agent: config.new_agent(),
            home: hub.endpoint.clone(),
            token: hub.token.as_ref(),
            limits,
        }
    }

    /// Asks about a file. `stop` sees every redirect on the way and says whether it knows enough.
    pub(crate) fn head(
        &self,
        url: &Url,
        stop: impl FnMut(&Url, &Reply) -> bool,
    ) -> Result<(Url, Reply), HubError> {
        self.follow("HEAD", url, 0, stop)
    }

    /// Asks for the bytes of a file from `offset` on, wherever redirects lead.
    pub(crate) fn get(&self, url: &Url, offset: u64) -> Result<(Url, Reply), HubError> {
        self.follow("GET", url, offset, |_, _| false)
    }

    fn follow(
        &self,
        method: &str,
        url: &Url,
        offset: u64,
        mut stop: impl FnMut(&Url, &Reply) -> bool,
    ) -> Result<(Url, Reply), HubError> {
        let mut url = url.clone();
        for _ in 0..=MOST_REDIRECTS {
            let reply = self.once(method, &url, offset)?;
            if !matches!(reply.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
                return Ok((url, reply));
            }
            let bad = |reason: String| HubError::BadReply { url: url.to_string(), reason };
            let location = text(&reply, header::LOCATION.as_str())
                .ok_or_else(|| bad("a redirect without a Location".to_owned()))?;
            let next =
                url.join(location).map_err(|reason| bad(format!("a redirect to {reason}")))?;
            if stop(&next, &reply) {
                return Ok((url, reply));
            }
            url = next;
        }
        Err(HubError::BadReply { url: url.to_string(), reason: "too many redirects".to_owned() })
    }

    /// One request. The token goes to the hub's own origin and nowhere else: a CDN's URL is
    /// signed, and whoever runs the CDN has no business with the token.
    fn once(&self, method: &str, url: &Url, offset: u64) -> Result<Reply, HubError> {
        let mut request = Request::builder().method(method).uri(url.uri());
        if let Some(token) = self.token.filter(|_| self.sends_token(url)) {
            request = request.header(header::AUTHORIZATION, token.header());
        }
        if offset > 0 {
            request = request.header(header::RANGE, format!("bytes={offset}-"));
        }
        let request = request.body(()).map_err(|error| self.failed(url, error.into()))?;
        self.agent.run(request).map_err(|error| self.failed(url, error))
    }

    fn sends_token(&self, url: &Url) -> bool {
        self.token.is_some() && self.home.same_origin(url)
    }

    /// What a status that is not success means, in the words that the hub adds to it.
    pub(crate) fn refused(&self, url: &Url, reply: &Reply) -> HubError {
        let code = text(reply, "x-error-code").unwrap_or_default();
        let token_sent = self.sends_token(url);
        let url = url.to_string();
        match (reply.status().as_u16(), code) {
            (403, _) | (_, "GatedRepo") => HubError::Forbidden { url },
            // The hub answers so for a repository that does not exist, too: it does not tell strangers which do.
            (401, _) => HubError::Unauthorized { url, token_sent },
            (404, code) => {
                let what = match code {
                    "RepoNotFound" => "repository",
                    "RevisionNotFound" => "revision",
                    "EntryNotFound" => "file",
                    _ => "repository, revision or file",
                };
                HubError::NotFound { url, what }
            }
            (429, _) => {
                let retry_after = text(reply, header::RETRY_AFTER.as_str())
                    .and_then(|value| parse_retry_after(value, SystemTime::now()));
                HubError::RateLimited { url, retry_after }
            }
            (status, _) => HubError::Status { url, status },
        }
    }

    /// What a failure of the connection means.
    pub(crate) fn failed(&self, url: &Url, error: Error) -> HubError {
        use ureq::Timeout::{Connect, Resolve};
        let transient = match &error {
            Error::Timeout(reason) => {
                let limit = if matches!(reason, Connect | Resolve) {
                    self.limits.connect
                } else {
                    self.limits.stall
                };
                return HubError::Stalled { url: url.to_string(), limit };
            }
            // rustls reports a refused certificate as invalid data.
            Error::Io(error) => error.kind() != ErrorKind::InvalidData,
            Error::HostNotFound
            | Error::ConnectionFailed
            | Error::ConnectProxyFailed(_)
            | Error::Protocol(_) => true,
            _ => false,
        };
        let source: Box<dyn StdError + Send + Sync> = match error {
            Error::Io(error) => Box::new(error),
            error => Box::new(error),
        };
        HubError::Network { url: url.to_string(), transient, source }
    }

    /// The same for a failure while a body is read.
    pub(crate) fn failed_reading(&self, url: &Url, error: io::Error) -> HubError {
        self.failed(url, error.into())
    }
}

/// A header, if it is there and readable.
pub(crate) fn text<'r>(reply: &'r Reply, name: &str) -> Option<&'r str> {
    reply.headers().get(name).map(HeaderValue::to_str)?.ok()
}

/// A header that is a number.
pub(crate) fn number(reply: &Reply, name: &str) -> Option<u64> {
    text(reply, name)?.trim().parse().ok()
}
