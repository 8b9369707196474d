//! The engine of PoorWSGI: dispatch, routing, requests, forms, responses, sessions, digest login and pages.
//! It knows neither sockets nor Python: servers and doors are built on this crate. A *door* is one of the
//! interfaces, Python or Rust, through which applications use the engine. The Rust door is the crate
//! `poorwsgi`, whose API is curated and stable; the API of this crate may change with each version.
//!
//! # Where to look
//!
//! | for | see |
//! |---|---|
//! | the pipeline that a request goes through, and what a door has to provide | [`mod@dispatch`] |
//! | how a path leads to a handler | [`routing`] |
//! | what the client sent | [`request`], [`form`], [`json`], [`charset`], [`headers`] |
//! | responses, bodies and files | [`response`] |
//! | sessions and logins | [`session`], [`digest`] |
//! | settings and limits | [`settings`], [`form::FormLimits`] |
//! | pages for errors, directories and debugging | [`results`] |
#![forbid(unsafe_code)]

pub mod charset;
pub mod clip;
pub mod clock;
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
pub mod values;
pub mod variables;

pub use error::{BoxError, HttpError};
pub use response::{Body, Response};
