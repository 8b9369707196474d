//! The wire tests over a pipe in memory, a transport that copies: whatever is no affair of sockets, and of
//! the server that accepts from them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking; clippy knows only functions marked as tests"
)]

#[path = "../wire/application.rs"]
mod application;
#[path = "../wire/bodies.rs"]
mod bodies;
#[path = "../wire/corpus.rs"]
mod corpus;
#[path = "../wire/deadlines.rs"]
mod deadlines;
#[path = "../wire/responses.rs"]
mod responses;
#[path = "../wire/support.rs"]
mod support;
#[path = "../wire/upgrades.rs"]
mod upgrades;
#[path = "../wire/uploads.rs"]
mod uploads;

/// Whether the connections of the tests are pipes in memory.
const IN_MEMORY: bool = true;
