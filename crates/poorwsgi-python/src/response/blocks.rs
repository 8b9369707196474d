//! Content that is generated while it is sent: of Python objects for the engine, and of the engine for a WSGI
//! server.

use std::mem;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Bytes, BytesMut};
use poorwsgi_core::BoxError;
use poorwsgi_core::response::{Blocks as EngineBlocks, Body, BodyKind};
use pyo3::exceptions::{PyRuntimeError, PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyIterator, PyString};

use crate::closing;
use crate::names::{kind_of, name_and_place};
use crate::octets;

/// How many bytes are read from a file object at once.
const BLOCK: usize = 256 << 10;

/// The handler that returned a response, and its route, for messages about the content.
pub(crate) struct ReturnedBy {
    pub(crate) handler: Py<PyAny>,
    pub(crate) rule: Option<Arc<str>>,
}

impl ReturnedBy {
    pub(super) fn clone_ref(&self, py: Python<'_>) -> Self {
        ReturnedBy { handler: self.handler.clone_ref(py), rule: self.rule.clone() }
    }

    fn text(&self, py: Python<'_>) -> String {
        let rule = self.rule.as_ref().map_or_else(String::new, |rule| format!(" of route {rule:?}"));
        format!("handler {}{rule}: ", name_and_place(self.handler.bind(py)))
    }
}

/// The items of an iterable. Its `close` is called when sending ends, also after an error (PEP 3333).
pub(super) struct Items {
    owner: Option<Py<PyAny>>,
    iterator: Option<Py<PyIterator>>,
    text: bool,
    length: Option<u64>,
    origin: Option<ReturnedBy>,
}

impl Items {
    pub(super) fn new(items: &Bound<'_, PyAny>, text: bool, length: Option<u64>) -> PyResult<Self> {
        let iterator = Some(items.try_iter()?.unbind());
        Ok(Items { owner: Some(items.clone().unbind()), iterator, text, length, origin: None })
    }

    pub(super) fn with_origin(mut self, origin: Option<ReturnedBy>) -> Self {
        self.origin = origin;
        self
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
            return octets::of_text(text);
        }
        bytes(item)?.ok_or_else(|| self.wrong(item))
    }

    /// The error for an item that is not bytes. It names the handler and, if the iterable is a generator, its
    /// function.
    fn wrong(&self, item: &Bound<'_, PyAny>) -> PyErr {
        let py = item.py();
        let from = self.origin.as_ref().map_or_else(String::new, |origin| origin.text(py));
        let owner = self.owner.as_ref().map(|owner| owner.bind(py));
        let what = match owner {
            Some(owner) if owner.hasattr(intern!(py, "gi_code")).unwrap_or(false) => {
                format!("generator {}", name_and_place(owner))
            }
            Some(owner) => format!("iterable, {},", kind_of(owner)),
            None => "iterable".to_owned(),
        };
        let expected = match (self.text, item.is_instance_of::<PyString>()) {
            (true, _) => "str or bytes",
            (false, true) => "bytes; encode the items, or return StrGeneratorResponse(…), which does",
            (false, false) => "bytes",
        };
        let kind = kind_of(item);
        PyTypeError::new_err(format!("{from}the response's {what} yielded {kind}; expected {expected}"))
    }
}

/// The content of a bytes-like object; `None` for any other object.
pub(super) fn bytes(data: &Bound<'_, PyAny>) -> PyResult<Option<Bytes>> {
    if let Ok(data) = data.cast::<PyBytes>() {
        return Ok(Some(octets::of_bytes(data)));
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
        let _ = Python::try_attach(|py| {
            self.iterator = None;
            close_and_release(py, self.owner.take());
        });
    }
}

/// Calls the object's `close`, if it has one, and releases the object. An exception goes to
/// `sys.unraisablehook`.
fn close_and_release(py: Python<'_>, owner: Option<Py<PyAny>>) {
    if let Some(owner) = owner {
        let owner = owner.into_bound(py);
        if let Err(error) = closing::close(&owner) {
            error.write_unraisable(py, Some(&owner));
        }
    }
}

/// The rest of a file object, from its current position.
pub(super) struct FileBlocks {
    file: Option<Py<PyAny>>,
    left: Option<u64>,
}

impl FileBlocks {
    pub(super) fn new(file: Py<PyAny>, length: Option<u64>) -> Self {
        FileBlocks { file: Some(file), left: length }
    }
}

