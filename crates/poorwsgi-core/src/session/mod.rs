//! What a client keeps between requests: session cookies, and tokens.
//!
//! | | the cookie holds | for |
//! |---|---|---|
//! | [`Session`] | a text as it is | the id of a session on the server, a signed token |
//! | [`SealedSession`] | data, encrypted and authenticated | applications without a store of sessions |
//! | [`AesSession`] | the same in the format of PoorWSGI's `AESSession` | sharing cookies with PoorWSGI |
//!
//! [`SealedKeys`] and [`AesKeys`] work on bytes, for those who bring their own serialization.

mod aes;
mod config;
mod data;
mod error;
mod plain;
mod seal;
mod sealed;
mod token;

pub use aes::AesKeys;
pub use config::{SessionConfig, vary_on_cookie};
pub use data::{AesSession, DataSession, SealedSession};
pub use error::SessionError;
pub use plain::Session;
pub use seal::{CLOCK_TOLERANCE, Sealer};
pub use sealed::SealedKeys;
pub use token::{check_token, check_token_at, get_token, get_token_at};
pub(crate) use token::{hex, token_of};

/// The longest `Set-Cookie` field that we write for a session, in bytes: every browser stores cookies of this
/// size, attributes included, and may drop a longer one without a word (RFC 6265, section 6.1).
pub const COOKIE_LIMIT: usize = 4096;
