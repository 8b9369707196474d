//! The server as clients see it, over real sockets.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking; clippy knows only functions marked as tests"
)]

mod application;
mod bodies;
mod corpus;
mod deadlines;
mod process;
mod proxy_protocol;
mod responses;
mod sockets;
mod stopping;
mod support;
mod upgrades;
mod uploads;

/// Whether the connections of the tests are pipes in memory.
const IN_MEMORY: bool = false;