impl EngineBlocks for FileBlocks {
    fn next_block(&mut self) -> Result<Option<Bytes>, BoxError> {
        let size = self.left.map_or(BLOCK, |left| usize::try_from(left).unwrap_or(BLOCK).min(BLOCK));
        let Some(file) = self.file.as_ref().filter(|_| size > 0) else { return Ok(None) };
        let block = Python::attach(|py| {
            let block = file.bind(py).call_method1(intern!(py, "read"), (size,))?;
            if block.is_none() {
                return Ok(Bytes::new());
            }
            bytes(&block)?.ok_or_else(|| {
                let (file, kind) = (kind_of(file.bind(py)), kind_of(&block));
                PyTypeError::new_err(format!(
                    "read() of the response's file, {file}, returned {kind} instead of bytes; open it in binary mode"
                ))
            })
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

impl Drop for FileBlocks {
    fn drop(&mut self) {
        let _ = Python::try_attach(|py| close_and_release(py, self.file.take()));
    }
}

/// The content of a response: an iterator of bytes for a WSGI server, which can also be read like a file.
#[pyclass(frozen, module = "poorwsgi.response")]
pub(crate) struct ResponseBlocks(Mutex<Left>);

/// The content that is still to be sent. It is taken out while a block is generated, so that no lock is held
/// while Python code runs.
enum Left {
    Here {
        /// The rest of a block that was read in part.
        rest: Bytes,
        body: BodyKind,
    },
    /// A block is being generated.
    Busy,
    /// The content was closed or taken.
    Gone,
}

impl ResponseBlocks {
    pub(crate) fn new(body: Body) -> Self {
        ResponseBlocks(Mutex::new(Left::Here { rest: Bytes::new(), body: BodyKind::from_body(body) }))
    }

    /// Replaces the state, and returns the old one.
    fn replace(&self, new: Left) -> Left {
        mem::replace(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner), new)
    }

    /// Takes the content out, for our server, which sends it without this object.
    pub(crate) fn take(&self) -> Body {
        match self.replace(Left::Gone) {
            Left::Here { body, .. } => body.into_body(),
            Left::Busy | Left::Gone => Body::empty(),
        }
    }

    /// The next block, or its first `most` bytes. It is generated without the GIL; content of Python objects
    /// takes the GIL itself.
    fn next(&self, py: Python<'_>, most: usize) -> PyResult<Option<Bytes>> {
        let (rest, mut body) = match self.replace(Left::Busy) {
            Left::Here { rest, body } => (rest, body),
            Left::Busy => {
                return Err(PyValueError::new_err(
                    "the content of the response is being read by another thread already; read it in one thread",
                ));
            }
            Left::Gone => {
                self.replace(Left::Gone);
                return Ok(None);
            }
        };
        let (body, block) = py.detach(|| {
            let block = if rest.is_empty() { body.next_block() } else { Ok(Some(rest)) };
            (body, block)
        });
        let mut block = match block {
            Ok(block) => block,
            Err(error) => {
                self.put_back(py, Bytes::new(), body);
                return Err(raised(error));
            }
        };
        let rest = block.as_mut().map_or_else(Bytes::new, |block| block.split_off(block.len().min(most)));
        self.put_back(py, rest, body);
        Ok(block)
    }

    fn put_back(&self, py: Python<'_>, rest: Bytes, body: BodyKind) {
        let left = match self.replace(Left::Here { rest, body }) {
            // It was closed meanwhile.
            Left::Gone => self.replace(Left::Gone),
            other => other,
        };
        py.detach(|| drop(left));
    }
}

/// The exception that ended the content early: the one that Python code raised, or a RuntimeError.
pub(crate) fn raised(error: BoxError) -> PyErr {
    match error.downcast::<PyErr>() {
        Ok(error) => *error,
        Err(error) => PyRuntimeError::new_err(format!("the content of the response ended early: {error}")),
    }
}

#[pymethods]
impl ResponseBlocks {
    fn __iter__(this: Py<Self>) -> Py<Self> {
        this
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyBytes>>> {
        Ok(self.next(py, usize::MAX)?.map(|block| PyBytes::new(py, &block)))
    }

    /// Reads size bytes, by default all; b"" at the end.
    #[pyo3(signature = (size = -1))]
    fn read<'py>(&self, py: Python<'py>, size: isize) -> PyResult<Bound<'py, PyBytes>> {
        let mut data = BytesMut::new();
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        while data.len() < size {
            let Some(block) = self.next(py, size - data.len())? else { break };
            data.extend_from_slice(&block);
        }
        Ok(PyBytes::new(py, &data))
    }

    /// Releases the source of the content, whether all of it was read or not.
    fn close(&self, py: Python<'_>) {
        let left = self.replace(Left::Gone);
        py.detach(|| drop(left));
    }
}
