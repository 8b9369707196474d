//! Bytes in, the value of a cookie out, and back: authenticated encryption.

use super::SessionError;

/// A way to turn session data into the value of a cookie that nobody without the key can read or change.
///
/// Works on bytes, so that the caller brings the serialization. `name` is the cookie's.
pub trait Sealer: Send + Sync {
    /// The value of a cookie that holds `data`. Differs with every call, also for the same data.
    ///
    /// # Errors
    /// [`SessionError::Random`] where the operating system gives no random bytes.
    fn seal(&self, name: &str, data: &[u8]) -> Result<String, SessionError>;

    /// The data in the value of a cookie.
    ///
    /// # Errors
    /// [`SessionError::BadCookie`] for anything that [`seal`](Self::seal) did not make with one of the keys.
    fn open(&self, name: &str, value: &str) -> Result<Vec<u8>, SessionError>;
}

/// Refuses a value that is longer than any cookie we write, before anything is computed over it.
pub(super) fn check_size(value: &str) -> Result<(), SessionError> {
    if value.len() > super::COOKIE_LIMIT { Err(SessionError::BadCookie) } else { Ok(()) }
}

/// Secrets as bytes, refused where one is empty or none is given.
pub(super) fn derive_all<S: AsRef<[u8]>, K>(
    secrets: impl IntoIterator<Item = S>,
    derive: impl Fn(&[u8]) -> Result<K, SessionError>,
) -> Result<Vec<K>, SessionError> {
    let keys = secrets
        .into_iter()
        .map(|secret| match secret.as_ref() {
            [] => Err(SessionError::EmptySecret),
            secret => derive(secret),
        })
        .collect::<Result<Vec<K>, _>>()?;
    if keys.is_empty() { Err(SessionError::EmptySecret) } else { Ok(keys) }
}
