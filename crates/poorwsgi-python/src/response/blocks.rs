//! Content that is made while it is sent: from Python into the engine, and from the engine to a WSGI server.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};
use poorwsgi::BoxError;
use poorwsgi::response::{Blocks as EngineBlocks, Body};
use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyIterator, PyString};

/// How much is asked of a file object at once.
const BLOCK: usize = 256 << 10;

/// The items of an iterable. Its `close` is called when the sending ends, however it ends (PEP 3333).
pub(super) struct Items {
    owner: Py<PyAny>,
    iterator: Option<Py<PyIterator>>,
    text: bool,
    length: Option<u64>,
}

impl Items {
    pub(super) fn new(items: &Bound<'_, PyAny>, text: bool, length: Option<u64>) -> PyResult<Self> {
        let iterator = Some(items.try_iter()?.unbind());
        Ok(Items { owner: items.clone().unbind(), iterator, text, length })
    }

    fn next(&mut self, py: Python<'_>) -> PyResult<Option<Bytes>> {
        let Some(iterator) = &self.iterator else { return Ok(None) };
        match iterator.bind(py).clone().next() {
            Some(Ok(item)) => self.bytes(&item).map(Some),
            end => {
                self.iterator = None;
                end.transpose().map(|_| None)
            }
        }
    }

    fn bytes(&self, item: &Bound<'_, PyAny>) -> PyResult<Bytes> {
        if self.text
            && let Ok(text) = item.cast::<PyString>()
        {
            return Ok(Bytes::copy_from_slice(text.to_str()?.as_bytes()));
        }
        bytes(item)?.ok_or_else(|| {
            let kind = item.get_type();
            let hint =
                if item.is_instance_of::<PyString>() { "; StrGeneratorResponse sends str" } else { "" };
            PyTypeError::new_err(format!("a response gave {kind}, not bytes{hint}"))
        })
    }
}

/// The content of an object that holds bytes.
pub(super) fn bytes(data: &Bound<'_, PyAny>) -> PyResult<Option<Bytes>> {
    if let Ok(data) = data.cast::<PyBytes>() {
        return Ok(Some(Bytes::copy_from_slice(data.as_bytes())));
    }
    if let Ok(data) = data.cast::<PyByteArray>() {
        return Ok(Some(data.to_vec().into()));
    }
    match data.hasattr(intern!(data.py(), "tobytes"))? {
        true => Ok(data.call_method0("tobytes")?.extract::<Vec<u8>>().ok().map(Bytes::from)),
        false => Ok(None),
    }
}

impl EngineBlocks for Items {
    fn next_block(&mut self) -> Result<Option<Bytes>, BoxError> {
        Python::attach(|py| self.next(py)).map_err(BoxError::from)
    }

    fn remaining(&self) -> Option<u64> {
        self.length
    }
}

impl Drop for Items {
    fn drop(&mut self) {
        close(&self.owner);
    }
}

/// Calls the `close` of an object that has one. What it raises goes where Python puts errors that nobody can catch.
fn close(owner: &Py<PyAny>) {
    let _ = Python::try_attach(|py| {
        let owner = owner.bind(py);
        let closed = match owner.getattr_opt(intern!(py, "close")) {
            Ok(Some(close)) => close.call0().map(drop),
            Ok(None) => Ok(()),
            Err(error) => Err(error),
        };
        if let Err(error) = closed {
            error.write_unraisable(py, Some(owner));
        }
    });
}

/// A file object, from its current position on.
pub(super) struct File {
    pub(super) file: Py<PyAny>,
    pub(super) left: Option<u64>,
}

impl EngineBlocks for File {
    fn next_block(&mut self) -> Result<Option<Bytes>, BoxError> {
        let size = self.left.map_or(BLOCK, |left| usize::try_from(left).unwrap_or(BLOCK).min(BLOCK));
        if size == 0 {
            return Ok(None);
        }
        let block = Python::attach(|py| {
            let block = self.file.bind(py).call_method1(intern!(py, "read"), (size,))?;
            if block.is_none() {
                return Ok(Bytes::new());
            }
            bytes(&block)?.ok_or_else(|| PyTypeError::new_err("the file of a response gave no bytes"))
        })?;
        if let Some(left) = &mut self.left {
            *left = left.saturating_sub(block.len() as u64);
        }
        Ok((!block.is_empty()).then_some(block))
    }

    fn remaining(&self) -> Option<u64> {
        self.left
    }
}

impl Drop for File {
    fn drop(&mut self) {
        close(&self.file);
    }
}

/// Content for a WSGI server to iterate over; it can be read like a file, too.
#[pyclass(frozen, module = "poorwsgi.response")]
pub(crate) struct Blocks(Mutex<Left>);

/// What is left to be sent.
struct Left {
    /// The end of a block of which only the beginning was read.
    rest: Bytes,
    body: Body,
}

impl Blocks {
    pub(crate) fn new(body: Body) -> Self {
        Blocks(Mutex::new(Left { rest: Bytes::new(), body }))
    }

    fn left(&self) -> MutexGuard<'_, Left> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the content out, for a door that sends it in its own way.
    pub(crate) fn take(&self) -> Body {
        let mut left = self.left();
        left.rest.clear();
        std::mem::take(&mut left.body)
    }

    /// The next block. It is made without the GIL, which only Python's own content takes.
    fn next(&self, py: Python<'_>) -> PyResult<Option<Bytes>> {
        py.detach(|| {
            let mut left = self.left();
            match left.rest.is_empty() {
                true => left.body.next_block(),
                false => Ok(Some(std::mem::take(&mut left.rest))),
            }
        })
        .map_err(raised)
    }
}

/// The exception that broke the content off, as it was raised.
pub(crate) fn raised(error: BoxError) -> PyErr {
    match error.downcast::<PyErr>() {
        Ok(error) => *error,
        Err(error) => PyRuntimeError::new_err(format!("the response broke off: {error}")),
    }
}

#[pymethods]
impl Blocks {
    fn __iter__(this: Py<Self>) -> Py<Self> {
        this
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyBytes>>> {
        Ok(self.next(py)?.map(|block| PyBytes::new(py, &block)))
    }

    /// Reads so many bytes, all by default; b"" at the end.
    #[pyo3(signature = (size = -1))]
    fn read<'py>(&self, py: Python<'py>, size: isize) -> PyResult<Bound<'py, PyBytes>> {
        let mut data = BytesMut::new();
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        while data.len() < size {
            let Some(mut block) = self.next(py)? else { break };
            let rest = block.split_off(block.len().min(size - data.len()));
            data.extend_from_slice(&block);
            if !rest.is_empty() {
                self.left().rest = rest;
            }
        }
        Ok(PyBytes::new(py, &data))
    }

    /// Lets go of what makes the content, whether it came to its end or not.
    fn close(&self, py: Python<'_>) {
        let body = self.take();
        py.detach(|| drop(body));
    }
}
