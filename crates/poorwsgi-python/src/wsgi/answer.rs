//! The application as a WSGI callable (PEP 3333): an environ in, `start_response` and an iterable out.

use std::os::fd::IntoRawFd;
use std::time::Instant;

use poorwsgi_core::response::{BodyKind, FileRange, state_content};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyString, PyTuple};

use crate::application::{Application, Routed};
use crate::environ::EnvironHead;
use crate::headers::native_pairs;
use crate::input::body_of;
use crate::language::handle;
use crate::names::Name;
use crate::request::Source;
use crate::response::ResponseBlocks;

/// The block size in bytes that is passed to `wsgi.file_wrapper`.
const FILE_BLOCK: u64 = 64 << 10;

#[pymethods]
impl Application {
    /// Answers a request of a WSGI server (PEP 3333). Calls __request__, through the profiler if set_profile
    /// was called.
    fn __call__<'py>(
        slf: &Bound<'py, Self>,
        env: &Bound<'py, PyDict>,
        start_response: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        static PROFILED: Name = Name::new("poorwsgi._profile", "call");
        if let Some((runctx, dump)) = slf.get().profile(slf.py()) {
            return PROFILED.get(slf.py())?.call1((
                slf.getattr("__request__")?,
                env,
                start_response,
                runctx,
                dump,
            ));
        }
        if !slf.is_exact_instance_of::<Self>() {
            // A subclass may override `__request__`.
            return slf.call_method1(intern!(slf.py(), "__request__"), (env, start_response));
        }
        answer(slf, env, start_response)
    }

    /// Answers a request without the profiler.
    fn __request__<'py>(
        slf: &Bound<'py, Self>,
        env: &Bound<'py, PyDict>,
        start_response: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        answer(slf, env, start_response)
    }
}

/// Calls the application for one request of a WSGI server.
fn answer<'py>(
    application: &Bound<'py, Application>,
    environ: &Bound<'py, PyDict>,
    start_response: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = environ.py();
    let head = EnvironHead::new(environ);
    let body = body_of(py, &head)?;
    let mut response = handle(
        application,
        Source::Wsgi(head),
        Routed::later(application.get().tables()),
        body,
        Instant::now(),
    )?;
    if response.is_declined() {
        return Ok(PyTuple::empty(py).into_any());
    }
    state_content(&mut response);
    start_response.call1((status_line(py, &response), native_pairs(py, response.headers())?))?;
    match BodyKind::from_body(response.into_body()) {
        BodyKind::Bytes(bytes) if bytes.is_empty() => Ok(PyTuple::empty(py).into_any()),
        BodyKind::Bytes(bytes) => Ok(PyTuple::new(py, [PyBytes::new(py, &bytes)])?.into_any()),
        BodyKind::File(range) => file(environ, range),
        kind => Ok(Bound::new(py, ResponseBlocks::new(kind.into()))?.into_any()),
    }
}

fn status_line<'py>(py: Python<'py>, response: &poorwsgi_core::Response) -> Bound<'py, PyString> {
    match response.status() {
        200 => intern!(py, "200 OK").clone(),
        status => PyString::new(py, &format!("{status} {}", response.reason())),
    }
}

/// A file as the result of the callable: through the server's `wsgi.file_wrapper`, if there is one, because
/// it may use sendfile.
fn file<'py>(environ: &Bound<'py, PyDict>, range: FileRange) -> PyResult<Bound<'py, PyAny>> {
    static FILE_IO: Name = Name::new("io", "FileIO");
    let py = environ.py();
    let blocks = |range: FileRange| Ok(Bound::new(py, ResponseBlocks::new(range.into()))?.into_any());
    let Some(wrapper) = environ.get_item(intern!(py, "wsgi.file_wrapper"))? else { return blocks(range) };
    // Only for whole files: a wrapper sends everything up to the end of the file, and uWSGI's always starts
    // at the beginning of the file.
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
