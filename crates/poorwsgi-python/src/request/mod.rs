//! The request objects that Python handlers get.
//!
//! The pipeline (`language`) creates them, for requests of a WSGI server and of our own. It also chooses the
//! handler, and builds the response.

mod body;
mod extras;
#[allow(clippy::module_inception)] // PoorWSGI's module `request` has the class `Request`
mod request;
mod simple;
mod source;

pub(crate) use request::Request;
pub(crate) use simple::{PathArg, SimpleRequest};
pub(crate) use source::Source;
