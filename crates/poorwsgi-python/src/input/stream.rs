//! `wsgi.input`: the body of a request as a blocking file.

use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use memchr::memchr;
use poorwsgi_core::request::body_error;
use poorwsgi_core::response::Body;
use poorwsgi_core::{BoxError, HttpError};
use poorwsgi_server::BodyError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};

use crate::exceptions::{body_exception, client_has_left, cut_short, fault_of_client, note_left};

/// The body of a request as a binary file. Nothing is read ahead.
///
/// An incomplete body is not reported as the end of the file: reading raises ConnectionResetError,
/// TimeoutError, or OSError (EFBIG) if the body exceeds the limit of the server. Request.input of a body with
/// a Content-Length is an exception, for compatibility with PoorWSGI: after the client has disconnected, read
/// returns what has arrived and then b"" (compare the lengths), and readline raises TimeoutError.
#[pyclass(frozen, module = "poorwsgi.server")]
pub(crate) struct Input {
    reader: Mutex<Reader>,
    /// Why the body could not be read. This lock is never held while waiting for the client.
    failure: Mutex<Option<Failure>>,
    /// The announced length, if `read` is to return b"" after the client has disconnected.
    ends_before: Option<u64>,
}

struct Failure {
    answer: HttpError,
    /// Whether the reason is that the client has disconnected.
    has_left: bool,
}

struct Reader {
    body: Body,
    /// Bytes that have arrived and were not read yet.
    held: Bytes,
    /// How many bytes the application has read.
    given: u64,
}

impl Input {
    pub(crate) const fn new(body: Body) -> Self {
        let reader = Reader { body, held: Bytes::new(), given: 0 };
        Input { reader: Mutex::new(reader), failure: Mutex::new(None), ends_before: None }
    }

    /// The `input` of a `Request` whose body has this length.
    pub(crate) fn of_request(body: Body, length: Option<u64>) -> Self {
        Input { ends_before: length, ..Input::new(body) }
    }

    fn reader(&self) -> MutexGuard<'_, Reader> {
        self.reader.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self) -> MutexGuard<'_, Option<Failure>> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The status and the reason if the body could not be read to its end.
    pub(crate) fn failure(&self) -> Option<(u16, String)> {
        let failure = self.failed();
        let answer = &failure.as_ref()?.answer;
        Some((answer.status(), answer.detail().unwrap_or_default().to_owned()))
    }

    /// The exception for the failure.
    fn exception(&self, py: Python<'_>) -> PyErr {
        let (status, detail) = self.failure().unwrap_or_default();
        let has_left = self.failed().as_ref().is_some_and(|failure| failure.has_left);
        match self.ends_before {
            Some(length) if has_left => cut_short(py, length.saturating_sub(self.reader().came())),
            _ => {
                let exception = body_exception(py, status, detail);
                if has_left {
                    note_left(py, &exception);
                }
                exception
            }
        }
    }

    /// Reads without holding the GIL.
    fn read_with<'py>(
        &self,
        py: Python<'py>,
        read: impl FnOnce(&mut Reader) -> Result<Bytes, Failure> + Send,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let read = py.detach(|| {
            let mut reader = self.reader();
            // Later reads fail in the same way.
            if self.failed().is_some() {
                return None;
            }
            read(&mut reader).map_err(|error| _ = self.failed().get_or_insert(error)).ok()
        });
        Ok(PyBytes::new(py, &read.ok_or_else(|| self.exception(py))?))
    }

    /// Reads at most `size` bytes. A body that ends early is always an error.
    pub(crate) fn piece<'py>(&self, py: Python<'py>, size: usize) -> PyResult<Bound<'py, PyBytes>> {
        self.read_with(py, |reader| reader.read(size))
    }

    /// At most `size` bytes of those that arrived before the client disconnected.
    fn rest<'py>(&self, py: Python<'py>, size: usize) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.reader().take(size))
    }

    /// Whether [`read`](Self::read) returns b"" after the client has disconnected.
    pub(crate) const fn ends_early(&self) -> bool {
        self.ends_before.is_some()
    }
}

/// Reads `size` bytes; if the client has disconnected, those that arrived before.
pub(crate) fn read_what_comes<'py>(file: &Bound<'py, PyAny>, size: u64) -> PyResult<Bound<'py, PyAny>> {
    let py = file.py();
    match file.call_method1(intern!(py, "read"), (size,)) {
        Err(error) if client_has_left(py, &error) => {
            let size = usize::try_from(size).unwrap_or(usize::MAX);
            let rest = file.cast::<Input>().map(|input| input.get().rest(py, size));
            Ok(rest.unwrap_or_else(|_| PyBytes::new(py, b"")).into_any())
        }
        read => read,
    }
}

