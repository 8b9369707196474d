//! `CachedInput`: a buffer for a wsgi.input without one.

use bytes::Bytes;
use pyo3::exceptions::PyValueError;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyTuple};

use super::stream::read_what_comes;
use crate::exceptions::cut_short;
use crate::octets;

/// A request body that is read from the server in blocks, and by the application in pieces or lines.
///
/// file is the server's binary file, size the length of the body, and block_size the number of bytes that are
/// read at once. No more than size bytes are ever read.
///
/// A file that returns nothing before the announced end is at its end, because the client has disconnected or
/// was too slow for the server. Then read returns b"" (compare the lengths), and readline raises TimeoutError
/// at once. timeout exists only for compatibility with PoorWSGI.
#[pyclass(subclass, dict, weakref, module = "poorwsgi.request")]
#[derive(Default)]
pub(crate) struct CachedInput {
    // Applications use these private names of PoorWSGI.
    #[pyo3(get, set, name = "_CachedInput__file")]
    file: Option<Py<PyAny>>,
    #[pyo3(get, set, name = "_CachedInput__todo")]
    todo: i64,
    #[pyo3(get, set, name = "_CachedInput__timeout")]
    timeout: Option<f64>,
    /// How many bytes are read at once.
    #[pyo3(get, set)]
    block_size: usize,
    buffer: Bytes,
}

#[pymethods]
impl CachedInput {
    #[new]
    #[pyo3(
        signature = (*_args, **_kwargs),
        text_signature = "(file, size, block_size=32768, timeout=10.0)"
    )]
    fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> Self {
        CachedInput::default()
    }

    #[pyo3(signature = (file, size, block_size = 32768, timeout = Some(10.0)))]
    fn __init__(&mut self, file: Py<PyAny>, size: i64, block_size: usize, timeout: Option<f64>) {
        *self = CachedInput { file: Some(file), todo: size, timeout, block_size, buffer: Bytes::new() };
    }

    #[getter(_CachedInput__buffer)]
    fn buffer<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.buffer)
    }

    #[setter(_CachedInput__buffer)]
    fn set_buffer(&mut self, buffer: &Bound<'_, PyBytes>) {
        self.buffer = Bytes::copy_from_slice(buffer.as_bytes());
    }

    /// Reads up to size bytes, by default up to block_size; b"" at the end of the body.
    #[pyo3(signature = (size = -1), text_signature = "($self, size=-1)")]
    fn read<'py>(slf: &Bound<'py, Self>, size: i64) -> PyResult<Bound<'py, PyBytes>> {
        let size = slf.try_borrow()?.asked(size);
        let buffered = slf.try_borrow()?.buffer.len();
        if buffered < size {
            Self::fill(slf, size - buffered)?;
        }
        Ok(slf.try_borrow_mut()?.take(slf.py(), size))
    }

    /// Reads a line with its line end, but at most size bytes, by default block_size; b"" at the end of the
    /// body.
    #[pyo3(signature = (size = -1), text_signature = "($self, size=-1)")]
    fn readline<'py>(slf: &Bound<'py, Self>, size: i64) -> PyResult<Bound<'py, PyBytes>> {
        let size = slf.try_borrow()?.asked(size);
        let mut searched = 0;
        let length = loop {
            let (found, buffered, block_size) = {
                let input = slf.try_borrow()?;
                let new = input.buffer.get(searched..).unwrap_or_default();
                let found = memchr::memchr(b'\n', new).map(|at| searched + at + 1);
                (found, input.buffer.len(), input.block_size)
            };
            match found {
                Some(end) => break end.min(size),
                None if buffered >= size => break size,
                None => searched = buffered,
            }
            if !Self::fill(slf, block_size.max(1))? {
                match u64::try_from(slf.try_borrow()?.todo) {
                    Ok(left @ 1..) => return Err(cut_short(slf.py(), left)),
                    _ => break buffered,
                }
            }
        };
        Ok(slf.try_borrow_mut()?.take(slf.py(), length))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.file)
    }

    fn __clear__(&mut self) {
        self.file = None;
    }
}

impl CachedInput {
    fn asked(&self, size: i64) -> usize {
        usize::try_from(size).unwrap_or(self.block_size)
    }

    fn take<'py>(&mut self, py: Python<'py>, length: usize) -> Bound<'py, PyBytes> {
        let length = length.min(self.buffer.len());
        PyBytes::new(py, &self.buffer.split_to(length))
    }

    /// Reads at most `most` bytes into the buffer. Returns whether any arrived: none do at the end of the
    /// body, and after the client has disconnected.
    fn fill(slf: &Bound<'_, Self>, most: usize) -> PyResult<bool> {
        let py = slf.py();
        let (file, todo) = {
            let input = slf.try_borrow()?;
            (input.file.as_ref().map(|file| file.clone_ref(py)), input.todo)
        };
        // A negative length means that the length is unknown.
        let asked = usize::try_from(todo).map_or(most, |todo| most.min(todo));
        let Some(file) = file.filter(|_| asked > 0) else { return Ok(false) };
        let data = read_what_comes(file.bind(py), asked as u64)?;
        let Ok(data) = data.cast::<PyBytes>() else {
            return Err(PyValueError::new_err(format!(
                "{} should return bytes, not {}",
                file.bind(py),
                data.get_type().name()?
            )));
        };
        let data = octets::of_bytes(data);
        let mut input = slf.try_borrow_mut()?;
        if input.todo > 0 {
            input.todo = input.todo.saturating_sub_unsigned(data.len() as u64).max(0);
        }
        let came = !data.is_empty();
        input.buffer = if input.buffer.is_empty() {
            data
        } else {
            [input.buffer.as_ref(), data.as_ref()].concat().into()
        };
        Ok(came)
    }
}
