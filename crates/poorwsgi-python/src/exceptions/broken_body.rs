//! The exceptions for a body that could not be read. Each carries the status of the response in case the
//! application does not handle it.

use poorwsgi_core::request::EarlyEnd;
use poorwsgi_core::{HttpError, state};
use pyo3::exceptions::{PyConnectionResetError, PyOSError, PyTimeoutError};
use pyo3::prelude::*;

use super::report::text_of;

/// The number of "file too large" that Linux, macOS and the BSDs share.
const EFBIG: i32 = 27;

/// The attribute with the status of the response, for an exception that the application does not handle.
const STATUS: &str = "_poorwsgi_status";

/// The attribute that says that the client has disconnected.
const LEFT: &str = "_poorwsgi_left";

/// The exception for a body that could not be read: `TimeoutError`, `OSError` (EFBIG) or
/// `ConnectionResetError`.
pub(crate) fn body_exception(py: Python<'_>, status: u16, text: String) -> PyErr {
    let error = match status {
        state::HTTP_REQUEST_TIME_OUT => PyTimeoutError::new_err(text),
        state::HTTP_REQUEST_ENTITY_TOO_LARGE => PyOSError::new_err((EFBIG, text)),
        _ => PyConnectionResetError::new_err(text),
    };
    // If this fails, the response is only a 500.
    let _ = error.value(py).setattr(STATUS, status);
    error
}

/// The exception for a body whose client has disconnected, where PoorWSGI raises TimeoutError.
pub(crate) fn cut_short(py: Python<'_>, left: u64) -> PyErr {
    let end = EarlyEnd { missing: Some(left) };
    let error = PyTimeoutError::new_err(end.to_string());
    // If this fails, the response is only a 500.
    let _ = error.value(py).setattr(STATUS, HttpError::from(end).status());
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

/// The status of an exception that was created by [`body_exception`] or [`cut_short`].
pub(crate) fn fault_of_client(py: Python<'_>, exception: &PyErr) -> Option<HttpError> {
    let value = exception.value(py);
    let status: u16 = value.getattr_opt(STATUS).ok()??.extract().ok()?;
    let text = value.getattr_opt("strerror").ok().flatten().filter(|text| !text.is_none());
    Some(HttpError::new(status).with_detail(text_of(text.as_ref().unwrap_or(value.as_any()))))
}
