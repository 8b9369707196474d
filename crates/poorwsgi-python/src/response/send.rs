//! Conversion of a Python response object to a response of the engine, and to the calls of WSGI.

use std::mem;
use std::sync::Mutex;

use bytes::BytesMut;
use http::header::CONTENT_LENGTH;
use poorwsgi_core::headers::Headers as EngineHeaders;
use poorwsgi_core::response::{self, Blocking, Blocks as _, Body, Ranges, state_content};
use poorwsgi_core::state::{HTTP_OK, HTTP_RANGE_NOT_SATISFIABLE, Method};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};

use super::base::{BaseResponse, ResponseData};
use super::blocks::{self, Items, ResponseBlocks};
use super::classes::{self, Declined, GeneratorResponse};
use super::content::{self, take, value_error};
use super::to_object::from_engine;
use crate::exceptions::{HTTPException, bad_status, known};
use crate::headers::{headers_from_python, native_pairs};
use crate::names::{Name, kind_of, overrides};

const SENDING: &[&str] = &["__call__", "__start_response__", "__end_of_response__"];

/// Converts a Python response to one of the engine. The object is consumed: a response can be sent only once.
pub(crate) fn to_engine(object: &Bound<'_, BaseResponse>) -> PyResult<response::Response> {
    let py = object.py();
    if object.is_instance_of::<Declined>() {
        return Ok(response::Response::declined());
    }
    let kind = object.get_type();
    if let Ok(generator) = object.cast::<GeneratorResponse>()
        && overrides(&kind, &py.get_type::<GeneratorResponse>(), &["__range_generator__"])?
    {
        let content = content_body(&generator.call_method0(intern!(py, "__range_generator__"))?)?;
        let mut made = take(object)?;
        made.set_body(content);
        made.set_ranges(Ranges::Refused);
        return Ok(made);
    }
    if classes::is_ours(&kind) || !overrides(&kind, &py.get_type::<BaseResponse>(), SENDING)? {
        return take(object);
    }
    let started = Bound::new(py, Started::default())?;
    let content = object.call1((&started,))?;
    let Some((status, headers)) = mem::take(&mut started.try_borrow_mut()?.0) else {
        return Ok(response::Response::declined());
    };
    from_wsgi(&status, headers, &content)
}

/// The `start_response` that is passed to subclasses that override how a response is sent.
#[pyclass]
#[derive(Default)]
struct Started(Option<(String, EngineHeaders)>);

#[pymethods]
impl Started {
    #[pyo3(signature = (status, headers, _exc_info = None))]
    fn __call__(
        &mut self,
        status: String,
        headers: &Bound<'_, PyAny>,
        _exc_info: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        self.0 = Some((status, headers_from_python(headers)?));
        Ok(())
    }
}

fn from_wsgi(
    status: &str,
    mut headers: EngineHeaders,
    content: &Bound<'_, PyAny>,
) -> PyResult<response::Response> {
    let code = status.split(' ').next().and_then(|code| code.parse().ok());
    let code = code.ok_or_else(|| PyValueError::new_err(bad_status(format_args!("{status:?}"))))?;
    let body = content_body(content)?;
    if body.length().is_some() {
        // The Content-Length of the original content.
        headers.remove(CONTENT_LENGTH);
    }
    let mut made = response::Response::new(body).with_headers(headers);
    made = made.with_content_type("").map_err(value_error)?;
    made.set_status(known(content.py(), code)?).map_err(value_error)?;
    Ok(made)
}

/// The iterable that a subclass returned, as a body.
fn content_body(content: &Bound<'_, PyAny>) -> PyResult<Body> {
    if let Ok(blocks) = content.cast::<ResponseBlocks>() {
        return Ok(blocks.get().take());
    }
    if let Some(bytes) = blocks::bytes(content)? {
        return Ok(bytes.into());
    }
    if is_buffer(content)? {
        return Ok(read_buffer(content)?.into());
    }
    let mut items = Items::new(content, false, None)?;
    if content.is_instance_of::<PyList>() || content.is_instance_of::<PyTuple>() {
        // All items are in memory, so the length is known.
        let mut whole = BytesMut::new();
        while let Some(block) = items.next_block().map_err(blocks::raised)? {
            whole.extend_from_slice(&block);
        }
        return Ok(whole.freeze().into());
    }
    Ok(Blocking::body(items))
}

fn is_buffer(object: &Bound<'_, PyAny>) -> PyResult<bool> {
    static BYTES_IO: Name = Name::new("io", "BytesIO");
    object.is_instance(BYTES_IO.get(object.py())?)
}

fn read_buffer(buffer: &Bound<'_, PyAny>) -> PyResult<bytes::Bytes> {
    let data = buffer.call_method0(intern!(buffer.py(), "read"))?;
    blocks::bytes(&data)?.ok_or_else(|| {
        PyTypeError::new_err(format!(
            "read() of the response's buffer returned {} instead of bytes",
            kind_of(&data)
        ))
    })
}

/// `__start_response__`: prepares the response as for a plain GET, and passes status and headers to
/// `start_response`.
fn start(object: &Bound<'_, BaseResponse>, start_response: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = object.py();
    let headers = BaseResponse::headers_of(object)?;
    let (is_empty, stated) = {
        let base = object.try_borrow()?;
        (matches!(base.payload, ResponseData::Empty), base._content_length)
    };
    let made = take(object)?;
    let was = made.status();
    let mut made = response::finish(Method::Get, |_| None, made).map_err(value_error)?;
    state_content(&mut made);
    if was == HTTP_OK && made.status() == HTTP_RANGE_NOT_SATISFIABLE {
        return Err(HTTPException::of_response(py, from_engine(py, made)?.into_any()));
    }
    if is_empty {
        // A subclass may send its own content, and announce the length with `_content_length`.
        made.headers_mut().remove(CONTENT_LENGTH);
        if let Some(length) = stated {
            made.headers_mut().put(CONTENT_LENGTH, length.into());
        }
    }
    *headers.get().lock() = made.headers().clone();
    let list = native_pairs(py, made.headers())?;
    let status = match made.status() {
        status if status == was => format!("{was} {}", object.getattr("reason")?),
        status => format!("{status} {}", made.reason()),
    };
    object.try_borrow_mut()?.finished = Some(Mutex::new(made.into_body()));
    start_response.call1((status, list))?;
    Ok(())
}

#[pymethods]
impl BaseResponse {
    /// Calls start_response with status and headers. For subclasses that override how a response is sent.
    fn __start_response__(slf: &Bound<'_, Self>, start_response: &Bound<'_, PyAny>) -> PyResult<()> {
        start(slf, start_response)
    }

    /// Returns the iterable of the content. For subclasses that override how a response is sent.
    fn __end_of_response__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        content::end(slf)
    }

    /// Sends the response as a WSGI application does: calls start_response, and returns the content as an
    /// iterable. A response can be sent only once.
    fn __call__<'py>(
        slf: &Bound<'py, Self>,
        start_response: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        slf.call_method1("__start_response__", (start_response,))?;
        slf.call_method0("__end_of_response__")
    }
}
