//! Requests as Python handlers get them.
//!
//! The pipeline (`language`) makes one of whatever a request has come by. Which handler gets it, and what is
//! answered, is not known here.

mod body;
mod extras;
#[allow(clippy::module_inception)] // the room is named as in PoorWSGI, and so is the class that fills it
mod request;
mod simple;
mod source;

pub(crate) use request::Request;
pub(crate) use simple::{PathArg, SimpleRequest};
pub(crate) use source::Source;
