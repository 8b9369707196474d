//! Authenticated encryption of bytes into the value of a cookie, and back.

use super::SessionError;
use crate::clock;

/// A way to turn session data into the value of a cookie that nobody without the key can read or change.
///
/// The data are bytes; the caller serializes them. `name` is the name of the cookie.
///
/// ```
/// use poorwsgi::session::{SealedKeys, Sealer};
///
/// // For a link that confirms an address within the hour, such as `/confirm?token=…`.
/// let keys = SealedKeys::new(["secret"])?;
/// let token = keys.seal("confirm", b"ann@example.org")?;
/// assert_eq!(keys.open_within("confirm", &token, Some(3600))?, b"ann@example.org");
/// assert!(keys.open_within("reset", &token, Some(3600)).is_err(), "it is for nothing else");
/// # Ok::<(), poorwsgi::session::SessionError>(())
/// ```
pub trait Sealer: Send + Sync {
    /// The value of a cookie that holds `data` and is sealed at `now`, in seconds since 1970. Differs with
    /// every call, also for the same data.
    ///
    /// # Errors
    /// [`SessionError::Random`] where the operating system gives no random bytes.
    fn seal_at(&self, name: &str, data: &[u8], now: u64) -> Result<String, SessionError>;

    /// The data in the value of a cookie. With a `lifetime`, the cookie must have been sealed at most
    /// `lifetime` seconds before `now`, and at most [`CLOCK_TOLERANCE`] seconds after `now`.
    ///
    /// # Errors
    /// [`SessionError::BadCookie`] for anything that was not sealed with one of the keys,
    /// [`SessionError::Expired`] for a cookie that was sealed outside of that time.
    fn open_at(
        &self,
        name: &str,
        value: &str,
        lifetime: Option<u64>,
        now: u64,
    ) -> Result<Vec<u8>, SessionError>;

    /// [`seal_at`](Self::seal_at) the current time.
    ///
    /// # Errors
    /// Those of `seal_at`.
    fn seal(&self, name: &str, data: &[u8]) -> Result<String, SessionError> {
        self.seal_at(name, data, clock::seconds())
    }

    /// [`open_at`](Self::open_at) the current time.
    ///
    /// # Errors
    /// Those of `open_at`.
    fn open_within(&self, name: &str, value: &str, lifetime: Option<u64>) -> Result<Vec<u8>, SessionError> {
        self.open_at(name, value, lifetime, clock::seconds())
    }

    /// [`open_at`](Self::open_at) without a lifetime.
    ///
    /// # Errors
    /// [`SessionError::BadCookie`].
    fn open(&self, name: &str, value: &str) -> Result<Vec<u8>, SessionError> {
        self.open_within(name, value, None)
    }
}

/// How many seconds in the future a cookie may have been sealed. The clocks of servers differ, and are
/// sometimes set back a little.
pub const CLOCK_TOLERANCE: u64 = 60;

/// Refuses a cookie that is older than the lifetime, or was sealed in the future.
pub(super) fn check_age(sealed_at: u64, lifetime: Option<u64>, now: u64) -> Result<(), SessionError> {
    let Some(lifetime) = lifetime else { return Ok(()) };
    let is_young = now.saturating_sub(sealed_at) <= lifetime;
    let is_past = sealed_at <= now.saturating_add(CLOCK_TOLERANCE);
    if is_young && is_past { Ok(()) } else { Err(SessionError::Expired) }
}

/// Refuses a value that is longer than any cookie we write, before anything is computed over it.
pub(super) fn check_size(value: &str) -> Result<(), SessionError> {
    if value.len() > super::COOKIE_LIMIT { Err(SessionError::BadCookie) } else { Ok(()) }
}

/// Derives a key from each secret. Fails where a secret is empty or none is given.
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
