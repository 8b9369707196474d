//! The engine of PoorWSGI, for servers and for doors of languages: dispatch, routing, requests, forms, responses,
//! sessions, digest login and pages. It has no sockets and no Python. Applications in Rust use the crate
//! `poorwsgi`, whose surface is curated and stable; the surface of this one may change with each version.
//!
//! # Where to look
//!
//! | for | see |
//! |---|---|
//! | how a request goes through all that, and how another language gets a door | [`mod@dispatch`] |
//! | from a path to a handler | [`routing`] |
//! | what the client sent | [`request`], [`form`], [`json`], [`charset`], [`headers`] |
//! | what is answered | [`response`] |
//! | who is there | [`session`], [`digest`] |
//! | settings and limits | [`settings`], [`form::Limits`] |
//! | pages for errors, directories and debugging | [`results`] |
#![forbid(unsafe_code)]

pub mod charset;
pub mod clip;
#[cfg(feature = "digest")]
pub mod digest;
pub mod dispatch;
pub mod error;
pub mod form;
pub mod headers;
pub mod json;
pub mod request;
pub mod response;
pub mod results;
pub mod routing;
pub mod session;
pub mod settings;
pub mod state;
pub mod tables;
mod values;
pub mod variables;

pub use error::{BoxError, HttpError};
pub use response::{Body, Response};
