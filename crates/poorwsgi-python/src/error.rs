//! Errors between the two languages.

use std::error::Error as _;

use poorwsgi::results::{Cause, ErrorReport};
use poorwsgi::{HttpError, state};
use pyo3::exceptions::PyException;
use pyo3::prelude::*;

pyo3::create_exception!(
    poorwsgi.response,
    HTTPException,
    PyException,
    "Ends a request with a status: HTTPException(404)."
);

/// Ends the request with a status: raises HTTPException(arg).
#[pyfunction]
pub(crate) fn abort(arg: u16) -> PyResult<()> {
    Err(HTTPException::new_err((arg,)))
}

/// An error of a Python handler, or a status that the engine raised.
pub(crate) enum Error {
    Python(PyErr),
    Http(HttpError),
}

impl From<PyErr> for Error {
    fn from(error: PyErr) -> Self {
        Error::Python(error)
    }
}

impl From<HttpError> for Error {
    fn from(error: HttpError) -> Self {
        Error::Http(error)
    }
}

impl Error {
    /// The error of reading a body. An exception of `wsgi.input` goes to the application as it is.
    pub(crate) fn of_body(error: HttpError) -> Self {
        match error.source().and_then(|source| source.downcast_ref::<PyErr>()) {
            Some(exception) => Error::Python(Python::attach(|py| exception.clone_ref(py))),
            None => Error::Http(error),
        }
    }
}

/// A status, and the Python exception behind it where there is one.
pub(crate) struct Status {
    http: HttpError,
    exception: Option<PyErr>,
}

impl Status {
    /// The 500 of an exception that nobody handled.
    pub(crate) fn uncaught(exception: PyErr) -> Self {
        Status { http: HttpError::new(state::HTTP_INTERNAL_SERVER_ERROR), exception: Some(exception) }
    }

    /// The error chain, with the traceback where it is a Python exception.
    pub(crate) fn report(&self) -> ErrorReport {
        let Some(exception) = &self.exception else {
            return ErrorReport::new(self.http.source().unwrap_or(&self.http));
        };
        Python::attach(|py| {
            let kind = exception.get_type(py).name().map(|name| name.to_string()).ok();
            let cause = Cause { kind, message: exception.value(py).to_string() };
            let report = ErrorReport { causes: vec![cause], ..ErrorReport::default() };
            report.with_backtrace(traceback(py, exception).unwrap_or_default())
        })
    }
}

impl From<HttpError> for Status {
    fn from(http: HttpError) -> Self {
        Status { http, exception: None }
    }
}

impl AsRef<HttpError> for Status {
    fn as_ref(&self) -> &HttpError {
        &self.http
    }
}

fn traceback(py: Python<'_>, exception: &PyErr) -> PyResult<String> {
    // All three, because the value alone need not know its traceback.
    let parts = (exception.get_type(py), exception.value(py), exception.traceback(py));
    let lines = py.import("traceback")?.call_method1("format_exception", parts)?;
    Ok(lines.extract::<Vec<String>>()?.concat())
}

/// The status that an exception stands for, if it is an `HTTPException` with one.
pub(crate) fn raised_status(py: Python<'_>, error: &PyErr) -> Option<HttpError> {
    if !error.is_instance_of::<HTTPException>(py) {
        return None;
    }
    let (status,): (u16,) = error.value(py).getattr("args").ok()?.extract().ok()?;
    Some(HttpError::new(status))
}
