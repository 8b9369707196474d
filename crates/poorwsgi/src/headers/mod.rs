//! Header fields and what stands in them: parameters, negotiation, ranges, dates and cookies.
//!
//! Everything here is plain functions and values over text; nothing reads from a socket.

pub mod date;
mod map;
mod names;
pub mod negotiation;
pub mod parameters;
pub mod range;

pub use map::{HeaderError, Headers};
pub use range::{ContentRange, RangeSpec};
