//! Statuses that end a request, with the exceptions that caused them.

use std::error::Error as _;

use poorwsgi_core::error::shows_error;
use poorwsgi_core::results::ErrorReport;
use poorwsgi_core::state::MethodSet;
use poorwsgi_core::{HttpError, state};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyDict;

use super::classes::HTTPException;
use super::client_fault::fault_of_client;
use super::report::{report, text_of};

/// A status, and the Python exception that caused it, if any.
pub(crate) struct Status {
    http: HttpError,
    exception: Option<PyErr>,
    /// The keyword arguments of an `HTTPException`.
    kwargs: Option<Py<PyDict>>,
}

impl Status {
    /// The status of an exception that was not handled: that of the exception if it is the client's mistake,
    /// otherwise 500.
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
                // Registers a status that the application has added to `http.client.responses`, so that it
                // has a page.
                let _ = known(kwargs.py(), status);
                allowed(kwargs.py(), status, &exception)
                    .map_or_else(|| HttpError::new(status), HttpError::method_not_allowed)
            }
        };
        if let Some(error) = get("error").filter(|error| !error.is_none()) {
            let text = text_of(&error);
            http = if shows_error(status) { http.with_detail(text) } else { http.with_source(text) };
        }
        Status { http, exception: Some(exception), kwargs: Some(kwargs.unbind()) }
    }

    /// The Python exception that caused the status.
    pub(crate) const fn exception(&self) -> Option<&PyErr> {
        self.exception.as_ref()
    }

    /// The chain of errors; for a Python exception, with the traceback.
    pub(crate) fn report(&self) -> ErrorReport {
        let Some(exception) = &self.exception else {
            return ErrorReport::new(self.http.source().unwrap_or(&self.http));
        };
        let mut report = Python::attach(|py| report(py, exception));
        let status = self.http.status();
        if state::reason(status).is_none()
            && let Some(cause) = report.causes.first_mut()
        {
            cause.message = format!(
                "{status} is not a known HTTP status, so the response is a 500; use one of the HTTP_ constants of \
                 poorwsgi.state, or set a handler by @app.http_state({status}); raised as {}",
                cause.message
            );
        }
        report
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

    /// The exception that `sys.exc_info()` returns while a state handler runs.
    pub(crate) fn into_exception(self, py: Python<'_>) -> PyErr {
        if let Some(exception) = self.exception {
            return exception;
        }
        let kwargs = self.kwargs(py);
        let made = kwargs.and_then(|kwargs| HTTPException::of_status(py, self.http.status(), Some(&kwargs)));
        match made {
            Ok(exception) => {
                if let Some(allow) = self.http.allow() {
                    // If this fails, the response lacks Allow.
                    let _ = exception.setattr(ALLOW, allow.bits());
                }
                PyErr::from_value(exception)
            }
            Err(error) => error,
        }
    }
}

/// The attribute of an HTTPException with the methods that the engine's 405 names: the exception may pass
/// through Python code and come back.
const ALLOW: &str = "_poorwsgi_allow";

fn allowed(py: Python<'_>, status: u16, exception: &PyErr) -> Option<MethodSet> {
    if status != state::HTTP_METHOD_NOT_ALLOWED {
        return None;
    }
    let bits = exception.value(py).getattr_opt(ALLOW).ok()??.extract().ok()?;
    Some(MethodSet::from_bits(bits))
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

/// Why a status code is refused. PoorWSGI's own words come first, because applications may know them.
pub(crate) fn bad_status(status: impl std::fmt::Display) -> String {
    format!("Bad response status {status}; expected one of the HTTP_ constants of poorwsgi.state")
}

/// Returns a status code that has a reason phrase, in the engine or in `http.client.responses`, to which
/// applications may add. Raises ValueError for any other.
pub(crate) fn known(py: Python<'_>, status: u16) -> PyResult<u16> {
    static RESPONSES: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    if state::reason(status).is_some() {
        return Ok(status);
    }
    match RESPONSES
        .import(py, "http.client", "responses")?
        .get_item(status)
        .and_then(|reason| reason.extract::<String>())
    {
        Ok(reason) if state::add_status(status, &reason) => Ok(status),
        _ => Err(PyValueError::new_err(bad_status(status))),
    }
}
