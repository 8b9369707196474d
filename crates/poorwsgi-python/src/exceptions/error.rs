//! Errors of Python code and of the engine.

use std::error::Error as _;

use poorwsgi_core::HttpError;
use pyo3::prelude::*;

use super::status::Status;

/// An error of Python code, or a status that the engine raised.
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
    /// The error of reading a body. An exception that `wsgi.input` raised goes to the application unchanged.
    pub(crate) fn of_body(error: HttpError) -> Self {
        match error.source().and_then(|source| source.downcast_ref::<PyErr>()) {
            Some(exception) => Error::Python(Python::attach(|py| exception.clone_ref(py))),
            None => Error::Http(error),
        }
    }

    /// The exception that Python code sees.
    pub(crate) fn into_exception(self, py: Python<'_>) -> PyErr {
        match self {
            Error::Python(error) => error,
            Error::Http(error) => http_exception(py, error),
        }
    }
}

/// The `HTTPException` of a status that the engine raised.
pub(crate) fn http_exception(py: Python<'_>, error: HttpError) -> PyErr {
    Status::from(error).into_exception(py)
}
