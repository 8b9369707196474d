//! Header fields and what stands in them: parameters, negotiation, ranges, dates and cookies.
//!
//! Everything here is plain functions and values over text; nothing reads from a socket.

pub mod connection;
pub mod cookie;
pub mod date;
mod error;
pub mod framing;
pub mod list;
mod map;
mod names;
pub mod negotiation;
pub mod parameters;
pub mod range;
pub mod set_cookie;
mod spellings;
pub mod trailers;

pub use cookie::Cookies;
pub use error::HeaderError;
pub use map::{Headers, append_received, append_with, fields, usual_spelling};
pub use names::has_acronym;
pub use range::{ContentRange, RangeSpec};
pub use set_cookie::{CookieError, SameSite, SetCookie};
pub use spellings::Spellings;
