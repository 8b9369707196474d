//! WSGI (PEP 3333): the environ in, `start_response` and an iterable out.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::header::HeaderName;
use http_body::{Body as _, Frame};
use percent_encoding::{AsciiSet, CONTROLS, percent_encode};
use poorwsgi::{Body, BoxError};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};

use crate::application::Application;

/// What a path cannot hold as it is (RFC 3986, section 3.3).
const PATH: &AsciiSet =
    &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'%').add(b'<').add(b'>').add(b'?').add(b'`');

/// The block in which `wsgi.input` is read.
const BLOCK: u64 = 64 << 10;

/// Calls the application for one WSGI request.
pub(crate) fn answer<'py>(
    application: &Application,
    environ: &Bound<'py, PyAny>,
    start_response: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = environ.py();
    let request = request(environ.cast::<PyDict>()?)?;
    let response = ready(application.handle(request))??;
    let (parts, body) = response.into_parts();
    let reason = poorwsgi::state::reason(parts.status.as_u16()).unwrap_or_default();
    let status = format!("{} {reason}", parts.status.as_u16());
    let headers = PyList::empty(py);
    for (name, value) in &parts.headers {
        // A WSGI header is text of Latin-1 characters, one for each byte.
        let value: String = value.as_bytes().iter().map(|byte| char::from(*byte)).collect();
        headers.append((name.as_str(), value))?;
    }
    start_response.call1((status, headers))?;
    match body.as_bytes() {
        Some(bytes) => Ok(PyList::new(py, [PyBytes::new(py, bytes)])?.into_any()),
        None => Ok(Bound::new(py, Blocks { body: std::sync::Mutex::new(body) })?.into_any()),
    }
}

/// The result of a future that never waits: neither Python calls nor the reading of `wsgi.input` do.
fn ready<T>(future: impl Future<Output = T>) -> PyResult<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Ok(value),
        Poll::Pending => Err(PyRuntimeError::new_err("the application waited for something under WSGI")),
    }
}

/// The head and the body of a request out of its environ.
fn request(environ: &Bound<'_, PyDict>) -> PyResult<http::Request<Body>> {
    let text = |name: &str| -> PyResult<Option<String>> {
        environ.get_item(name)?.map(|value| value.extract::<String>()).transpose()
    };
    let latin1 = |text: &str| -> PyResult<Vec<u8>> {
        let bytes = text.chars().map(|char| u8::try_from(u32::from(char)));
        bytes.collect::<Result<_, _>>().map_err(|_| PyValueError::new_err("a WSGI string holds only Latin-1"))
    };
    let path = latin1(&text("PATH_INFO")?.unwrap_or_else(|| "/".to_owned()))?;
    let mut target = percent_encode(&path, PATH).to_string();
    if let Some(query) = text("QUERY_STRING")?.filter(|query| !query.is_empty()) {
        target = format!("{target}?{query}");
    }
    let method = text("REQUEST_METHOD")?.unwrap_or_else(|| "GET".to_owned());
    let mut request = http::Request::builder().method(method.as_str()).uri(target);
    let mut length = 0;
    for (key, value) in environ {
        let Ok(key) = key.extract::<String>() else { continue };
        let name = match key.as_str() {
            "CONTENT_TYPE" | "CONTENT_LENGTH" => key.as_str(),
            other => match other.strip_prefix("HTTP_") {
                Some(name) => name,
                None => continue,
            },
        };
        let value: String = value.extract()?;
        if value.is_empty() {
            continue;
        }
        let name = HeaderName::from_bytes(name.replace('_', "-").as_bytes())
            .map_err(|error| PyValueError::new_err(error.to_string()))?;
        if name == http::header::CONTENT_LENGTH {
            length = value.parse().unwrap_or(0);
        }
        request = request.header(name, latin1(&value)?);
    }
    let body = match environ.get_item("wsgi.input")? {
        Some(input) if length > 0 => Body::wrap(Input { input: input.unbind(), left: length }),
        _ => Body::empty(),
    };
    request.body(body).map_err(|error| PyValueError::new_err(error.to_string()))
}

/// `wsgi.input` as a body. Reading it blocks, as WSGI does.
struct Input {
    input: Py<PyAny>,
    left: u64,
}

impl http_body::Body for Input {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let block = self.left.min(BLOCK);
        let read = Python::attach(|py| -> PyResult<Bytes> {
            let data = self.input.call_method1(py, "read", (block,))?;
            Ok(Bytes::copy_from_slice(data.bind(py).cast::<PyBytes>()?.as_bytes()))
        });
        Poll::Ready(Some(match read {
            Ok(data) if data.is_empty() => Err("the body ended early".into()),
            Ok(data) => {
                self.left = self.left.saturating_sub(data.len() as u64);
                Ok(Frame::data(data))
            }
            Err(error) => Err(error.into()),
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }
}

/// The blocks of a body for the WSGI server to iterate over.
#[pyclass(frozen)]
struct Blocks {
    body: std::sync::Mutex<Body>,
}

#[pymethods]
impl Blocks {
    fn __iter__(this: Py<Self>) -> Py<Self> {
        this
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let mut body = self.body.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let frame =
            crate::serve::wait(py, std::future::poll_fn(|context| Pin::new(&mut *body).poll_frame(context)));
        match frame? {
            None => Ok(None),
            Some(Ok(frame)) => Ok(frame.into_data().ok().map(|data| PyBytes::new(py, &data))),
            Some(Err(error)) => Err(PyRuntimeError::new_err(error.to_string())),
        }
    }
}
