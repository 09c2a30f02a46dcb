//! Whether the bytes that came are the ones that were meant.

use crate::HubError;
use crate::hash::Hash;
use crate::partial::Partial;
use crate::remote::Remote;
use crate::url::Url;

/// The bytes against every hash that is known of them. A wrong size is found before.
pub(crate) fn check(partial: &mut Partial, file: &str, remote: &Remote) -> Result<(), HubError> {
    let announced = match remote.hash() {
        Hash::Sha256 => ("its etag", remote.etag.as_str(), partial.sha256()),
        Hash::Git => ("its etag", remote.etag.as_str(), partial.git_hash()?),
    };
    let pinned = remote.pin.map(|pin| ("the table of pinned files", pin.sha256, partial.sha256()));
    for (check, expected, actual) in [Some(announced), pinned].into_iter().flatten() {
        if expected != actual {
            return Err(HubError::WrongHash {
                url: remote.url.to_string(),
                file: file.to_owned(),
                check,
                expected: expected.to_owned(),
                actual,
            });
        }
    }
    Ok(())
}

pub(crate) fn wrong_size(
    url: &Url,
    file: &str,
    check: &'static str,
    expected: u64,
    actual: u64,
) -> HubError {
    HubError::WrongSize { url: url.to_string(), file: file.to_owned(), check, expected, actual }
}
