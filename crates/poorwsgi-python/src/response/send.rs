//! Conversion of a Python response object to a response of the engine, and to the calls of WSGI.

use std::mem;
use std::sync::{Mutex, PoisonError};

use bytes::BytesMut;
use http::header::CONTENT_LENGTH;
use poorwsgi_core::headers::{Headers as EngineHeaders, RangeSpec};
use poorwsgi_core::response::{
    self, Blocking, Blocks as _, Body, BodyKind, FIELDS_OF_CONTENT, Ranges, state_content,
};
use poorwsgi_core::state::{HTTP_NOT_MODIFIED, HTTP_OK, HTTP_RANGE_NOT_SATISFIABLE, Method};
use pyo3::exceptions::{PyRuntimeError, PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyTuple};

use super::base::{BaseResponse, Payload};
use super::blocks::{self, Blocks, FileBlocks, Items};
use super::classes::{self, Declined, GeneratorResponse};
use super::to_object::from_engine;
use crate::exceptions::{HTTPException, known};
use crate::headers::{headers_from_python, native_pairs};
use crate::log;
use crate::names::{Name, overrides};

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
    let code = code.ok_or_else(|| PyValueError::new_err(format!("Bad response status {status:?}")))?;
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
    if let Ok(blocks) = content.cast::<Blocks>() {
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
    blocks::bytes(&data)?.ok_or_else(|| PyTypeError::new_err("a buffer gave no bytes"))
}

/// Converts the object, with everything that was set on it.
fn take(object: &Bound<'_, BaseResponse>) -> PyResult<response::Response> {
    let py = object.py();
    let (content_type, status, payload, ranges, headers) = {
        let mut base = object.try_borrow_mut()?;
        if mem::replace(&mut base.is_sent, true) {
            return Err(PyRuntimeError::new_err(
                "this response was sent already; a response can be used only once",
            ));
        }
        let ranges = match (base.status, base.units.as_deref()) {
            (HTTP_OK, Some("bytes")) if base.ranges.is_empty() => Ranges::Offered,
            (HTTP_OK, Some("bytes")) => Ranges::Chosen(base.ranges.iter().filter_map(spec).collect()),
            _ => Ranges::Refused,
        };
        let headers = match &base.headers {
            Some(headers) => headers.get().to_engine(),
            None => response::default_headers(),
        };
        base.sent_length = base.length(py).ok();
        (base.content_type.clone(), base.status, mem::take(&mut base.payload), ranges, headers)
    };
    if status == HTTP_NOT_MODIFIED {
        warn_about_304(py, &headers)?;
    }
    let mut made = response::Response::new(body(py, payload)?).with_headers(headers);
    if content_type.as_deref() != Some(super::HTML) {
        made = made.with_content_type(content_type.unwrap_or_default()).map_err(value_error)?;
    }
    if status != HTTP_OK {
        made.set_status(status).map_err(value_error)?;
    }
    made.set_ranges(ranges);
    Ok(made)
}

fn spec(range: &super::base::Range) -> Option<RangeSpec> {
    match *range {
        (Some(first), Some(last)) => Some(RangeSpec::FromTo(first, last)),
        (Some(first), None) => Some(RangeSpec::From(first)),
        (None, Some(length)) => Some(RangeSpec::Last(length)),
        (None, None) => None,
    }
}

fn body(py: Python<'_>, payload: Payload) -> PyResult<Body> {
    Ok(match payload {
        Payload::Empty => Body::empty(),
        Payload::Data(data) => data.into(),
        Payload::Buffer(buffer) => {
            let buffer = buffer.bind(py);
            if buffer.getattr("closed")?.is_truthy()? {
                closed(py, "error")?;
                return Ok(Body::empty());
            }
            blocks::bytes(&buffer.call_method0("getvalue")?)?.unwrap_or_default().into()
        }
        Payload::File { file, length } => {
            if file.bind(py).getattr("closed").and_then(|closed| closed.is_truthy()).unwrap_or(false) {
                closed(py, "error")?;
                return Ok(Body::empty());
            }
            Blocking::body(FileBlocks::new(file, length))
        }
        Payload::Items { items, text, length } => Blocking::body(Items::new(items.bind(py), text, length)?),
        Payload::FileRange(range) => range.into(),
        Payload::Engine(body) => body.into_inner().unwrap_or_else(PoisonError::into_inner),
    })
}

/// Logs that the content of a response was closed before it was sent.
pub(super) fn closed(py: Python<'_>, level: &str) -> PyResult<()> {
    let message = "The content of a response was closed before it was sent";
    log::write(py, "poorwsgi.response", level, message, ())
}

/// Warns if a 304 has fields that describe a representation, or lacks all fields that identify it (RFC 9110,
/// section 15.4.5).
fn warn_about_304(py: Python<'_>, headers: &EngineHeaders) -> PyResult<()> {
    let warn = |text: &str, names: String| log::write(py, "poorwsgi.response", "warning", text, (names,));
    let denied: Vec<_> = FIELDS_OF_CONTENT.into_iter().filter(|name| headers.contains(*name)).collect();
    if !denied.is_empty() {
        warn("304 is sent without headers of the representation: %s", denied.join(", "))?;
    }
    if !classes::NOT_MODIFIED_ONE_OF_REQUIRED.iter().any(|name| headers.contains(*name)) {
        warn(
            "304 should have one of the required headers: %s",
            classes::NOT_MODIFIED_ONE_OF_REQUIRED.join(", "),
        )?;
    }
    Ok(())
}

/// `__start_response__`: prepares the response as for a plain GET, and passes status and headers to
/// `start_response`.
pub(super) fn start(object: &Bound<'_, BaseResponse>, start_response: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = object.py();
    let headers = BaseResponse::headers_of(object)?;
    let (is_empty, stated) = {
        let base = object.try_borrow()?;
        (matches!(base.payload, Payload::Empty), base._content_length)
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

/// `__end_of_response__`: the content as an iterator that can also be read like a file.
pub(super) fn end<'py>(object: &Bound<'py, BaseResponse>) -> PyResult<Bound<'py, PyAny>> {
    static BUFFER: Name = Name::new("poorwsgi.response", "IBytesIO");
    let py = object.py();
    let (finished, again) = {
        let mut base = object.try_borrow_mut()?;
        match base.finished.take() {
            Some(body) => (body.into_inner().unwrap_or_else(PoisonError::into_inner), None),
            None => {
                let payload = mem::take(&mut base.payload);
                let again = match &payload {
                    Payload::Items { items, text, length } => {
                        Some(Payload::Items { items: items.clone_ref(py), text: *text, length: *length })
                    }
                    Payload::Data(data) => Some(Payload::Data(data.clone())),
                    _ => None,
                };
                drop(base);
                (body(py, payload)?, again)
            }
        }
    };
    if let Some(payload) = again {
        object.try_borrow_mut()?.payload = payload;
    }
    match BodyKind::from_body(finished) {
        BodyKind::Bytes(_) if object.is_exact_instance_of::<BaseResponse>() => {
            Ok(PyBytes::new(py, b"").into_any())
        }
        BodyKind::Bytes(data) => BUFFER.get(py)?.call1((PyBytes::new(py, &data),)),
        kind => Ok(Bound::new(py, Blocks::new(kind.into()))?.into_any()),
    }
}

pub(super) fn value_error(error: impl std::fmt::Display) -> PyErr {
    PyValueError::new_err(error.to_string())
}
