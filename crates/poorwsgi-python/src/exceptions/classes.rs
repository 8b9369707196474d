//! The classes of exceptions that end a request.

use pyo3::exceptions::{PyException, PyRuntimeError};
use pyo3::prelude::*;
use pyo3::types::PyDict;

pyo3::create_exception!(
    poorwsgi.response,
    ResponseError,
    PyRuntimeError,
    "A value that no response can be made of."
);

/// Ends a request with a status code or a response. A status code is answered by the application's handler
/// for it, or by the default page.
///
/// Keyword arguments are passed to the handler: HTTPException(401, realm="Admin", stale=True).
#[pyclass(subclass, extends = PyException, module = "poorwsgi.response")]
pub(crate) struct HTTPException;

impl HTTPException {
    pub(crate) fn of_response(py: Python<'_>, response: Bound<'_, PyAny>) -> PyErr {
        match py.get_type::<Self>().call1((response,)) {
            Ok(exception) => PyErr::from_value(exception),
            Err(error) => error,
        }
    }

    pub(crate) fn of_status<'py>(
        py: Python<'py>,
        status: u16,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        py.get_type::<Self>().call((status,), kwargs)
    }
}
