//! The variables by which a user describes a hub, which are those of Python's `huggingface_hub`.

use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::time::Duration;

use crate::{Hub, HubError};

impl Hub {
    /// The hub that variables describe. A library reads no environment, so a program says how:
    ///
    /// ```
    /// use gpt2_hub::Hub;
    ///
    /// let hub = Hub::from_vars(|name| std::env::var_os(name));
    /// let hub = Hub::from_vars(|name| (name == "HF_HOME").then(|| "/data/hf".into()))?;
    /// assert_eq!(hub.cache(), std::path::Path::new("/data/hf/hub"));
    /// # Ok::<(), gpt2_hub::HubError>(())
    /// ```
    ///
    /// | variable | what |
    /// | --- | --- |
    /// | `HF_HUB_CACHE`, else `HUGGINGFACE_HUB_CACHE` | the cache |
    /// | `HF_HOME` | its `hub` is the cache and its `token` the token, unless they are set; else `$XDG_CACHE_HOME/huggingface`, else `~/.cache/huggingface` |
    /// | `HF_ENDPOINT` | the server |
    /// | `HF_TOKEN`, else `HUGGING_FACE_HUB_TOKEN` | the token |
    /// | `HF_TOKEN_PATH` | the file with the token, if no variable has it |
    /// | `HF_HUB_DISABLE_IMPLICIT_TOKEN` | `1`: do not send a token |
    /// | `HF_HUB_OFFLINE`, else `TRANSFORMERS_OFFLINE` | `1`: never use the network |
    /// | `HF_HUB_DISABLE_SYMLINKS` | `1`: no symbolic links in snapshots |
    /// | `HF_HUB_DOWNLOAD_TIMEOUT` | seconds without a byte after which a connection is broken |
    /// | `HTTPS_PROXY` or `HTTP_PROXY` (as the endpoint is), else `ALL_PROXY`; `NO_PROXY` | the proxy; in lower case too |
    /// | `SSL_CERT_FILE`, else `REQUESTS_CA_BUNDLE` | the certificates to trust |
    ///
    /// An empty variable counts as one that is not set.
    ///
    /// # Errors
    ///
    /// [`HubError::Setting`] if a variable has a value that cannot be used, or none tells where
    /// the cache is; [`HubError::Io`] if a file that one names cannot be read.
    pub fn from_vars(var: impl Fn(&str) -> Option<OsString>) -> Result<Self, HubError> {
        let vars = Vars(var);
        let hub_home = vars.hub_home();
        let cache = match vars.path(&["HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"]) {
            Some(path) => path,
            None => {
                hub_home.clone().map(|home| home.join("hub")).ok_or_else(|| HubError::Setting {
                    name: "HF_HOME",
                    reason:
                        "not set, and there is no HOME either, so there is no place for the cache"
                            .to_owned(),
                })?
            }
        };
        let mut hub = Self::new(cache)
            .with_offline(vars.is_true(&["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"]))
            .with_symlinks(!vars.is_true(&["HF_HUB_DISABLE_SYMLINKS"]));
        if let Some(url) = vars.text("HF_ENDPOINT", &["HF_ENDPOINT"])? {
            hub = hub.with_endpoint(&url)?;
        }
        if !vars.is_true(&["HF_HUB_DISABLE_IMPLICIT_TOKEN"])
            && let Some(token) = vars.token(hub_home)?
        {
            hub = hub.with_token(&token)?;
        }
        if let Some(seconds) = vars.text("HF_HUB_DOWNLOAD_TIMEOUT", &["HF_HUB_DOWNLOAD_TIMEOUT"])? {
            let seconds: u64 =
                seconds.trim().parse().ok().filter(|seconds| *seconds > 0).ok_or_else(|| {
                    let reason = format!("`{seconds}` is not a number of seconds");
                    HubError::Setting { name: "HF_HUB_DOWNLOAD_TIMEOUT", reason }
                })?;
            let connect = hub.limits.connect;
            hub = hub.with_timeouts(connect, Duration::from_secs(seconds));
        }
        let own = if hub.endpoint.is_https() {
            ["HTTPS_PROXY", "https_proxy"]
        } else {
            ["HTTP_PROXY", "http_proxy"]
        };
        if let Some(url) = vars.text("HTTPS_PROXY", &[own[0], own[1], "ALL_PROXY", "all_proxy"])? {
            let except = vars.text("NO_PROXY", &["NO_PROXY", "no_proxy"])?.unwrap_or_default();
            let except: Vec<&str> =
                except.split(',').map(str::trim).filter(|host| !host.is_empty()).collect();
            hub = hub.with_proxy(&url, &except)?;
        }
        if let Some(path) = vars.path(&["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"]) {
            hub = hub.with_certificates(&path)?;
        }
        Ok(hub)
    }
}

