//! Errors between the two languages.

use poorwsgi::HttpError;
use poorwsgi::results::{Cause, ErrorReport};
use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

pyo3::create_exception!(
    _poorwsgi,
    HTTPException,
    PyException,
    "Ends a request with a status: HTTPException(404)."
);

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

/// A status, and the Python exception behind it where there is one.
pub(crate) struct Status {
    http: HttpError,
    exception: Option<PyErr>,
}

impl Status {
    /// The 500 of an exception that nobody handled.
    pub(crate) fn uncaught(exception: PyErr) -> Self {
        Status {
            http: HttpError::new(poorwsgi::state::HTTP_INTERNAL_SERVER_ERROR),
            exception: Some(exception),
        }
    }

    /// The error chain, with the traceback when it is a Python exception.
    pub(crate) fn report(&self) -> ErrorReport {
        let Some(exception) = &self.exception else {
            return ErrorReport::new(&self.http);
        };
        Python::attach(|py| {
            let kind = exception.get_type(py).name().map(|name| name.to_string()).ok();
            let cause = Cause { kind, message: exception.value(py).to_string() };
            let backtrace = traceback(py, exception).unwrap_or_default();
            ErrorReport { causes: vec![cause], backtrace, ..ErrorReport::default() }
        })
    }
}

fn traceback(py: Python<'_>, exception: &PyErr) -> PyResult<String> {
    let lines = py.import("traceback")?.call_method1("format_exception", (exception.value(py),))?;
    let lines: Vec<String> = lines.extract()?;
    Ok(lines.concat())
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

/// The status that an exception raises, if it is an `HTTPException`.
pub(crate) fn http_status(py: Python<'_>, error: &PyErr) -> Option<HttpError> {
    let exception = error.value(py).cast::<PyAny>().ok()?;
    if !exception.is_instance_of::<HTTPException>() {
        return None;
    }
    let args = exception.getattr("args").ok()?.cast_into::<PyTuple>().ok()?;
    let status: u16 = args.get_item(0).ok()?.extract().ok()?;
    Some(HttpError::new(status))
}
