//! What a client keeps between requests: session cookies and tokens.

mod aes;
mod error;
mod seal;
mod sealed;
mod token;

pub use aes::AesKeys;
pub use error::SessionError;
pub use seal::Sealer;
pub use sealed::SealedKeys;
pub(crate) use token::hex;
pub use token::{check_token, check_token_at, get_token, get_token_at};

/// The longest cookie, name and value together, that every browser stores (RFC 6265, section 6.1).
pub const COOKIE_LIMIT: usize = 4096;
