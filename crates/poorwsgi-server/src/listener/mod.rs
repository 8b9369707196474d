//! Where connections come from.
//!
//! `socket` binds and accepts, `siblings` balances the connections of one socket among processes, and
//! `descriptors` limits their number. An accepted connection is a transport from which nothing has been read, but
//! for the PROXY header that `introduction` takes where one has to come.

mod descriptors;
mod introduction;
mod siblings;
mod socket;

pub(crate) use descriptors::DescriptorLimit;
pub use descriptors::raise_descriptor_limit;
pub(crate) use introduction::introduced;
pub(crate) use siblings::Siblings;
pub use socket::{Address, share_sockets};
pub(crate) use socket::{INHERITED, Listener, Sockets};
