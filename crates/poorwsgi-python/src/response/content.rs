//! What a response of Python sends, as the engine's response and as an iterable of Python.

use std::mem;
use std::sync::PoisonError;

use poorwsgi_core::headers::RangeSpec;
use poorwsgi_core::response::{self, Blocking, Body, BodyKind, Ranges, faults_of_not_modified};
use poorwsgi_core::state::{HTTP_NOT_MODIFIED, HTTP_OK};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::base::{BaseResponse, Range, ResponseData};
use super::blocks::{self, FileBlocks, Items, ResponseBlocks, ReturnedBy};
use super::media_type::HTML;
use crate::log;
use crate::names::Name;

/// Converts the object, with everything that was set on it.
pub(super) fn take(object: &Bound<'_, BaseResponse>) -> PyResult<response::Response> {
    let py = object.py();
    let (content_type, status, payload, origin, ranges, headers) = {
        let mut base = object.try_borrow_mut()?;
        if mem::replace(&mut base.is_sent, true) {
            return Err(PyRuntimeError::new_err(
                "this response was sent already; a response can be used only once",
            ));
        }
        let ranges = match base.units.as_deref() {
            Some("bytes") if base.ranges.is_empty() => Ranges::Offered,
            Some("bytes") => Ranges::Chosen(base.ranges.iter().filter_map(spec).collect()),
            _ => Ranges::Refused,
        };
        let headers = match &base.headers {
            Some(headers) => headers.get().to_engine(),
            None => response::default_headers(),
        };
        base.sent_length = base.length(py).ok();
        let (payload, origin) = (mem::take(&mut base.payload), base.origin.take());
        (base.content_type.clone(), base.status, payload, origin, ranges, headers)
    };
    if status == HTTP_NOT_MODIFIED {
        for fault in faults_of_not_modified(&headers) {
            log::write(py, "poorwsgi.response", "warning", "%s", (fault,))?;
        }
    }
    let mut made = response::Response::new(body(py, payload, origin)?).with_headers(headers);
    if content_type.as_deref() != Some(HTML) {
        made = made.with_content_type(content_type.unwrap_or_default()).map_err(value_error)?;
    }
    if status != HTTP_OK {
        made.set_status(status).map_err(value_error)?;
    }
    made.set_ranges(ranges);
    Ok(made)
}

fn spec(range: &Range) -> Option<RangeSpec> {
    match *range {
        (Some(first), Some(last)) => Some(RangeSpec::FromTo(first, last)),
        (Some(first), None) => Some(RangeSpec::From(first)),
        (None, Some(length)) => Some(RangeSpec::Last(length)),
        (None, None) => None,
    }
}

fn body(py: Python<'_>, payload: ResponseData, origin: Option<ReturnedBy>) -> PyResult<Body> {
    Ok(match payload {
        ResponseData::Empty => Body::empty(),
        ResponseData::Data(data) => data.into(),
        ResponseData::Buffer(buffer) => {
            let buffer = buffer.bind(py);
            if buffer.getattr("closed")?.is_truthy()? {
                closed(py, "error")?;
                return Ok(Body::empty());
            }
            blocks::bytes(&buffer.call_method0("getvalue")?)?.unwrap_or_default().into()
        }
        ResponseData::File { file, length } => {
            if file.bind(py).getattr("closed").and_then(|closed| closed.is_truthy()).unwrap_or(false) {
                closed(py, "error")?;
                return Ok(Body::empty());
            }
            Blocking::body(FileBlocks::new(file, length))
        }
        ResponseData::Items { items, text, length } => {
            Blocking::body(Items::new(items.bind(py), text, length)?.with_origin(origin))
        }
        ResponseData::FileRange(range) => range.into(),
        ResponseData::Engine(body) => body.into_inner().unwrap_or_else(PoisonError::into_inner),
    })
}

/// Logs that the content of a response was closed before it was sent.
pub(super) fn closed(py: Python<'_>, level: &str) -> PyResult<()> {
    let message = "The content of a response was closed before it was sent";
    log::write(py, "poorwsgi.response", level, message, ())
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
                    ResponseData::Items { items, text, length } => {
                        Some(ResponseData::Items { items: items.clone_ref(py), text: *text, length: *length })
                    }
                    ResponseData::Data(data) => Some(ResponseData::Data(data.clone())),
                    _ => None,
                };
                let origin = base.origin.as_ref().map(|origin| origin.clone_ref(py));
                drop(base);
                (body(py, payload, origin)?, again)
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
        kind => Ok(Bound::new(py, ResponseBlocks::new(kind.into()))?.into_any()),
    }
}

pub(super) fn value_error(error: impl std::fmt::Display) -> PyErr {
    PyValueError::new_err(error.to_string())
}
