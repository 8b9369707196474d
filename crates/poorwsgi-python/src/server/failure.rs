//! The response and the log record of a call that failed.

use std::fmt;

use poorwsgi_core::error::StatusText;
use poorwsgi_core::response::Body;
use poorwsgi_core::results::refusal;
use poorwsgi_core::{BoxError, clip};
use pyo3::prelude::*;

use super::asked::Asked;
use crate::exceptions::report;

/// A page with which the server answers a request itself, in the form that its client prefers.
pub(super) fn page(asked: &Asked, text: StatusText<'_>) -> http::Response<Body> {
    refusal(text.status, text.detail.unwrap_or_default(), asked.refused()).into_http()
}

/// An unhandled exception, as the log shows it: with its traceback. The exception itself is its source.
#[derive(Debug)]
pub(super) struct Unhandled {
    text: String,
    exception: PyErr,
}

impl Unhandled {
    pub(super) fn boxed(py: Python<'_>, error: PyErr) -> BoxError {
        Box::new(Unhandled { text: report(py, &error).to_string(), exception: error })
    }
}

impl fmt::Display for Unhandled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Unhandled {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.exception)
    }
}

/// Logs a failure that no other code reports.
pub(super) fn log_failure(asked: Option<&Asked>, error: &BoxError) {
    tracing::error!(
        target: "poorwsgi::server",
        method = asked.map(|asked| display(asked.method())),
        path = asked.map(|asked| asked.path()).as_deref(),
        cause = error.source(),
        %error,
        "the application failed after its response was sent",
    );
}

/// Logs a request whose body could not be read, with the status that answers it.
pub(super) fn log_refusal(asked: &Asked, text: StatusText<'_>) {
    tracing::info!(
        target: "poorwsgi::server",
        method = %asked.method(),
        path = &*asked.path(),
        "refused: {}", clip::error(text),
    );
}
