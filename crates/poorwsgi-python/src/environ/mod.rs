//! The environ of WSGI (PEP 3333): `read` reads it as the head of a request, `make` makes it for a request of
//! our own server.
//!
//! `request::Source` is one or the other.

mod file_wrapper;
mod key;
mod make;
mod mounted;
mod read;

pub(crate) use file_wrapper::FileWrapper;
pub(crate) use make::{_set_multiprocess, of_http, set_client_scheme};
pub(crate) use mounted::{below, join_mounts};
pub(crate) use read::{EnvironHead, of_process, text};