#[pymethods]
impl Input {
    /// Reads size bytes, by default the rest of the body. Returns fewer only at the end of the body.
    #[pyo3(signature = (size = None, /))]
    fn read<'py>(&self, py: Python<'py>, size: Option<isize>) -> PyResult<Bound<'py, PyBytes>> {
        match self.piece(py, limit(size)) {
            Err(error) if self.ends_early() && client_has_left(py, &error) => Ok(self.rest(py, limit(size))),
            read => read,
        }
    }

    /// Reads a line with its line end, but at most size bytes.
    #[pyo3(signature = (size = None, /))]
    fn readline<'py>(&self, py: Python<'py>, size: Option<isize>) -> PyResult<Bound<'py, PyBytes>> {
        self.read_with(py, |reader| reader.read_line(limit(size)))
    }

    /// The remaining lines. With a hint, stops after the line with which their total length reaches hint
    /// bytes.
    #[pyo3(signature = (hint = None, /))]
    fn readlines<'py>(&self, py: Python<'py>, hint: Option<isize>) -> PyResult<Bound<'py, PyList>> {
        let lines = PyList::empty(py);
        let enough = hint.filter(|hint| *hint > 0).map_or(usize::MAX, isize::unsigned_abs);
        let mut total = 0_usize;
        while total < enough {
            let line = self.readline(py, None)?;
            let length = line.as_bytes().len();
            if length == 0 {
                break;
            }
            total = total.saturating_add(length);
            lines.append(line)?;
        }
        Ok(lines)
    }

    const fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let line = self.readline(py, None)?;
        Ok((!line.as_bytes().is_empty()).then_some(line))
    }
}

/// As with Python's files, `None` and negative numbers stand for no limit.
fn limit(size: Option<isize>) -> usize {
    size.and_then(|size| usize::try_from(size).ok()).unwrap_or(usize::MAX)
}

impl Reader {
    /// Reads the next piece if none is held. Returns `false` at the end of the body.
    fn fill(&mut self) -> Result<bool, Failure> {
        while self.held.is_empty() {
            match pollster::block_on(self.body.frame()) {
                None => return Ok(false),
                Some(Ok(frame)) => self.held = frame.into_data().unwrap_or_default(),
                Some(Err(error)) => {
                    self.body = Body::empty();
                    return Err(failure(error));
                }
            }
        }
        Ok(true)
    }

    fn read(&mut self, size: usize) -> Result<Bytes, Failure> {
        self.read_until(size, |_| None)
    }

    fn read_line(&mut self, size: usize) -> Result<Bytes, Failure> {
        self.read_until(size, |held| memchr(b'\n', held).map(|at| at + 1))
    }

    /// Reads up to `size` bytes, or up to the position that `end` finds. Pieces are copied together as they
    /// arrive, because each may be a small slice of a large buffer, which it would keep alive.
    fn read_until(&mut self, size: usize, end: impl Fn(&[u8]) -> Option<usize>) -> Result<Bytes, Failure> {
        let (mut first, mut all) = (Bytes::new(), BytesMut::new());
        while first.len() + all.len() < size {
            match self.fill() {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    // `rest` returns what has arrived.
                    self.held = if all.is_empty() { first } else { all.freeze() };
                    return Err(error);
                }
            }
            let wanted = size - first.len() - all.len();
            let seen = self.held.get(..wanted).unwrap_or(&self.held);
            let end = end(seen);
            let piece = self.held.split_to(end.unwrap_or(seen.len()));
            if first.is_empty() && all.is_empty() {
                first = piece;
            } else {
                all.extend_from_slice(&mem::take(&mut first));
                all.extend_from_slice(&piece);
            }
            if end.is_some() {
                break;
            }
        }
        let read = if all.is_empty() { first } else { all.freeze() };
        self.given += read.len() as u64;
        Ok(read)
    }

    const fn came(&self) -> u64 {
        self.given + self.held.len() as u64
    }

    fn take(&mut self, size: usize) -> Bytes {
        let taken = self.held.split_to(size.min(self.held.len()));
        self.given += taken.len() as u64;
        taken
    }
}

/// Converts an error of reading a body. An exception of `read_timeout` carries its status.
fn failure(error: BoxError) -> Failure {
    let has_left = error.downcast_ref::<BodyError>().is_some_and(BodyError::is_incomplete);
    let of_python = error.downcast_ref::<PyErr>();
    let status = of_python.and_then(|error| Python::attach(|py| fault_of_client(py, error)));
    let answer = match status {
        Some(status) => {
            // While attached to the interpreter: see `Releasable`.
            Python::attach(|_| drop(error));
            status
        }
        None => body_error(error),
    };
    Failure { answer, has_left }
}
