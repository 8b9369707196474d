//! The default pages as functions, which an application may call in its own handlers.

use poorwsgi_core::error::shows_error;
use poorwsgi_core::results::{Cause, ErrorPage, ErrorReport};
use poorwsgi_core::state::{
    HTTP_BAD_REQUEST, HTTP_FORBIDDEN, HTTP_INTERNAL_SERVER_ERROR, HTTP_METHOD_NOT_ALLOWED, HTTP_NOT_FOUND,
    HTTP_NOT_IMPLEMENTED, HTTP_UNAUTHORIZED, reason,
};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use super::inspect::{details, inspect, secrets};
use super::visitor::Visitor;
use super::{MODULE, challenge};
use crate::exceptions::Status;
use crate::log;
use crate::names::Name;
use crate::response::{Answer, BaseResponse};

type PageResult<'py> = PyResult<Bound<'py, BaseResponse>>;

fn send<'py>(py: Python<'py>, visitor: &Visitor, page: &ErrorPage<'_>) -> PageResult<'py> {
    Answer::Engine(page.to_response(visitor.accept())).into_object(py)
}

fn page<'v>(visitor: &'v Visitor, status: u16) -> ErrorPage<'v> {
    ErrorPage { method: &visitor.method, uri: &visitor.uri, ..ErrorPage::new(status, visitor.site()) }
}

fn log_status(py: Python<'_>, level: &str, status: u16, error: &Bound<'_, PyAny>) -> PyResult<()> {
    let quoted = (status, reason(status).unwrap_or_default(), error);
    log::write(py, MODULE, level, "%d %s: %s", quoted)
}

/// The page of a status. The error goes to the log; some statuses also show it.
fn refused<'py>(req: &Bound<'py, PyAny>, status: u16, error: Option<&Bound<'py, PyAny>>) -> PageResult<'py> {
    if let Some(error) = error {
        log_status(req.py(), "warning", status, error)?;
    }
    let shown = error.filter(|_| shows_error(status)).map(|error| error.str()).transpose()?;
    let detail = shown.map(|text| text.to_string());
    let visitor = Visitor::of(req);
    send(req.py(), &visitor, &ErrorPage { detail: detail.as_deref(), ..page(&visitor, status) })
}

/// 304: the client's stored response is still valid. ETag and Content-Location are taken from the request's
/// headers.
#[pyfunction]
pub(crate) fn not_modified<'py>(req: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    static RESPONSE: Name = Name::new("poorwsgi.response", "NotModifiedResponse");
    static NOW: Name = Name::new("time", "time");
    let py = req.py();
    let headers = req.getattr("headers")?;
    let kwargs = PyDict::new(py);
    kwargs.set_item("etag", headers.call_method1("get", ("ETag",))?)?;
    kwargs.set_item("content_location", headers.call_method1("get", ("Content-Location",))?)?;
    kwargs.set_item("date", NOW.get(py)?.call0()?)?;
    RESPONSE.get(py)?.call((), Some(&kwargs))
}

/// 400: the page shows the error. The error is also logged as a warning.
#[pyfunction]
#[pyo3(signature = (req, error = None))]
pub(crate) fn bad_request<'py>(req: &Bound<'py, PyAny>, error: Option<Bound<'py, PyAny>>) -> PageResult<'py> {
    refused(req, HTTP_BAD_REQUEST, error.as_ref())
}

/// 401: with a digest challenge if the application's auth_type is "Digest".
///
/// The default realm is the application's name. stale tells the client that user name and password were right
/// and only the nonce was too old. The error is logged as a warning.
#[pyfunction]
#[pyo3(signature = (req, realm = None, stale = None, error = None), text_signature = "(req, realm=None, stale='', error=None)")]
pub(crate) fn unauthorized<'py>(
    req: &Bound<'py, PyAny>,
    realm: Option<&str>,
    stale: Option<Bound<'py, PyAny>>,
    error: Option<Bound<'py, PyAny>>,
) -> PageResult<'py> {
    let py = req.py();
    if let Some(error) = &error {
        log_status(py, "warning", HTTP_UNAUTHORIZED, error)?;
    }
    let stale = stale.map(|stale| stale.is_truthy()).transpose()?.unwrap_or(false);
    let visitor = Visitor::of(req);
    let mut response = page(&visitor, HTTP_UNAUTHORIZED).to_response(visitor.accept());
    challenge::add(req, realm, stale, &mut response)?;
    Answer::Engine(response).into_object(py)
}

