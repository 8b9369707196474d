//! `start_response`, and the `write` that it returns.

use bytes::Bytes;
use http::{HeaderMap, header};
use poorwsgi_core::headers::{Spellings, connection};
use poorwsgi_core::response::DeclaredLength;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::pending_response::{PendingResponse, ResponseHead};
use crate::headers::{each_field, error_info, field_value, raised_again, status_line};
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
        let exc_info = error_info(exc_info)?;
        if let Some(exc_info) = exc_info
            && pending.is_begun()
        {
            return Err(raised_again(exc_info)?);
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
            Err(PyTypeError::new_err(format!(
                "a part of the response is of type {kind} instead of bytes (PEP 3333); encode text first: text.encode()"
            )))
        }
    }
}

fn head(status: &Bound<'_, PyAny>, headers: &Bound<'_, PyAny>) -> PyResult<ResponseHead> {
    let (status, reason) = status_line(status)?;
    let (mut map, mut spellings) = (HeaderMap::new(), Spellings::default());
    let mut length = DeclaredLength::default();
    each_field(headers, |name, spelling, value| {
        if let Some(number) = connection::position(&name, status.as_u16()) {
            connection::tell_left_out(number, spelling);
            return Ok(());
        }
        let value = field_value(&name, value)?;
        spellings.add(spelling);
        if name == header::CONTENT_LENGTH {
            length.add(value.as_bytes()).map_err(|error| PyValueError::new_err(error.to_string()))?;
        } else {
            map.append(name, value);
        }
        Ok(())
    })?;
    let length = length.get();
    if let Some(length) = length {
        map.insert(header::CONTENT_LENGTH, length.into());
    }
    Ok(ResponseHead { status, reason, headers: map, spellings, length })
}
