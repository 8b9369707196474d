//! The response of a WSGI callable (PEP 3333) that is mounted in an application.

use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};
use http::StatusCode;
use hyper::ext::ReasonPhrase;
use poorwsgi_core::BoxError;
use poorwsgi_core::headers::Headers;
use poorwsgi_core::response::{Blocking, Blocks as EngineBlocks, Body, Response};
use pyo3::exceptions::{PyAssertionError, PyTypeError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyTuple};

use super::blocks::{Items, ResponseBlocks, raised};
use crate::closing::close;
use crate::headers::{
    CALLED_BEFORE, each_field, error_info, field_value, header_error, raised_again, status_line,
};

/// Calls a WSGI callable, and returns its response. The callable runs up to its first block of content, so
/// that the head is known; the rest of the content is generated while it is sent.
pub(crate) fn of_callable(callable: &Bound<'_, PyAny>, environ: &Bound<'_, PyDict>) -> PyResult<Response> {
    let start = Bound::new(callable.py(), MountedStartResponse::default())?;
    let result = callable.call1((environ, &start))?;
    let body = content(&result, start.get())?;
    let Some(MountedHead { status, reason, headers }) = start.get().begin().head else {
        return Err(PyAssertionError::new_err("start_response was not called before the content"));
    };
    let mut made = http::Response::new(Body::empty());
    *made.status_mut() = status;
    if let Some(reason) = reason {
        made.extensions_mut().insert(reason);
    }
    let mut made = Response::from(made).with_headers(headers);
    made.set_body(body);
    Ok(made)
}

/// The content: what was written, and what the callable has returned, which is closed at the end.
fn content(result: &Bound<'_, PyAny>, start: &MountedStartResponse) -> PyResult<Body> {
    if let Ok(blocks) = result.cast_exact::<ResponseBlocks>() {
        // Of one of our applications.
        return Ok(blocks.get().take());
    }
    let mut items = Items::new(result, false, None).inspect_err(|_| drop(close(result)))?;
    let is_at_hand = result.is_instance_of::<PyList>() || result.is_instance_of::<PyTuple>();
    let mut first = BytesMut::new();
    while let Some(block) = items.next_block().map_err(raised)? {
        first.extend_from_slice(&block);
        if !first.is_empty() && !is_at_hand {
            break;
        }
    }
    let is_complete = is_at_hand || first.is_empty();
    let mut content = mem::take(&mut start.lock().written);
    content.extend_from_slice(&first);
    Ok(match is_complete {
        true => content.freeze().into(),
        false => Blocking::body(Rest { first: Some(content.freeze()), items }),
    })
}

/// Content whose first block is known.
struct Rest {
    first: Option<Bytes>,
    items: Items,
}

impl EngineBlocks for Rest {
    fn next_block(&mut self) -> Result<Option<Bytes>, BoxError> {
        match self.first.take() {
            Some(first) => Ok(Some(first)),
            None => self.items.next_block(),
        }
    }
}

struct MountedHead {
    status: StatusCode,
    reason: Option<ReasonPhrase>,
    headers: Headers,
}

/// The `start_response` of a mounted callable.
#[pyclass(frozen, name = "start_response", module = "poorwsgi.wsgi")]
#[derive(Default)]
struct MountedStartResponse(Mutex<MountedResponse>);

#[derive(Default)]
struct MountedResponse {
    head: Option<MountedHead>,
    written: BytesMut,
    /// Whether the head is on its way, and cannot be replaced.
    is_begun: bool,
}

impl MountedStartResponse {
    /// No Python code runs while it is locked.
    fn lock(&self) -> MutexGuard<'_, MountedResponse> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self) -> MountedResponse {
        mem::replace(&mut *self.lock(), MountedResponse { is_begun: true, ..MountedResponse::default() })
    }
}

#[pymethods]
impl MountedStartResponse {
    #[pyo3(signature = (status, headers, exc_info = None))]
    fn __call__<'py>(
        slf: &Bound<'py, Self>,
        status: &Bound<'py, PyAny>,
        headers: &Bound<'py, PyAny>,
        exc_info: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let exc_info = error_info(exc_info)?;
        let is_begun = slf.get().lock().is_begun;
        if let Some(exc_info) = exc_info
            && is_begun
        {
            return Err(raised_again(exc_info)?);
        }
        let (status, reason) = status_line(status)?;
        let mut fields = Headers::new();
        each_field(headers, |name, spelling, value| {
            fields.append(spelling, field_value(&name, value)?).map_err(header_error)
        })?;
        let mut started = slf.get().lock();
        if exc_info.is_none() && (is_begun || started.head.is_some()) {
            return Err(PyAssertionError::new_err(CALLED_BEFORE));
        }
        started.head = Some(MountedHead { status, reason, headers: fields });
        drop(started);
        slf.getattr(intern!(slf.py(), "write"))
    }

    /// Sends content before that which the callable returns, for old applications.
    fn write(&self, data: &Bound<'_, PyAny>) -> PyResult<()> {
        let Ok(data) = data.cast::<PyBytes>() else {
            let kind = data.get_type().qualname()?;
            return Err(PyTypeError::new_err(format!("the content of a response is bytes, not {kind}")));
        };
        self.lock().written.extend_from_slice(data.as_bytes());
        Ok(())
    }
}
