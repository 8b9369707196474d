//! `start_response`, and the `write` that it returns.

use std::borrow::Cow;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use hyper::ext::ReasonPhrase;
use poorwsgi_core::headers::{Spellings, connection};
use poorwsgi_core::response::{DeclaredLength, check_final};
use poorwsgi_core::state;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyString};

use super::pending_response::{PendingResponse, ResponseHead};
use crate::headers::native_to_bytes;
use crate::octets;

/// Begins the response of a WSGI callable: start_response(status, headers, exc_info=None) -> write.
///
/// status is like "200 OK", headers a list of pairs of str. Those about the connection, such as Connection,
/// are left out: the server sets them. A second call is an AssertionError, unless it gives exc_info: then it
/// replaces the first, or raises that exception when the first has been sent already.
#[pyclass(frozen, name = "start_response", module = "poorwsgi.server")]
pub(super) struct StartResponse(pub(super) PendingResponse);

#[pymethods]
impl StartResponse {
    #[pyo3(signature = (status, headers, exc_info = None))]
    fn __call__(
        slf: &Bound<'_, Self>,
        status: &Bound<'_, PyAny>,
        headers: &Bound<'_, PyAny>,
        exc_info: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Py<Write>> {
        let pending = &slf.get().0;
        let exc_info = exc_info.map_or(Ok(None), |given| given.is_truthy().map(|is| is.then_some(given)))?;
        if let Some(exc_info) = exc_info
            && pending.is_begun()
        {
            let (_, value, traceback): (Bound<'_, PyAny>, Bound<'_, PyAny>, Bound<'_, PyAny>) =
                exc_info.extract()?;
            value.call_method1("with_traceback", (traceback,))?;
            return Err(PyErr::from_value(value));
        }
        pending.start(head(status, headers)?, exc_info.is_some())?;
        Py::new(slf.py(), Write(slf.clone().unbind()))
    }
}

/// Sends content at once: write(data). For old applications; others return an iterable.
#[pyclass(frozen, name = "write", module = "poorwsgi.server")]
struct Write(Py<StartResponse>);

#[pymethods]
impl Write {
    #[pyo3(signature = (data))]
    fn __call__(&self, py: Python<'_>, data: &Bound<'_, PyAny>) -> PyResult<()> {
        self.0.get().0.send(py, block(data)?)
    }
}

/// A block of the content.
pub(super) fn block(data: &Bound<'_, PyAny>) -> PyResult<Bytes> {
    match data.cast::<PyBytes>() {
        Ok(data) => Ok(octets::of_bytes(data)),
        Err(_) => {
            let kind = data.get_type().qualname()?;
            Err(PyTypeError::new_err(format!("the content of a response is bytes, not {kind}")))
        }
    }
}

fn head(status: &Bound<'_, PyAny>, headers: &Bound<'_, PyAny>) -> PyResult<ResponseHead> {
    let (status, reason) = status_line(status)?;
    let (mut map, mut spellings) = (HeaderMap::new(), Spellings::default());
    let mut length = DeclaredLength::default();
    for pair in headers.try_iter()? {
        let (name, value) = name_and_value(&pair?)?;
        let (name, spelling) = (field_name(&name)?, name);
        if let Some(number) = connection::position(&name, status.as_u16()) {
            connection::tell_left_out(number, &spelling.str()?.to_string_lossy());
            continue;
        }
        let value = field_value(&name, &value)?;
        spellings.add(spelling.cast::<PyString>()?.to_str()?);
        if name == header::CONTENT_LENGTH {
            length.add(value.as_bytes()).map_err(|error| PyValueError::new_err(error.to_string()))?;
        } else {
            map.append(name, value);
        }
    }
    let length = length.get();
    if let Some(length) = length {
        map.insert(header::CONTENT_LENGTH, length.into());
    }
    Ok(ResponseHead { status, reason, headers: map, spellings, length })
}

/// The two items of a tuple or a list.
fn name_and_value<'py>(pair: &Bound<'py, PyAny>) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
    let tuple = match pair.cast::<PyList>() {
        Ok(list) => list.to_tuple().into_any(),
        Err(_) => pair.clone(),
    };
    tuple
        .extract()
        .map_err(|_| PyTypeError::new_err(format!("a header is a pair of name and value, not {pair:?}")))
}

/// "200 OK". The reason is sent as it is given.
fn status_line(status: &Bound<'_, PyAny>) -> PyResult<(StatusCode, Option<ReasonPhrase>)> {
    let bad = || PyValueError::new_err(format!("the status is like \"200 OK\", not {status:?}"));
    let bytes = latin_1(status, "the status")?;
    let (code, reason) = bytes.split_at_checked(3).ok_or_else(bad)?;
    let code = StatusCode::from_bytes(code).map_err(|_| bad())?;
    check_final(code.as_u16()).map_err(|error| PyValueError::new_err(error.to_string()))?;
    let reason = match reason {
        [] => None,
        [b' ', reason @ ..] => Some(reason),
        _ => return Err(bad()),
    };
    // The server knows the usual ones.
    let own = reason.filter(|reason| state::reason(code.as_u16()).map(str::as_bytes) != Some(*reason));
    Ok((code, own.map(ReasonPhrase::try_from).transpose().map_err(|_| bad())?))
}

fn field_name(name: &Bound<'_, PyAny>) -> PyResult<HeaderName> {
    let bytes = latin_1(name, "the name of a header")?;
    HeaderName::from_bytes(&bytes)
        .map_err(|_| PyValueError::new_err(format!("{name:?} cannot be the name of a header")))
}

fn field_value(name: &HeaderName, value: &Bound<'_, PyAny>) -> PyResult<HeaderValue> {
    let bytes = latin_1(value, "the value of a header")?;
    HeaderValue::from_bytes(&bytes)
        .map_err(|_| PyValueError::new_err(format!("header {name}: {value:?} holds a control character")))
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
