//! The environ of WSGI (PEP 3333): read as the head of a request, and made for a request of our own server.
//!
//! A request has one or the other behind it (`request::Source`). What is done with it, and who is called, is
//! not known here.

mod file_wrapper;
mod make;
mod read;

pub(crate) use file_wrapper::FileWrapper;
pub(crate) use make::{_set_multiprocess, of_http, set_forwarded_scheme};
pub(crate) use read::{EnvironHead, of_process, text};
