//! Digest access authentication (RFC 7616, with the legacy of RFC 2617 and RFC 2069).
//!
//! A server sends [`DigestAuth::challenges`] with its 401, and checks the client's credentials with
//! [`DigestAuth::verify`]. Neither reads a clock: the time is an argument. Only the [`NonceTable`] has state,
//! so that no credentials are accepted twice.
//!
//! Passwords are stored as `H(user:realm:password)`. Whoever knows this digest can log in to the realm
//! without the password, so protect the file. The lines of a [`PasswordMap`] are those of Apache's
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
pub use guard::{ask_for_login, authenticate, challenges};
pub use nonce_table::NonceTable;
pub use password_map::{PasswordMap, PasswordMapError};
pub use response::ResponseInput;
pub use target::DigestTarget;
pub use verify::{Attempt, LoginRefusal};
