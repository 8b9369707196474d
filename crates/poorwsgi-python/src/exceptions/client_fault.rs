//! Exceptions that are the client's mistake: the exception itself is what PoorWSGI raises, and it has the status
//! of the response in case the application does not handle it.

use poorwsgi_core::error::with_removed_cookie;
use poorwsgi_core::{HttpError, state};
use pyo3::exceptions::{PyArithmeticError, PyKeyError, PyLookupError, PyValueError};
use pyo3::prelude::*;

use super::report::text_of;

/// The attribute of an exception with a [`Fault`].
const FAULT: &str = "_poorwsgi_fault";

/// What an exception means for the response if no code handles it: the status, what the client is told, and
/// the value of the `Set-Cookie` field that removes the cookie which was the mistake. A tuple, so that the
/// exception can still be copied and pickled.
type Fault = (u16, Option<String>, Option<String>);

/// Marks an exception as the client's mistake, and returns it.
pub(crate) fn client_fault(py: Python<'_>, exception: PyErr, status: u16, detail: Option<String>) -> PyErr {
    marked(py, exception, (status, detail, None))
}

/// Marks an exception as the mistake of a client that has sent a bad cookie: a 400 whose response removes the
/// cookie.
pub(crate) fn bad_cookie(
    py: Python<'_>,
    exception: PyErr,
    detail: String,
    removed_cookie: Option<String>,
) -> PyErr {
    marked(py, exception, (state::HTTP_BAD_REQUEST, Some(detail), removed_cookie))
}

fn marked(py: Python<'_>, exception: PyErr, fault: Fault) -> PyErr {
    // If this fails, the response is only a 500.
    let _ = exception.value(py).setattr(FAULT, fault);
    exception
}

/// The status of an exception that was marked.
pub(crate) fn fault_of_client(py: Python<'_>, exception: &PyErr) -> Option<HttpError> {
    let fault = exception.value(py).getattr_opt(FAULT).ok()??;
    let (status, detail, removed_cookie): Fault = fault.extract().ok()?;
    let error = HttpError::new(status);
    let error = detail.into_iter().fold(error, HttpError::with_detail);
    Some(removed_cookie.iter().fold(error, |error, cookie| with_removed_cookie(error, cookie)))
}

/// Whether a conversion refused a value: int() and date.fromisoformat() raise ValueError, Decimal()
/// ArithmeticError, the lookup of an Enum's name KeyError.
pub(crate) fn cannot_be_converted(py: Python<'_>, error: &PyErr) -> bool {
    error.is_instance_of::<PyValueError>(py)
        || error.is_instance_of::<PyArithmeticError>(py)
        || error.is_instance_of::<PyLookupError>(py)
}

/// Marks the exception of a conversion of the client's value as the client's mistake.
pub(crate) fn not_convertible(py: Python<'_>, exception: PyErr, key: &Bound<'_, PyAny>) -> PyErr {
    let detail = format!("{}: {}", text_of(key), text_of(exception.value(py).as_any()));
    client_fault(py, exception, state::HTTP_BAD_REQUEST, Some(detail))
}

/// The KeyError for a value that the client did not send: a 400 if no code handles it.
pub(crate) fn missing_value(key: &Bound<'_, PyAny>) -> PyErr {
    let exception = PyKeyError::new_err(key.clone().unbind());
    let detail = format!("{}: a value is missing", text_of(key));
    client_fault(key.py(), exception, state::HTTP_BAD_REQUEST, Some(detail))
}

/// Raises the KeyError for a value that the client did not send.
#[pyfunction]
pub(crate) fn _missing(key: &Bound<'_, PyAny>) -> PyResult<()> {
    Err(missing_value(key))
}

/// Applies func to a value of the client's.
#[pyfunction]
pub(crate) fn _convert<'py>(
    func: &Bound<'py, PyAny>,
    key: &Bound<'py, PyAny>,
    value: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = func.py();
    func.call1((value,)).map_err(|error| match cannot_be_converted(py, &error) {
        true => not_convertible(py, error, key),
        false => error,
    })
}