/// 403: the client is not allowed to access the resource. The error is logged as a warning.
#[pyfunction]
#[pyo3(signature = (req, error = None))]
pub(crate) fn forbidden<'py>(req: &Bound<'py, PyAny>, error: Option<Bound<'py, PyAny>>) -> PageResult<'py> {
    refused(req, HTTP_FORBIDDEN, error.as_ref())
}

/// 404: there is no such resource. The error is logged as a warning.
#[pyfunction]
#[pyo3(signature = (req, error = None))]
pub(crate) fn not_found<'py>(req: &Bound<'py, PyAny>, error: Option<Bound<'py, PyAny>>) -> PageResult<'py> {
    refused(req, HTTP_NOT_FOUND, error.as_ref())
}

/// 405: the resource does not support the method. The error is logged as a warning.
#[pyfunction]
#[pyo3(signature = (req, error = None))]
pub(crate) fn method_not_allowed<'py>(
    req: &Bound<'py, PyAny>,
    error: Option<Bound<'py, PyAny>>,
) -> PageResult<'py> {
    refused(req, HTTP_METHOD_NOT_ALLOWED, error.as_ref())
}

/// 501: not implemented. code is a status that a handler raised and for which there is no page; this page
/// shows it. The error is logged as an error.
#[pyfunction]
#[pyo3(signature = (req, code = None, error = None))]
pub(crate) fn not_implemented<'py>(
    req: &Bound<'py, PyAny>,
    code: Option<i64>,
    error: Option<Bound<'py, PyAny>>,
) -> PageResult<'py> {
    let py = req.py();
    let visitor = Visitor::of(req);
    if let Some(error) = &error {
        log_status(py, "error", HTTP_NOT_IMPLEMENTED, error)?;
    }
    let detail = code.map(|code| format!("There is no page for the status code {code}."));
    if let Some(code) = code {
        let message = "%s %s was answered with status code %s, which has no page";
        log::write(py, MODULE, "error", message, (&visitor.method, &visitor.uri, code))?;
    }
    send(py, &visitor, &ErrorPage { detail: detail.as_deref(), ..page(&visitor, HTTP_NOT_IMPLEMENTED) })
}

/// 500: internal server error. The exception that is being handled is logged with its traceback, and shown if
/// req.debug is true.
#[pyfunction]
#[pyo3(signature = (req, *_args), text_signature = "(req, *_)")]
pub(crate) fn internal_server_error<'py>(
    req: &Bound<'py, PyAny>,
    _args: &Bound<'py, PyTuple>,
) -> PageResult<'py> {
    let py = req.py();
    let visitor = Visitor::of(req);
    let exception = py.import("sys")?.call_method0("exception")?;
    let quoted = (&visitor.method, &visitor.uri);
    let failure = (!exception.is_none()).then(|| Status::uncaught(PyErr::from_value(exception)));
    match failure.as_ref().and_then(|failure| Some((failure.report(), failure.exception()?))) {
        None => log::write(py, MODULE, "error", "%s %s failed, but no exception is being handled", quoted)?,
        Some((report, exception)) => {
            log::write_exception(py, MODULE, "%s %s failed", quoted, exception, &report.backtrace)?;
        }
    }
    let shown = || match &failure {
        Some(failure) => inspect(req, failure),
        None => details(req, nothing_handled()),
    };
    let report = visitor.debug().then(|| shown().without(&secrets(req)));
    let page = ErrorPage { report: report.as_ref(), ..page(&visitor, HTTP_INTERNAL_SERVER_ERROR) };
    send(py, &visitor, &page)
}

fn nothing_handled() -> ErrorReport {
    let cause = Cause { message: "No exception is being handled.".to_owned(), ..Cause::default() };
    // As Python's traceback module formats it.
    ErrorReport { causes: vec![cause], ..ErrorReport::default() }.with_backtrace("NoneType: None")
}
