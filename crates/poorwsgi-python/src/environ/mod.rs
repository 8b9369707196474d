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
pub(crate) use make::{_set_multiprocess, of_http};
pub(crate) use mounted::{below, join_mounts};
pub(crate) use read::{EnvironHead, of_process, text};

/// The `SERVER_SOFTWARE` of environs that our server has made.
const SERVER_SOFTWARE: &str = "PoorWSGI";
