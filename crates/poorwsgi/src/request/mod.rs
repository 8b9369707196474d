//! TODO

pub mod connection;

pub use connection::Connection;
