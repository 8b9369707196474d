//! `wsgi.input`: the body of a request as a file that blocks.

use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use memchr::memchr;
use poorwsgi::request::body_error;
use poorwsgi::response::Body;
use poorwsgi::{BoxError, HttpError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};

use crate::error::{body_exception, fault_of_client};

/// The body of a request, which is read like a binary file. Nothing is read before it is asked for.
///
/// A body that does not come whole is never an end of file: it raises ConnectionResetError, TimeoutError, or OSError
/// (EFBIG) where it is over the limit of the server.
#[pyclass(frozen, module = "poorwsgi.server")]
pub(crate) struct Input {
    reader: Mutex<Reader>,
    /// Why the body could not be read. Nobody holds it while he waits.
    failure: Mutex<Option<HttpError>>,
}

struct Reader {
    body: Body,
    /// What has come and was not asked for yet.
    held: Bytes,
}

impl Input {
    pub(crate) const fn new(body: Body) -> Self {
        let reader = Reader { body, held: Bytes::new() };
        Input { reader: Mutex::new(reader), failure: Mutex::new(None) }
    }

    fn reader(&self) -> MutexGuard<'_, Reader> {
        self.reader.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self) -> MutexGuard<'_, Option<HttpError>> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The status and the reason, where the body could not be read to its end.
    pub(super) fn failure(&self) -> Option<(u16, String)> {
        let failure = self.failed();
        let failure = failure.as_ref()?;
        Some((failure.status(), failure.detail().unwrap_or_default().to_owned()))
    }

    /// Reads while other Python threads go on.
    fn read_with<'py>(
        &self,
        py: Python<'py>,
        read: impl FnOnce(&mut Reader) -> Result<Bytes, HttpError> + Send,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let read = py.detach(|| {
            let mut reader = self.reader();
            // The same for whoever reads on after it.
            if self.failed().is_some() {
                return None;
            }
            read(&mut reader).map_err(|error| _ = self.failed().get_or_insert(error)).ok()
        });
        let bytes = read.ok_or_else(|| {
            let (status, detail) = self.failure().unwrap_or_default();
            body_exception(py, status, detail)
        })?;
        Ok(PyBytes::new(py, &bytes))
    }
}

#[pymethods]
impl Input {
    /// Reads so many bytes, or all that are left; fewer only at the end of the body.
    #[pyo3(signature = (size = None, /))]
    fn read<'py>(&self, py: Python<'py>, size: Option<isize>) -> PyResult<Bound<'py, PyBytes>> {
        self.read_with(py, |reader| reader.read(limit(size)))
    }

    /// Reads up to the end of the line, which is part of it, or so many bytes.
    #[pyo3(signature = (size = None, /))]
    fn readline<'py>(&self, py: Python<'py>, size: Option<isize>) -> PyResult<Bound<'py, PyBytes>> {
        self.read_with(py, |reader| reader.read_line(limit(size)))
    }

    /// The lines that are left; with a hint no more than those that reach so many bytes together.
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
    /// Sees to it that something is held, unless the body is at its end.
    fn fill(&mut self) -> Result<bool, HttpError> {
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

    fn read(&mut self, size: usize) -> Result<Bytes, HttpError> {
        self.read_until(size, |_| None)
    }

    fn read_line(&mut self, size: usize) -> Result<Bytes, HttpError> {
        self.read_until(size, |held| memchr(b'\n', held).map(|at| at + 1))
    }

    /// Reads up to `size` bytes, or less, where `end` finds one in what has come. What comes in several pieces is put
    /// together at once: each may be a small part of a large buffer, which it would keep.
    fn read_until(&mut self, size: usize, end: impl Fn(&[u8]) -> Option<usize>) -> Result<Bytes, HttpError> {
        let (mut first, mut all) = (Bytes::new(), BytesMut::new());
        while first.len() + all.len() < size && self.fill()? {
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
        Ok(if all.is_empty() { first } else { all.freeze() })
    }
}

/// Why a body could not be read. An exception of `read_timeout` knows the status itself.
fn failure(error: BoxError) -> HttpError {
    let of_python = error.downcast_ref::<PyErr>();
    let status = of_python.and_then(|error| Python::attach(|py| fault_of_client(py, error)));
    status.unwrap_or_else(|| body_error(error))
}
