//! WSGI (PEP 3333): an environ in, `start_response` and an iterable out.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use poorwsgi::BoxError;
use poorwsgi::request::Head;
use poorwsgi::response::{Blocks as _, Body, BodyKind};
use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};

use crate::application::Application;
use crate::environ::Environ;

/// The most that is asked of `wsgi.input` at once.
const BLOCK: u64 = 64 << 10;

/// Calls the application for one request of a WSGI server.
pub(crate) fn answer<'py>(
    application: &Application,
    environ: &Bound<'py, PyDict>,
    start_response: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = environ.py();
    let head = Environ::new(environ);
    // A length that is no number is answered with 400 before anybody reads.
    let length = (&head as &dyn Head).content_length().ok().flatten().unwrap_or(0);
    let body = match environ.get_item("wsgi.input")? {
        Some(input) if length > 0 => Body::wrap(Input { input: input.unbind(), left: length }),
        _ => Body::empty(),
    };
    let mut response = ready(application.handle(Box::new(head), body))?;
    response.state_content();
    let status = format!("{} {}", response.status(), response.reason());
    let headers = PyList::empty(py);
    for (name, value) in response.headers().iter() {
        // A native string: one character for each byte.
        let value: String = value.as_bytes().iter().copied().map(char::from).collect();
        headers.append((name, value))?;
    }
    start_response.call1((status, headers))?;
    match response.into_body().into_kind() {
        BodyKind::Bytes(bytes) if bytes.is_empty() => Ok(PyList::empty(py).into_any()),
        BodyKind::Bytes(bytes) => Ok(PyList::new(py, [PyBytes::new(py, &bytes)])?.into_any()),
        kind => Ok(Bound::new(py, Blocks(Mutex::new(Some(kind))))?.into_any()),
    }
}

/// The result of a future that never waits, as neither Python calls nor the reading of `wsgi.input` do.
fn ready<T>(future: impl Future<Output = PyResult<T>>) -> PyResult<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => Err(PyRuntimeError::new_err("under WSGI nothing can be waited for")),
    }
}

/// `wsgi.input` as a body. Reading it blocks, as WSGI does.
struct Input {
    input: Py<PyAny>,
    left: u64,
}

impl Input {
    fn read(&mut self) -> Result<Bytes, BoxError> {
        let asked = self.left.min(BLOCK);
        let data = Python::attach(|py| {
            let data = self.input.bind(py).call_method1("read", (asked,))?;
            let data =
                data.cast::<PyBytes>().map_err(|_| PyTypeError::new_err("wsgi.input gave no bytes"))?;
            PyResult::Ok(Bytes::copy_from_slice(data.as_bytes()))
        })?;
        match data.len() as u64 {
            0 => Err("the body ends too early".into()),
            length if length > asked => Err("wsgi.input gave more than it was asked for".into()),
            length => {
                self.left -= length;
                Ok(data)
            }
        }
    }
}

impl http_body::Body for Input {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Poll::Ready((self.left > 0).then(|| {
            // After an error nothing more is asked for.
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

/// The blocks of a body, for the WSGI server to iterate over.
#[pyclass(frozen, module = "poorwsgi.response")]
struct Blocks(Mutex<Option<BodyKind>>);

#[pymethods]
impl Blocks {
    fn __iter__(this: Py<Self>) -> Py<Self> {
        this
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let block = py.detach(|| self.next_block());
        let block =
            block.map_err(|error| PyRuntimeError::new_err(format!("the response broke off: {error}")))?;
        Ok(block.map(|block| PyBytes::new(py, &block)))
    }

    /// Lets go of the file, whether it was read to its end or not.
    fn close(&self, py: Python<'_>) {
        py.detach(|| self.0.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

impl Blocks {
    fn next_block(&self) -> Result<Option<Bytes>, BoxError> {
        let mut kind = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match kind.as_mut() {
            None => Ok(None),
            Some(BodyKind::File(range)) => range.next_block(),
            Some(BodyKind::Blocks(blocks)) => blocks.next_block(),
            Some(BodyKind::Stream(stream)) => {
                match Pin::new(stream).poll_frame(&mut Context::from_waker(Waker::noop())) {
                    Poll::Ready(frame) => Ok(frame.transpose()?.and_then(|frame| frame.into_data().ok())),
                    Poll::Pending => Err("under WSGI nothing can be waited for".into()),
                }
            }
            Some(_) => Err("a body of an unknown kind".into()),
        }
    }
}
