//! `Response`: text or bytes.

use std::mem;

use bytes::{Bytes, BytesMut};
use poorwsgi_core::state::HTTP_OK;
use pyo3::exceptions::{PyAssertionError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

use super::class::response_class;
use crate::names::{Name, kind_of};
use crate::octets;
use crate::response::base::{BaseResponse, ResponseArguments, ResponseData, status};
use crate::response::blocks;
use crate::response::content::closed;
use crate::response::media_type::HTML;

response_class! {
    /// A response with text or bytes.
    ///
    /// A str is sent as UTF-8. A response can be sent only once.
    Response: BaseResponse, "(data=b'', content_type='text/html; charset=utf-8', headers=None, status_code=200)"
}

/// The bytes of a str (as UTF-8) or bytes.
fn encoded(data: &Bound<'_, PyAny>) -> PyResult<Bytes> {
    if let Ok(text) = data.cast::<PyString>() {
        return octets::of_text(text);
    }
    match data.cast::<PyBytes>() {
        Ok(bytes) => Ok(octets::of_bytes(bytes)),
        Err(_) => Err(PyAssertionError::new_err(format!("data is {}; expected str or bytes", kind_of(data)))),
    }
}

#[pymethods]
impl Response {
    #[pyo3(signature = (data = None, content_type = HTML, headers = None, status_code = HTTP_OK))]
    pub(super) fn __init__(
        slf: &Bound<'_, Self>,
        data: Option<&Bound<'_, PyAny>>,
        content_type: Option<&str>,
        headers: Option<&Bound<'_, PyAny>>,
        #[pyo3(from_py_with = status)] status_code: u16,
    ) -> PyResult<()> {
        let data = data.map_or_else(|| Ok(Bytes::new()), encoded)?;
        let parts = ResponseArguments {
            content_type,
            headers,
            status: status_code,
            payload: ResponseData::Data(data),
        };
        BaseResponse::init(slf.as_super(), parts)
    }

    /// The content as bytes.
    #[getter]
    fn data<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let buffer = match &slf.as_super().try_borrow()?.payload {
            ResponseData::Data(data) => return Ok(PyBytes::new(py, data).into_any()),
            ResponseData::Buffer(buffer) => buffer.clone_ref(py),
            _ => return Ok(PyBytes::new(py, b"").into_any()),
        };
        if buffer.getattr(py, "closed")?.is_truthy(py)? {
            closed(py, "warning")?;
            return Ok(PyBytes::new(py, b"").into_any());
        }
        buffer.bind(py).call_method0("getvalue")
    }

    /// Appends a str or a bytes-like object (bytes, bytearray, memoryview) to the content.
    fn write(slf: &Bound<'_, Self>, data: &Bound<'_, PyAny>) -> PyResult<()> {
        let added = match data.cast::<PyString>() {
            Ok(text) => Some(octets::of_text(text)?),
            Err(_) => blocks::bytes(data)?,
        };
        let added = added.ok_or_else(|| {
            PyTypeError::new_err(format!("data is {}; expected str or bytes", kind_of(data)))
        })?;
        let mut base = slf.as_super().try_borrow_mut()?;
        match &mut base.payload {
            ResponseData::Data(content) => {
                // In place, unless the memory belongs to a Python object.
                let mut all = BytesMut::from(mem::take(content));
                all.extend_from_slice(&added);
                *content = all.freeze();
            }
            ResponseData::Buffer(buffer) => {
                let buffer = buffer.clone_ref(slf.py()).into_bound(slf.py());
                drop(base);
                buffer.call_method1("seek", (0, 2))?;
                buffer.call_method1("write", (PyBytes::new(slf.py(), &added),))?;
            }
            _ => base.payload = ResponseData::Data(added),
        }
        Ok(())
    }

    /// The content as an IBytesIO that can be changed; some subclasses of PoorWSGI's Response use this
    /// private name.
    #[getter(_Response__buffer)]
    fn buffer<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        static BUFFER: Name = Name::new("poorwsgi.response", "IBytesIO");
        let py = slf.py();
        if let ResponseData::Buffer(buffer) = &slf.as_super().try_borrow()?.payload {
            return Ok(buffer.bind(py).clone());
        }
        let buffer = BUFFER.get(py)?.call1((Self::data(slf)?,))?;
        slf.as_super().try_borrow_mut()?.payload = ResponseData::Buffer(buffer.clone().unbind());
        Ok(buffer)
    }
}
