//! Just enough of URLs: where one points, whether two share an origin, where a redirect leads.

use std::fmt;

use ureq::http::Uri;

/// An absolute `http` or `https` URL. Shown without its query, which may hold a signature.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Url(Uri);

impl Url {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let uri: Uri = text.parse().map_err(|error| format!("not a URL ({error})"))?;
        match uri.scheme_str() {
            Some("http" | "https") => {}
            Some(other) => return Err(format!("`{other}` is not http or https")),
            None => return Err("not a URL that starts with http:// or https://".to_owned()),
        }
        match uri.authority() {
            Some(authority) if authority.as_str().contains('@') => {
                Err("a URL with a user name or a password in it is not used".to_owned())
            }
            Some(authority) if !authority.host().is_empty() => Ok(Self(uri)),
            _ => Err("a URL without a host".to_owned()),
        }
    }

    /// Where a `Location` header leads from here (RFC 3986, section 5.2, without `.` and `..`,
    /// which the server resolves). What began encrypted stays so.
    pub(crate) fn join(&self, location: &str) -> Result<Self, String> {
        let scheme = self.0.scheme_str().unwrap_or("https");
        let origin = self.0.authority().map_or("", |authority| authority.as_str());
        // Only what comes before the first `/`, `?` or `#` can be a scheme.
        let head = location.split(['/', '?', '#']).next().unwrap_or_default();
        let absolute = if head.contains(':') {
            location.to_owned()
        } else if location.starts_with("//") {
            format!("{scheme}:{location}")
        } else if location.starts_with('/') {
            format!("{scheme}://{origin}{location}")
        } else {
            let folder = self.0.path().rsplit_once('/').map_or("", |(folder, _)| folder);
            format!("{scheme}://{origin}{folder}/{location}")
        };
        let next = Self::parse(&absolute)?;
        if self.is_https() && !next.is_https() {
            return Err(format!("{next}, which is not encrypted as {self} was"));
        }
        Ok(next)
    }

    /// Whether a token for `self` may be shown to `other`: same scheme, same host, same port.
    pub(crate) fn same_origin(&self, other: &Self) -> bool {
        self.origin() == other.origin()
    }

    pub(crate) fn is_https(&self) -> bool {
        self.0.scheme_str() == Some("https")
    }

    /// With its query, for the request.
    pub(crate) fn uri(&self) -> &Uri {
        &self.0
    }

    fn origin(&self) -> (bool, String, u16) {
        let default_port = if self.is_https() { 443 } else { 80 };
        let host = self.0.host().unwrap_or_default().to_ascii_lowercase();
        (self.is_https(), host, self.0.port_u16().unwrap_or(default_port))
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = self.0.scheme_str().unwrap_or_default();
        let origin = self.0.authority().map_or("", |authority| authority.as_str());
        write!(f, "{scheme}://{origin}{}", self.0.path())
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_leads_where_a_browser_would_go() {
        let base =
            Url::parse("https://hub.example:8443/a/b/resolve/main/c.json?x=1").expect("a URL");
        for (location, expected) in [
            ("https://cdn.example/x?sig=1", "https://cdn.example/x?sig=1"),
            ("//cdn.example/x", "https://cdn.example/x"),
            (
                "/x/y?z=https://other.example/",
                "https://hub.example:8443/x/y?z=https://other.example/",
            ),
            ("d.json", "https://hub.example:8443/a/b/resolve/main/d.json"),
            ("d.json?u=a:b", "https://hub.example:8443/a/b/resolve/main/d.json?u=a:b"),
        ] {
            assert_eq!(
                base.join(location).map(|url| url.uri().to_string()),
                Ok(expected.to_owned())
            );
        }
        for location in [
            "http://cdn.example/x",
            "ftp://x/y",
            "file:///etc/passwd",
            "javascript:x",
            "https://",
            "https://u:p@x/",
            "https://a b/",
        ] {
            assert!(base.join(location).is_err(), "{location}");
        }
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        let url = |text: &str| Url::parse(text).expect("a URL");
        let base = url("https://hub.example/x");
        for (other, same) in [
            ("https://hub.example/y?z", true),
            ("https://HUB.example:443/", true),
            ("http://hub.example/x", false),
            ("https://hub.example:8443/x", false),
            ("https://cdn.hub.example/x", false),
            ("https://hub.example.evil/x", false),
        ] {
            assert_eq!(base.same_origin(&url(other)), same, "{other}");
        }
    }

    #[test]
    fn the_query_is_not_shown() {
        let url = Url::parse("https://cdn.example/x?Signature=secret").expect("a URL");
        assert_eq!(
            (url.to_string(), format!("{url:?}")),
            ("https://cdn.example/x".into(), "https://cdn.example/x".into())
        );
    }
}
