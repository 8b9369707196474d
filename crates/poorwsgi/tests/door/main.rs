//! The Rust door as applications and their clients see it, without sockets.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking; clippy knows only functions marked as tests"
)]

mod arguments;
mod blocking;
mod bodies;
mod client;
mod digest_login;
mod errors;
mod events;
mod extraction;
mod forms;
mod handlers;
mod hooks;
mod mounting;
mod nesting;
mod refused;
mod secrets;
mod sending;
mod sessions;
mod states;
mod tables;
mod testing;
mod uploads;
mod variables;