struct Vars<F>(F);

impl<F: Fn(&str) -> Option<OsString>> Vars<F> {
    /// The first of these that is set.
    fn first(&self, names: &[&str]) -> Option<OsString> {
        names.iter().filter_map(|name| (self.0)(name)).find(|value| !value.is_empty())
    }

    fn text(&self, name: &'static str, names: &[&str]) -> Result<Option<String>, HubError> {
        let bad = |_| HubError::Setting { name, reason: "not valid UTF-8".to_owned() };
        self.first(names).map(|value| value.into_string().map_err(bad)).transpose()
    }

    fn is_true(&self, names: &[&str]) -> bool {
        let value = self.first(names).unwrap_or_default().to_ascii_uppercase();
        ["1", "ON", "YES", "TRUE"].iter().any(|yes| value == *yes)
    }

    /// A path, in which a leading `~` is the user's folder.
    fn path(&self, names: &[&str]) -> Option<PathBuf> {
        let path = PathBuf::from(self.first(names)?);
        match (path.strip_prefix("~"), self.home()) {
            (Ok(rest), Some(home)) => Some(home.join(rest)),
            _ => Some(path),
        }
    }

    fn home(&self) -> Option<PathBuf> {
        self.first(&["HOME", "USERPROFILE"]).map(PathBuf::from)
    }

    fn hub_home(&self) -> Option<PathBuf> {
        let caches = || {
            self.path(&["XDG_CACHE_HOME"]).or_else(|| self.home().map(|home| home.join(".cache")))
        };
        self.path(&["HF_HOME"]).or_else(|| caches().map(|caches| caches.join("huggingface")))
    }

