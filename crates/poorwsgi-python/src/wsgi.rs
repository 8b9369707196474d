//! WSGI (PEP 3333): an environ in, `start_response` and an iterable out.

use std::future::Future;
use std::os::fd::IntoRawFd;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue};
use http_body::{Frame, SizeHint};
use poorwsgi_core::BoxError;
use poorwsgi_core::headers::Headers;
use poorwsgi_core::request::Head;
use poorwsgi_core::response::{Body, BodyKind, FileRange};
use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict, PyList, PyString, PyTuple};
use smallvec::SmallVec;

use crate::application::Application;
use crate::environ::Environ;
use crate::headers::value_to_native;
use crate::names::Name;
use crate::request::Source;
use crate::response::Blocks;
use crate::shared;

/// The most that is asked of `wsgi.input` at once: a body of 64 KiB is one block with whatever a form puts
/// around it, and the allocator does not map and unmap pages for each.
const BLOCK: u64 = 96 << 10;

/// What is proposed to `wsgi.file_wrapper`.
const FILE_BLOCK: u64 = 64 << 10;

/// Calls the application for one request of a WSGI server.
pub(crate) fn answer<'py>(
    application: &Bound<'py, Application>,
    environ: &Bound<'py, PyDict>,
    start_response: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = environ.py();
    let head = Environ::new(environ);
    let body = body(py, &head)?;
    let mut response = Application::handle(application, Source::Wsgi(head), body, Instant::now())?;
    if response.is_declined() {
        return Ok(PyTuple::empty(py).into_any());
    }
    response.state_content();
    start_response.call1((status_line(py, &response), native_pairs(py, response.headers())?))?;
    match response.into_body().into_kind() {
        BodyKind::Bytes(bytes) if bytes.is_empty() => Ok(PyTuple::empty(py).into_any()),
        BodyKind::Bytes(bytes) => Ok(PyTuple::new(py, [PyBytes::new(py, &bytes)])?.into_any()),
        BodyKind::File(range) => file(environ, range),
        kind => Ok(Bound::new(py, Blocks::new(kind.into()))?.into_any()),
    }
}

fn status_line<'py>(py: Python<'py>, response: &poorwsgi_core::Response) -> Bound<'py, PyString> {
    match response.status() {
        200 => intern!(py, "200 OK").clone(),
        status => PyString::new(py, &format!("{status} {}", response.reason())),
    }
}

/// The fields as the list of WSGI: pairs of native strings.
pub(crate) fn native_pairs<'py>(py: Python<'py>, headers: &Headers) -> PyResult<Bound<'py, PyList>> {
    let pairs = headers.fields().map(|(name, spelling, value)| match usual_pair(py, name, spelling, value) {
        Some(pair) => Ok(pair.clone()),
        None => {
            let name = match (name, spelling) {
                (_, Some(spelling)) => PyString::new(py, spelling),
                (&CONTENT_TYPE, None) => intern!(py, "Content-Type").clone(),
                (&CONTENT_LENGTH, None) => intern!(py, "Content-Length").clone(),
                (name, None) => PyString::new(py, &Headers::usual_spelling(name)),
            };
            PyTuple::new(py, [name, value_to_native(py, value)])
        }
    });
    PyList::new(py, pairs.collect::<PyResult<SmallVec<[_; 8]>>>()?)
}

/// The pairs that nearly every response has, made once.
fn usual_pair<'py>(
    py: Python<'py>,
    name: &HeaderName,
    spelling: Option<&str>,
    value: &HeaderValue,
) -> Option<&'py Bound<'py, PyTuple>> {
    static HTML: Pair = Pair::new("Content-Type", "text/html; charset=utf-8");
    static JSON: Pair = Pair::new("Content-Type", "application/json; charset=utf-8");
    static POWERED_BY: Pair = Pair::new("X-Powered-By", "PoorWSGI");
    if spelling.is_some() {
        return None;
    }
    if *name == CONTENT_TYPE {
        return [&HTML, &JSON].into_iter().find(|pair| value == pair.value)?.get(py);
    }
    (value == POWERED_BY.value && name.as_str() == "x-powered-by").then(|| POWERED_BY.get(py))?
}

struct Pair {
    name: &'static str,
    value: &'static str,
    made: PyOnceLock<Py<PyTuple>>,
}

impl Pair {
    const fn new(name: &'static str, value: &'static str) -> Self {
        Pair { name, value, made: PyOnceLock::new() }
    }

    fn get<'py>(&'static self, py: Python<'py>) -> Option<&'py Bound<'py, PyTuple>> {
        let make = || PyTuple::new(py, [self.name, self.value]).map(Bound::unbind);
        Some(self.made.get_or_try_init(py, make).ok()?.bind(py))
    }
}

/// A file, through the server's `wsgi.file_wrapper` where it has one: it may send the file without reading
/// it.
fn file<'py>(environ: &Bound<'py, PyDict>, range: FileRange) -> PyResult<Bound<'py, PyAny>> {
    static FILE_IO: Name = Name::new("io", "FileIO");
    let py = environ.py();
    let blocks = |range: FileRange| Ok(Bound::new(py, Blocks::new(range.into()))?.into_any());
    let Some(wrapper) = environ.get_item(intern!(py, "wsgi.file_wrapper"))? else { return blocks(range) };
    // Whole files alone: a wrapper sends everything up to the end of the file, and that of uWSGI from its
    // beginning, whatever the position.
    let is_whole = |size: u64| range.position() == 0 && range.len() == size;
    let size = range.file().metadata().map(|file| file.len());
    let Some(own) = size.ok().filter(|size| is_whole(*size)).and_then(|_| range.file().try_clone().ok())
    else {
        return blocks(range);
    };
    drop(range);
    let file = FILE_IO.get(py)?.call1((own.into_raw_fd(), "rb"))?;
    wrapper.call1((file, FILE_BLOCK))
}

/// The body of a request, which `wsgi.input` gives. A length that is no number is answered with 400 before
/// anybody reads.
pub(crate) fn body(py: Python<'_>, head: &Environ) -> PyResult<Body> {
    if !head.has_length() {
        return Ok(Body::empty());
    }
    let length = (head as &dyn Head).content_length().ok().flatten().unwrap_or(0);
    Ok(match head.dict(py).get_item(intern!(py, "wsgi.input"))? {
        Some(input) if length > 0 => Body::wrap(Input { input: Some(input.unbind()), left: length }),
        _ => Body::empty(),
    })
}

/// The result of a future that never waits, as neither Python calls nor the reading of `wsgi.input` do.
pub(crate) fn ready<T>(future: impl Future<Output = PyResult<T>>) -> PyResult<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => Err(PyRuntimeError::new_err("a Python handler cannot be waited for")),
    }
}

/// `wsgi.input` as a body. Reading it blocks, as WSGI does.
struct Input {
    input: Option<Py<PyAny>>,
    left: u64,
}

impl Input {
    fn read(&mut self) -> Result<Bytes, BoxError> {
        let asked = self.left.min(BLOCK);
        let Some(input) = &self.input else { return Ok(Bytes::new()) };
        let data = Python::attach(|py| {
            let data = input.bind(py).call_method1(intern!(py, "read"), (asked,))?;
            let data =
                data.cast::<PyBytes>().map_err(|_| PyTypeError::new_err("wsgi.input gave no bytes"))?;
            PyResult::Ok(shared::bytes(data))
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

impl Drop for Input {
    /// With the interpreter: see [`Releasable`](crate::forked::Releasable).
    fn drop(&mut self) {
        let _ = Python::try_attach(|_| self.input = None);
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
