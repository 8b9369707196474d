//! The server as clients see it, over real sockets.

mod bodies;
mod corpus;
mod deadlines;
mod process;
mod responses;
mod sockets;
mod stopping;
mod support;
