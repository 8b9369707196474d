//! The body of a request of our own server as a file.

use poorwsgi::response::Body;
use pyo3::prelude::*;

use crate::callable::Input;

/// The body as what `wsgi.input` is.
pub(crate) fn of_body(py: Python<'_>, body: Body) -> PyResult<Py<PyAny>> {
    Ok(Py::new(py, Input::new(body))?.into_any())
}
