//! The exceptions for a body that could not be read. Each carries the status of the response in case the
//! application does not handle it.

use poorwsgi_core::request::EarlyEnd;
use poorwsgi_core::{HttpError, state};
use pyo3::exceptions::{PyConnectionResetError, PyOSError, PyTimeoutError};
use pyo3::prelude::*;

use super::client_fault::client_fault;

/// The number of "file too large" that Linux, macOS and the BSDs share.
const EFBIG: i32 = 27;

/// The attribute that says that the client has disconnected.
const LEFT: &str = "_poorwsgi_left";

/// The exception for a body that could not be read: `TimeoutError`, `OSError` (EFBIG) or
/// `ConnectionResetError`.
pub(crate) fn body_exception(py: Python<'_>, status: u16, text: String) -> PyErr {
    let detail = Some(text.clone());
    let error = match status {
        state::HTTP_REQUEST_TIME_OUT => PyTimeoutError::new_err(text),
        state::HTTP_REQUEST_ENTITY_TOO_LARGE => PyOSError::new_err((EFBIG, text)),
        _ => PyConnectionResetError::new_err(text),
    };
    client_fault(py, error, status, detail)
}

/// The exception for a body whose client has disconnected, where PoorWSGI raises TimeoutError.
pub(crate) fn cut_short(py: Python<'_>, left: u64) -> PyErr {
    let end = EarlyEnd { missing: Some(left) };
    let (status, text) = (HttpError::from(end).status(), end.to_string());
    let error = client_fault(py, PyTimeoutError::new_err(text.clone()), status, Some(text));
    note_left(py, &error);
    error
}

/// Marks an exception: the client has disconnected.
pub(crate) fn note_left(py: Python<'_>, exception: &PyErr) {
    // If this fails, the exception goes to the application.
    let _ = exception.value(py).setattr(LEFT, true);
}

/// Whether an exception means that the client has disconnected (not that it was too slow, or sent too much).
pub(crate) fn client_has_left(py: Python<'_>, exception: &PyErr) -> bool {
    exception.value(py).getattr_opt(LEFT).is_ok_and(|left| left.is_some())
}
