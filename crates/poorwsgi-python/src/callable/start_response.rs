//! `start_response`, and the `write` that it returns.

use std::borrow::Cow;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use hyper::ext::ReasonPhrase;
use poorwsgi::state;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

use super::exchange::{Exchange, Head};
use crate::headers::native_to_bytes;
use crate::shared;

/// Begins the response of a WSGI callable: start_response(status, headers, exc_info=None) -> write.
///
/// status is like "200 OK", headers a list of pairs of str. A second call is an AssertionError, unless it gives exc_info:
/// then it replaces the first, or raises that exception when the first has been sent already.
#[pyclass(frozen, name = "start_response", module = "poorwsgi.server")]
pub(super) struct StartResponse(pub(super) Exchange);

#[pymethods]
impl StartResponse {
    #[pyo3(signature = (status, headers, exc_info = None, /))]
    fn __call__(
        slf: &Bound<'_, Self>,
        status: &Bound<'_, PyAny>,
        headers: &Bound<'_, PyAny>,
        exc_info: Option<(Bound<'_, PyAny>, Bound<'_, PyAny>, Bound<'_, PyAny>)>,
    ) -> PyResult<Py<Write>> {
        let exchange = &slf.get().0;
        if let Some((_, value, traceback)) = &exc_info
            && exchange.is_begun()
        {
            value.call_method1("with_traceback", (traceback,))?;
            return Err(PyErr::from_value(value.clone()));
        }
        exchange.start(head(status, headers)?, exc_info.is_some())?;
        Py::new(slf.py(), Write(slf.clone().unbind()))
    }
}

/// Sends content at once: write(data). For old applications; others return an iterable.
#[pyclass(frozen, name = "write", module = "poorwsgi.server")]
struct Write(Py<StartResponse>);

#[pymethods]
impl Write {
    #[pyo3(signature = (data, /))]
    fn __call__(&self, py: Python<'_>, data: &Bound<'_, PyAny>) -> PyResult<()> {
        self.0.get().0.send(py, block(data)?)
    }
}

/// A block of the content.
pub(super) fn block(data: &Bound<'_, PyAny>) -> PyResult<Bytes> {
    match data.cast::<PyBytes>() {
        Ok(data) => Ok(shared::bytes(data)),
        Err(_) => {
            let kind = data.get_type().qualname()?;
            Err(PyTypeError::new_err(format!("the content of a response is bytes, not {kind}")))
        }
    }
}

fn head(status: &Bound<'_, PyAny>, headers: &Bound<'_, PyAny>) -> PyResult<Head> {
    let (status, reason) = status_line(status)?;
    let mut map = HeaderMap::new();
    let mut length = None;
    for pair in headers.try_iter()? {
        let pair = pair?;
        let Ok((name, value)) = pair.extract::<(Bound<'_, PyAny>, Bound<'_, PyAny>)>() else {
            return Err(PyTypeError::new_err(format!("a header is a pair of name and value, not {pair:?}")));
        };
        let (name, value) = field(&name, &value)?;
        if name == header::CONTENT_LENGTH && length.replace(content_length(&value)?).is_some() {
            return Err(PyValueError::new_err("two Content-Length headers"));
        }
        map.append(name, value);
    }
    Ok(Head { status, reason, headers: map, length })
}

/// "200 OK". The reason is sent as it is given.
fn status_line(status: &Bound<'_, PyAny>) -> PyResult<(StatusCode, Option<ReasonPhrase>)> {
    let bad = || PyValueError::new_err(format!("the status is like \"200 OK\", not {status:?}"));
    let bytes = latin_1(status, "the status")?;
    let (code, reason) = bytes.split_at_checked(3).ok_or_else(bad)?;
    let code = StatusCode::from_bytes(code).map_err(|_| bad())?;
    if code.is_informational() {
        return Err(PyValueError::new_err(format!("the status is a final one, not {status:?}")));
    }
    let reason = match reason {
        [] => None,
        [b' ', reason @ ..] => Some(reason),
        _ => return Err(bad()),
    };
    // The server knows the usual ones.
    let own = reason.filter(|reason| state::reason(code.as_u16()).map(str::as_bytes) != Some(*reason));
    Ok((code, own.map(ReasonPhrase::try_from).transpose().map_err(|_| bad())?))
}

fn field(name: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<(HeaderName, HeaderValue)> {
    let bytes = latin_1(name, "the name of a header")?;
    let parsed = HeaderName::from_bytes(&bytes)
        .map_err(|_| PyValueError::new_err(format!("{name:?} cannot be the name of a header")))?;
    if is_hop_by_hop(&parsed) {
        return Err(PyValueError::new_err(format!(
            "{name:?} is about the connection, which is the server's affair (PEP 3333)"
        )));
    }
    let bytes = latin_1(value, "the value of a header")?;
    let value = HeaderValue::from_bytes(&bytes).map_err(|_| {
        PyValueError::new_err(format!("header {parsed}: {value:?} holds a control character"))
    })?;
    Ok((parsed, value))
}

/// Fields that an application must not send (PEP 3333, "Other HTTP Features").
fn is_hop_by_hop(name: &HeaderName) -> bool {
    const THOSE: [HeaderName; 7] = [
        header::CONNECTION,
        header::PROXY_AUTHENTICATE,
        header::PROXY_AUTHORIZATION,
        header::TE,
        header::TRAILER,
        header::TRANSFER_ENCODING,
        header::UPGRADE,
    ];
    THOSE.contains(name) || matches!(name.as_str(), "keep-alive" | "trailers")
}

fn content_length(value: &HeaderValue) -> PyResult<u64> {
    let bad = || PyValueError::new_err(format!("Content-Length is a number, not {value:?}"));
    let digits = value.to_str().map_err(|_| bad())?;
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(bad());
    }
    digits.parse().map_err(|_| bad())
}

/// The bytes that a native string of WSGI stands for.
fn latin_1<'a>(text: &'a Bound<'_, PyAny>, what: &str) -> PyResult<Cow<'a, [u8]>> {
    let Ok(text) = text.cast::<PyString>() else {
        let kind = text.get_type().qualname()?;
        return Err(PyTypeError::new_err(format!("{what} is str, not {kind}: {text:?}")));
    };
    text.to_str().ok().and_then(native_to_bytes).ok_or_else(|| {
        PyValueError::new_err(format!("{what} has only characters up to U+00FF (PEP 3333): {text:?}"))
    })
}
