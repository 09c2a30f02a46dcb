//! When to try again, and how long to wait before.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::time::{Duration, SystemTime};

use crate::HubError;

/// How patient a fetch is.
///
/// The wait doubles with every failure in a row, with a random part so that many clients do not
/// come back at once; a `Retry-After` of the server counts if it is longer. A try that brought the
/// file further than any before it starts the count anew: only failing to get on ends a fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// Failures in a row after which the fetch fails. 1 never tries again.
    pub failures: u32,
    /// The wait after the first failure.
    pub first_wait: Duration,
    /// No wait is longer. If the server asks for a longer one, the fetch fails and says so.
    pub longest_wait: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            failures: 5,
            first_wait: Duration::from_secs(1),
            longest_wait: Duration::from_secs(300),
        }
    }
}

impl Retry {
    /// How long to wait after the failure number `failures` in a row, or `None` to give up.
    pub(crate) fn wait(&self, failures: u32, error: &HubError) -> Option<Duration> {
        if failures >= self.failures || !error.is_transient() {
            return None;
        }
        let asked = match error {
            HubError::RateLimited { retry_after, .. } => retry_after.unwrap_or_default(),
            _ => Duration::ZERO,
        };
        if asked > self.longest_wait {
            return None;
        }
        let doubled = self.first_wait.saturating_mul(1 << failures.saturating_sub(1).min(20));
        let backoff = doubled.min(self.longest_wait).mul_f64(0.5 + 0.5 * random());
        Some(backoff.max(asked))
    }
}

/// A number in [0, 1): the standard library seeds each `RandomState` anew, which is random enough
/// to spread clients.
fn random() -> f64 {
    f64::from(RandomState::new().hash_one(0_u8) as u32) / (f64::from(u32::MAX) + 1.0)
}

/// `Retry-After` is a number of seconds or a date (RFC 9110, section 10.2.3).
pub(crate) fn parse_retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limited(seconds: u64) -> HubError {
        HubError::RateLimited {
            url: String::new(),
            retry_after: Some(Duration::from_secs(seconds)),
        }
    }

    #[test]
    fn waits_double_up_to_the_longest_and_end() {
        let retry = Retry {
            failures: 6,
            first_wait: Duration::from_secs(1),
            longest_wait: Duration::from_secs(5),
        };
        let error = HubError::Status { url: String::new(), status: 503 };
        for (failures, most) in [(1, 1), (2, 2), (3, 4), (4, 5), (5, 5)] {
            let most = Duration::from_secs(most);
            let wait = retry.wait(failures, &error).expect("another try");
            assert!(wait >= most / 2 && wait <= most, "{failures}: {wait:?}");
        }
        assert_eq!(retry.wait(6, &error), None);
        assert!(Retry { failures: u32::MAX, ..retry }.wait(1000, &error).is_some(), "no overflow");
    }

    #[test]
    fn what_cannot_get_better_is_not_tried_again() {
        let error = HubError::Forbidden { url: String::new() };
        assert_eq!(Retry::default().wait(1, &error), None);
    }

    #[test]
    fn the_server_may_ask_for_more_patience_up_to_a_limit() {
        let retry = Retry::default();
        assert_eq!(retry.wait(1, &limited(30)), Some(Duration::from_secs(30)));
        assert_eq!(retry.wait(1, &limited(301)), None);
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:07 GMT").expect("a date");
        for (value, expected) in [
            ("120", Some(120)),
            (" 0 ", Some(0)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(30)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
            ("soon", None),
            ("-1", None),
        ] {
            assert_eq!(parse_retry_after(value, now), expected.map(Duration::from_secs), "{value}");
        }
    }
}
