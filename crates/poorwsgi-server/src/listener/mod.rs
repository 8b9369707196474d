//! Where connections come from.
//!
//! `socket` binds and accepts, `siblings` balances the connections of one socket among processes, and
//! `descriptors` limits their number. An accepted connection is a transport from which nothing has been read.

mod descriptors;
mod siblings;
mod socket;

pub(crate) use descriptors::DescriptorLimit;
pub use descriptors::raise_descriptor_limit;
pub(crate) use siblings::Siblings;
pub use socket::{Address, share_sockets};
pub(crate) use socket::{INHERITED, Listener, Socket};
