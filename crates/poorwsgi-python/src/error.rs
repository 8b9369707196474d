//! Errors between the two languages.

use std::error::Error as _;

use poorwsgi_core::results::{Cause, ErrorReport};
use poorwsgi_core::{HttpError, state};
use pyo3::exceptions::{PyConnectionResetError, PyOSError, PyTimeoutError};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::response::{HTTPException, known};

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
    /// The error of reading a body. An exception of `wsgi.input` goes to the application as it is.
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

/// A status, with the Python exception behind it where there is one.
pub(crate) struct Status {
    http: HttpError,
    exception: Option<PyErr>,
    /// The keyword arguments of an `HTTPException`.
    kwargs: Option<Py<PyDict>>,
}

impl Status {
    /// The status of an exception that nobody handled: 500, unless it is the client whose body could not be
    /// read.
    pub(crate) fn uncaught(exception: PyErr) -> Self {
        if let Some(fault) = Python::attach(|py| fault_of_client(py, &exception)) {
            return Status { http: fault, exception: Some(exception), kwargs: None };
        }
        let http = HttpError::new(state::HTTP_INTERNAL_SERVER_ERROR);
        Status { http, exception: Some(exception), kwargs: None }
    }

    /// The status that Python code raised.
    pub(crate) fn raised(status: u16, kwargs: Bound<'_, PyDict>, exception: PyErr) -> Self {
        let get = |name| kwargs.get_item(name).ok().flatten();
        let mut http = match get("realm").and_then(|realm| realm.extract::<String>().ok()) {
            Some(realm) if status == state::HTTP_UNAUTHORIZED => {
                let stale = get("stale").is_some_and(|stale| stale.is_truthy().unwrap_or(false));
                HttpError::unauthorized(realm, stale)
            }
            _ => {
                // One that the application has added to http.client.responses has a page from now on.
                let _ = known(kwargs.py(), status);
                HttpError::new(status)
            }
        };
        if let Some(error) = get("error").filter(|error| !error.is_none()) {
            let text = text(&error);
            // As with PoorWSGI, only the page of a 400 shows it to the client; and that of a 413, which names
            // the limit.
            let is_shown = matches!(status, state::HTTP_BAD_REQUEST | state::HTTP_REQUEST_ENTITY_TOO_LARGE);
            http = if is_shown { http.with_detail(text) } else { http.with_source(text) };
        }
        Status { http, exception: Some(exception), kwargs: Some(kwargs.unbind()) }
    }

    /// The Python exception behind it.
    pub(crate) const fn exception(&self) -> Option<&PyErr> {
        self.exception.as_ref()
    }

    /// The error chain, with the traceback where it is a Python exception.
    pub(crate) fn report(&self) -> ErrorReport {
        let Some(exception) = &self.exception else {
            return ErrorReport::new(self.http.source().unwrap_or(&self.http));
        };
        Python::attach(|py| report(py, exception))
    }

    /// The keyword arguments for a state handler.
    pub(crate) fn kwargs<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        if let Some(kwargs) = &self.kwargs {
            return kwargs.bind(py).copy();
        }
        let kwargs = PyDict::new(py);
        if let Some(detail) = self.http.detail() {
            kwargs.set_item("error", detail)?;
        }
        Ok(kwargs)
    }

    /// The exception that stands for it while a state handler runs.
    pub(crate) fn into_exception(self, py: Python<'_>) -> PyErr {
        if let Some(exception) = self.exception {
            return exception;
        }
        let kwargs = self.kwargs(py);
        let made = kwargs.and_then(|kwargs| HTTPException::of_status(py, self.http.status(), Some(&kwargs)));
        match made {
            Ok(exception) => PyErr::from_value(exception),
            Err(error) => error,
        }
    }
}

impl From<HttpError> for Status {
    fn from(http: HttpError) -> Self {
        Status { http, exception: None, kwargs: None }
    }
}

impl AsRef<HttpError> for Status {
    fn as_ref(&self) -> &HttpError {
        &self.http
    }
}

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
    Some(HttpError::new(status).with_detail(self::text(text.as_ref().unwrap_or(value.as_any()))))
}

/// The text of an object, whose own `__str__` may fail.
fn text(object: &Bound<'_, PyAny>) -> String {
    object
        .str()
        .map_or_else(|_| "no text: its __str__ failed".to_owned(), |text| text.to_string_lossy().into_owned())
}

/// What the log says of an exception, with its traceback.
pub(crate) fn report(py: Python<'_>, exception: &PyErr) -> ErrorReport {
    let kind = exception.get_type(py).name().map(|name| name.to_string()).ok();
    let cause = Cause { kind, message: text(exception.value(py).as_any()) };
    let report = ErrorReport { causes: vec![cause], ..ErrorReport::default() };
    report.with_backtrace(traceback(py, exception).unwrap_or_default())
}

/// The traceback of an exception, as Python shows it.
fn traceback(py: Python<'_>, exception: &PyErr) -> PyResult<String> {
    // All three, because the value alone need not know its traceback.
    let parts = (exception.get_type(py), exception.value(py), exception.traceback(py));
    let lines = py.import("traceback")?.call_method1("format_exception", parts)?;
    lines.try_iter()?.map(|line| Ok(line?.str()?.to_string_lossy().into_owned())).collect()
}
