//! Where connections come from.
//!
//! `socket` binds and accepts, `siblings` shares the connections of one socket with other processes, and
//! `descriptors` tells how many there may be. What is accepted is a transport, of which nothing has been
//! read.

mod descriptors;
mod siblings;
mod socket;

pub(crate) use descriptors::DescriptorLimit;
pub use descriptors::raise_descriptor_limit;
pub(crate) use siblings::Siblings;
pub use socket::{Address, share_sockets};
pub(crate) use socket::{INHERITED, Listener, Socket};
