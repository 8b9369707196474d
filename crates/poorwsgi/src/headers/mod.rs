//! Header fields and what stands in them: parameters, negotiation, ranges, dates and cookies.
//!
//! Everything here is plain functions and values over text; nothing reads from a socket.

mod map;
mod names;
pub mod parameters;

pub use map::{HeaderError, Headers};