    fn token(&self, hub_home: Option<PathBuf>) -> Result<Option<String>, HubError> {
        if let Some(token) = self.text("HF_TOKEN", &["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"])? {
            return Ok(Some(token).filter(|token| !token.trim().is_empty()));
        }
        let file =
            self.path(&["HF_TOKEN_PATH"]).or_else(|| hub_home.map(|home| home.join("token")));
        let Some(file) = file else { return Ok(None) };
        match fs::read_to_string(&file) {
            Ok(token) => Ok(Some(token).filter(|token| !token.trim().is_empty())),
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
            {
                Ok(None)
            }
            Err(error) => Err(HubError::io("read", &file)(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn hub(vars: &[(&str, &str)]) -> Result<Hub, HubError> {
        let find =
            |name: &str| vars.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into());
        Hub::from_vars(find)
    }

    fn cache(vars: &[(&str, &str)]) -> PathBuf {
        hub(vars).expect("a hub").cache
    }

    #[test]
    fn the_cache_is_where_python_has_it() {
        for (vars, expected) in [
            (&[("HOME", "/h")][..], "/h/.cache/huggingface/hub"),
            (&[("HOME", "/h"), ("XDG_CACHE_HOME", "/x")], "/x/huggingface/hub"),
            (&[("HOME", "/h"), ("XDG_CACHE_HOME", "/x"), ("HF_HOME", "~/hf")], "/h/hf/hub"),
            (&[("HF_HOME", "/hf"), ("HUGGINGFACE_HUB_CACHE", "/old")], "/old"),
            (
                &[("HF_HOME", "/hf"), ("HUGGINGFACE_HUB_CACHE", "/old"), ("HF_HUB_CACHE", "/new")],
                "/new",
            ),
            (&[("HOME", "/h"), ("HF_HUB_CACHE", "")], "/h/.cache/huggingface/hub"),
            (&[("USERPROFILE", "/u")], "/u/.cache/huggingface/hub"),
        ] {
            assert_eq!(cache(vars), Path::new(expected), "{vars:?}");
        }
        assert!(matches!(hub(&[]), Err(HubError::Setting { name: "HF_HOME", .. })));
    }

    #[test]
    fn switches() {
        for (value, on) in [
            ("1", true),
            ("true", true),
            ("YES", true),
            ("on", true),
            ("0", false),
            ("", false),
            ("no", false),
        ] {
            let vars =
                [("HF_HOME", "/x"), ("HF_HUB_OFFLINE", value), ("HF_HUB_DISABLE_SYMLINKS", value)];
            let hub = hub(&vars).expect("a hub");
            assert_eq!((hub.offline, hub.symlinks), (on, !on), "{value}");
        }
        assert!(hub(&[("HF_HOME", "/x"), ("TRANSFORMERS_OFFLINE", "1")]).expect("a hub").offline);
    }

    #[test]
    fn a_value_that_cannot_be_used_is_named() {
        for (name, value) in [
            ("HF_ENDPOINT", "ftp://x"),
            ("HF_ENDPOINT", "huggingface.co"),
            ("HF_ENDPOINT", "https://me:secret@x"),
            ("HF_TOKEN", "hf_secret\nX-Evil: 1"),
            ("HF_HUB_DOWNLOAD_TIMEOUT", "soon"),
            ("HF_HUB_DOWNLOAD_TIMEOUT", "0"),
            ("HTTPS_PROXY", "socks5://x"),
        ] {
            let error = hub(&[("HF_HOME", "/x"), (name, value)]).expect_err(value).to_string();
            assert!(error.starts_with(name), "{error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn the_token_is_a_variable_or_a_file_and_is_not_shown() {
        let dir = tempfile::tempdir().expect("a folder");
        let home = dir.path().to_str().expect("UTF-8");
        let bearer = |vars: &[(&str, &str)]| {
            let hub = hub(vars).expect("a hub");
            assert!(!format!("{hub:?}").contains("hf_"), "{hub:?}");
            hub.token.map(|token| token.header().to_str().expect("ASCII").to_owned())
        };
        assert_eq!(bearer(&[("HF_HOME", home)]), None);
        fs::write(dir.path().join("token"), "hf_file\n").expect("written");
        assert_eq!(bearer(&[("HF_HOME", home)]).as_deref(), Some("Bearer hf_file"));
        let both = [("HF_HOME", home), ("HF_TOKEN", "hf_variable")];
        assert_eq!(bearer(&both).as_deref(), Some("Bearer hf_variable"));
        assert_eq!(bearer(&[("HF_HOME", home), ("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1")]), None);
    }

    #[test]
    fn the_proxy_goes_with_the_scheme_of_the_endpoint() {
        let proxies = [
            ("HF_HOME", "/x"),
            ("HTTPS_PROXY", "http://s:1"),
            ("http_proxy", "http://p:2"),
            ("NO_PROXY", "a.b, .c"),
        ];
        let proxy = |endpoint| {
            let hub = hub(&[&proxies[..], &[("HF_ENDPOINT", endpoint)]].concat()).expect("a hub");
            hub.proxy.map(|proxy| {
                (proxy.port(), proxy.is_no_proxy(&"http://x.c/".parse().expect("a URL")))
            })
        };
        assert_eq!(proxy("https://x"), Some((1, true)));
        assert_eq!(proxy("http://x"), Some((2, true)));
    }
}
