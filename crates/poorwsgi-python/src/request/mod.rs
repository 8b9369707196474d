//! Requests as Python handlers get them.

mod body;
mod extras;
#[allow(clippy::module_inception)] // the room is named as in PoorWSGI, and so is the class that fills it
mod request;
mod simple;
mod source;

pub(crate) use request::Request;
pub(crate) use simple::{PathArg, SimpleRequest};
pub(crate) use source::Source;
