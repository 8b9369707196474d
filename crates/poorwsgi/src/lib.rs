//! A small web framework.
#![forbid(unsafe_code)]

pub mod digest;
pub mod error;
pub mod form;
pub mod headers;
pub mod json;
pub mod request;
pub mod response;
pub mod results;
pub mod routing;
pub mod session;
pub mod state;

pub use error::{BoxError, HttpError};
