//! Digest access authentication (RFC 7616, with the legacy of RFC 2617 and RFC 2069).
//!
//! A server sends [`DigestAuth::challenges`] with its 401 and checks what comes back with
//! [`DigestAuth::verify`]. Everything is a function of its arguments, the time included; only the
//! [`NonceTable`] remembers, so that no answer is accepted twice.
//!
//! Passwords are stored as `H(user:realm:password)`, which is all the server needs and as good as the
//! password itself for its realm: guard the file. The lines of a [`PasswordMap`] are those of Apache's
//! `htdigest`.

mod algorithm;
mod challenge;
pub mod command;
mod credentials;
mod guard;
mod nonce;
mod nonce_table;
mod password_map;
mod response;
mod target;
mod verify;

pub use algorithm::{Algorithm, UnknownAlgorithm, hexdigest};
pub use challenge::{DigestAuth, opaque};
pub use credentials::Credentials;
pub use guard::{authenticate, challenges, now};
pub use nonce_table::NonceTable;
pub use password_map::{PasswordMap, PasswordMapError};
pub use response::ResponseInput;
pub use target::DigestTarget;
pub use verify::{Attempt, LoginRefusal};
