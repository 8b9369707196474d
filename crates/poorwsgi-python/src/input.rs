//! The body of a request as a file.

use poorwsgi_core::response::Body;
use pyo3::prelude::*;

use crate::cached_input::CachedInput;
use crate::callable::Input;
pub(crate) use crate::callable::read_what_comes;

/// The body of a request of our own server, of this length where it is announced, as what `wsgi.input` is.
pub(crate) fn of_body(py: Python<'_>, body: Body, length: Option<u64>) -> PyResult<Py<PyAny>> {
    Ok(Py::new(py, Input::of_request(body, length))?.into_any())
}

/// Whether a file is the input of a request that ends for `read` where the client has left. A parser must not
/// take that for the end of the body.
pub(crate) fn ends_early(file: &Bound<'_, PyAny>) -> bool {
    let ends_early = file.cast::<Input>().map(|input| input.get().ends_early());
    ends_early.unwrap_or_else(|_| file.is_instance_of::<CachedInput>())
}
