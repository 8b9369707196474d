//! `wsgi.input` of a WSGI server as the body of a request.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use poorwsgi_core::request::{EarlyEnd, Head};
use poorwsgi_core::response::Body;
use poorwsgi_core::{BoxError, HttpError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::environ::EnvironHead;
use crate::names::no_bytes;
use crate::octets;

/// How many bytes are read from `wsgi.input` at once. A file of 64 KiB in a form fits into one block, and
/// blocks of this size do not make the allocator map and unmap pages each time.
const BLOCK: u64 = 96 << 10;

/// The body of a request, read from `wsgi.input`. A length that is no number is answered with 400 before the
/// body is read.
pub(crate) fn body_of(py: Python<'_>, head: &EnvironHead) -> PyResult<Body> {
    if !head.has_length() {
        return Ok(Body::empty());
    }
    let length = (head as &dyn Head).content_length().ok().flatten().unwrap_or(0);
    Ok(match head.dict(py).get_item(intern!(py, "wsgi.input"))? {
        Some(input) if length > 0 => Body::wrap(InputBody { input: Some(input.unbind()), left: length }),
        _ => Body::empty(),
    })
}

/// `wsgi.input` as a body. Reading blocks, as usual in WSGI.
struct InputBody {
    input: Option<Py<PyAny>>,
    left: u64,
}

impl InputBody {
    fn read(&mut self) -> Result<Bytes, BoxError> {
        let asked = self.left.min(BLOCK);
        let Some(input) = &self.input else { return Ok(Bytes::new()) };
        let data = Python::attach(|py| {
            let data = input.bind(py).call_method1(intern!(py, "read"), (asked,))?;
            let data = data.cast_into::<PyBytes>().map_err(|error| no_bytes(&error.into_inner()))?;
            PyResult::Ok(octets::of_bytes(&data))
        })?;
        match data.len() as u64 {
            0 => Err(HttpError::from(EarlyEnd { missing: Some(self.left) }).into()),
            length if length > asked => {
                Err(format!("wsgi.input.read({asked}) returned {length} bytes, more than it was asked for")
                    .into())
            }
            length => {
                self.left -= length;
                Ok(data)
            }
        }
    }
}

impl Drop for InputBody {
    /// While attached to the interpreter: see [`Releasable`](crate::forked::Releasable).
    fn drop(&mut self) {
        let _ = Python::try_attach(|_| self.input = None);
    }
}

impl http_body::Body for InputBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Poll::Ready((self.left > 0).then(|| {
            // Nothing more is read after an error.
            self.read().inspect_err(|_| self.left = 0).map(Frame::data)
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
