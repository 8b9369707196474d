//! Requests as Python handlers get them.

mod body;
mod extras;
mod request;
mod simple;
mod source;
mod timed;

pub(crate) use request::Request;
pub(crate) use simple::{PathArg, SimpleRequest};
pub(crate) use source::Source;
pub(crate) use timed::Timed;
