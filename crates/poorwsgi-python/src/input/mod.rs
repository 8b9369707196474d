//! The body of a request as a Python file, and `wsgi.input` of a WSGI server as a body.
//!
//! Requests, the form parsers and our own server use these types.

mod as_body;
mod cached;
mod stream;

use poorwsgi_core::response::Body;
use pyo3::prelude::*;

pub(crate) use as_body::body_of;
pub(crate) use cached::CachedInput;
pub(crate) use stream::{Input, read_what_comes};

/// The body of a request of our own server as a Python file for `wsgi.input`. `length` is the announced
/// length, if any.
pub(crate) fn of_body(py: Python<'_>, body: Body, length: Option<u64>) -> PyResult<Py<PyAny>> {
    Ok(Py::new(py, Input::of_request(body, length))?.into_any())
}

/// Whether `read` of this file returns b"" after the client has disconnected. A parser must not take that for
/// the end of the body.
pub(crate) fn ends_early(file: &Bound<'_, PyAny>) -> bool {
    let ends_early = file.cast::<Input>().map(|input| input.get().ends_early());
    ends_early.unwrap_or_else(|_| file.is_instance_of::<CachedInput>())
}
