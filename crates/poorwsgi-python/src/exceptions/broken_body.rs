//! The exceptions for a body that could not be read: they say by which status they are answered, should nobody
//! handle them.

use poorwsgi_core::{HttpError, state};
use pyo3::exceptions::{PyConnectionResetError, PyOSError, PyTimeoutError};
use pyo3::prelude::*;

use super::report::text_of;

/// The number of "file too large" that Linux, macOS and the BSDs share.
const EFBIG: i32 = 27;

/// Where an exception of a body says by which status it is answered, should nobody handle it.
const STATUS: &str = "_poorwsgi_status";

/// Where it says that the client has left.
const LEFT: &str = "_poorwsgi_left";

/// The exception for a body that could not be read: `TimeoutError`, `OSError` (EFBIG) or
/// `ConnectionResetError`.
pub(crate) fn body_exception(py: Python<'_>, status: u16, text: String) -> PyErr {
    let error = match status {
        state::HTTP_REQUEST_TIME_OUT => PyTimeoutError::new_err(text),
        state::HTTP_REQUEST_ENTITY_TOO_LARGE => PyOSError::new_err((EFBIG, text)),
        _ => PyConnectionResetError::new_err(text),
    };
    // Without it the answer is 500, no more.
    let _ = error.value(py).setattr(STATUS, status);
    error
}

/// The exception for a body that its client has left, where PoorWSGI has one of its own.
pub(crate) fn cut_short(py: Python<'_>, left: u64) -> PyErr {
    let error = PyTimeoutError::new_err(format!("the body ends early: {left} bytes did not come"));
    // Without it the answer is 500, no more.
    let _ = error.value(py).setattr(STATUS, state::HTTP_BAD_REQUEST);
    note_left(py, &error);
    error
}

/// Has an exception of a body say that its client has left.
pub(crate) fn note_left(py: Python<'_>, exception: &PyErr) {
    // Without it the exception goes to the application.
    let _ = exception.value(py).setattr(LEFT, true);
}

/// Whether an exception of a body says that its client has left: not one that is too slow, or sends too much.
pub(crate) fn client_has_left(py: Python<'_>, exception: &PyErr) -> bool {
    exception.value(py).getattr_opt(LEFT).is_ok_and(|left| left.is_some())
}

/// The status of an exception that [`body_exception`] or [`cut_short`] has made.
pub(crate) fn fault_of_client(py: Python<'_>, exception: &PyErr) -> Option<HttpError> {
    let value = exception.value(py);
    let status = value.getattr_opt(STATUS).ok()??.extract().ok()?;
    let text = value.getattr_opt("strerror").ok().flatten().filter(|text| !text.is_none());
    Some(HttpError::new(status).with_detail(text_of(text.as_ref().unwrap_or(value.as_any()))))
}
