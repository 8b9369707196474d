//! What a client keeps between requests: session cookies, and tokens.
//!
//! | | the cookie holds | for |
//! |---|---|---|
//! | [`Session`] | a plain text | the id of a session on the server, a signed token |
//! | [`SealedSession`] | data, encrypted and authenticated | applications without a store of sessions |
//! | [`AesSession`] | the same in the format of PoorWSGI's `AESSession` | sharing cookies with PoorWSGI |
//!
//! [`SealedKeys`] and [`AesKeys`] work on bytes, for callers with their own serialization.

#[cfg(feature = "sealed-sessions")]
mod aes;
pub mod config;
#[cfg(feature = "sealed-sessions")]
mod data;
mod error;
mod plain;
#[cfg(feature = "sealed-sessions")]
mod seal;
#[cfg(feature = "sealed-sessions")]
mod sealed;
mod token;

#[cfg(feature = "sealed-sessions")]
pub use aes::AesKeys;
pub use config::{SessionConfig, VARY_ON_COOKIE, vary_on_cookie};
#[cfg(feature = "sealed-sessions")]
pub use data::{AesSession, DataSession, SealedSession};
pub use error::SessionError;
pub use plain::Session;
#[cfg(feature = "sealed-sessions")]
pub use seal::{CLOCK_TOLERANCE, Sealer};
#[cfg(feature = "sealed-sessions")]
pub use sealed::SealedKeys;
pub use token::{check_token, check_token_at, get_token, get_token_at};
#[cfg(feature = "digest")]
pub(crate) use token::{hex, token_of};

/// The longest `Set-Cookie` field that we write for a session, in bytes: every browser stores cookies of this
/// size, attributes included, and may silently drop a longer one (RFC 6265, section 6.1).
pub const COOKIE_LIMIT: usize = 4096;
