//! Errors of form parsing as exceptions.

use std::io;

use poorwsgi_core::HttpError;
use poorwsgi_core::form::FormError;
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;

use crate::exceptions::Error;

/// The error for the form of a request. An exception of the file callback or its file goes to the application
/// unchanged.
pub(super) fn of_request(error: FormError) -> Error {
    match raised(error) {
        Ok(exception) => Error::Python(exception),
        Err(error) => Error::Http(HttpError::from(error)),
    }
}

/// The error for a parser that Python code called: a ValueError if the form is invalid.
pub(super) fn of_parser(error: FormError, max_num_fields: Option<u64>) -> PyErr {
    match raised(error) {
        Ok(exception) => exception,
        Err(FormError::TooLarge { what, limit, .. })
            if max_num_fields == Some(limit)
                && matches!(what, "fields of the form" | "parts of the form") =>
        {
            PyValueError::new_err(format!(
                "Max number of fields is {limit} (max_num_fields), and the form has more"
            ))
        }
        Err(error) => PyValueError::new_err(error.to_string()),
    }
}

/// The exception that Python code or the operating system raised, if the error is one.
fn raised(error: FormError) -> Result<PyErr, FormError> {
    match error {
        FormError::File(error) | FormError::Storage(error) => Ok(exception_in(error)),
        FormError::Decode(error) => match error.downcast::<PyErr>() {
            Ok(exception) => Ok(*exception),
            Err(error) => Err(FormError::Decode(error)),
        },
        error => Err(error),
    }
}

fn exception_in(error: io::Error) -> PyErr {
    match error.downcast::<PyErr>() {
        Ok(exception) => exception,
        Err(error) => PyOSError::new_err(error.to_string()),
    }
}
