//! Python files for the engine, and files of the engine for Python.

use std::any::Any;
use std::fs::File;
use std::io::{self, Cursor, Read, Seek, SeekFrom, Write};
use std::os::fd::IntoRawFd;

use poorwsgi_core::form::{FormFile, FormFileCallback, SMALL_FILE};
use pyo3::exceptions::PyRuntimeError;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes};
use tempfile::{SpooledData, SpooledTempFile};

use crate::names::Name;

/// A callback for the engine that gets a file from a Python function.
pub(super) fn callback(
    mut give: impl for<'py> FnMut(Python<'py>, &str) -> PyResult<Bound<'py, PyAny>> + Send + 'static,
) -> FormFileCallback {
    Box::new(move |filename| {
        let file = Python::attach(|py| give(py, filename).map(Bound::unbind)).map_err(io::Error::other)?;
        Ok(Box::new(PythonFile(Some(file))) as Box<dyn FormFile>)
    })
}

/// The file as a Python object: the object that the callback returned, a `BytesIO` for a small file, a
/// `SpooledTemporaryFile`, which creates the temporary file when its descriptor is needed, or the temporary
/// file.
pub(super) fn to_python<'py>(py: Python<'py>, file: Box<dyn FormFile>) -> PyResult<Bound<'py, PyAny>> {
    let file: Box<dyn Any> = file;
    let file = match file.downcast::<PythonFile>() {
        Ok(mut file) => return Ok(file.0.take().into_pyobject(py)?.into_any()),
        Err(file) => file.downcast::<SpooledTempFile>(),
    };
    match file.map(|file| file.into_inner()) {
        Ok(SpooledData::InMemory(bytes)) if bytes.get_ref().len() as u64 <= SMALL_FILE => {
            bytes_io(py, &bytes)
        }
        Ok(SpooledData::InMemory(bytes)) => spooled(py, &bytes),
        Ok(SpooledData::OnDisk(file)) => open(py, file),
        Err(_) => Err(PyRuntimeError::new_err(
            "the uploaded file is stored in an unknown way; this is a bug of PoorWSGI",
        )),
    }
}

fn bytes_io<'py>(py: Python<'py>, bytes: &Cursor<Vec<u8>>) -> PyResult<Bound<'py, PyAny>> {
    static BYTES_IO: Name = Name::new("io", "BytesIO");
    BYTES_IO.get(py)?.call1((PyBytes::new(py, bytes.get_ref()),))
}

fn spooled<'py>(py: Python<'py>, bytes: &Cursor<Vec<u8>>) -> PyResult<Bound<'py, PyAny>> {
    static SPOOLED_TEMPORARY_FILE: Name = Name::new("tempfile", "SpooledTemporaryFile");
    // Writing beyond the current end moves the content to a temporary file.
    let file = SPOOLED_TEMPORARY_FILE.get(py)?.call1((bytes.get_ref().len(), intern!(py, "rb+")))?;
    // `_file` is a documented attribute; `write` would copy the content once more.
    file.setattr(intern!(py, "_file"), bytes_io(py, bytes)?)?;
    Ok(file)
}

fn open(py: Python<'_>, file: File) -> PyResult<Bound<'_, PyAny>> {
    // The same object that io.open creates, without the check for a terminal.
    static FILE_IO: Name = Name::new("io", "FileIO");
    static BUFFERED_RANDOM: Name = Name::new("io", "BufferedRandom");
    let file = FILE_IO.get(py)?.call1((file.into_raw_fd(), intern!(py, "rb+")))?;
    BUFFERED_RANDOM.get(py)?.call1((file,))
}

/// Closes a file when it is garbage-collected.
pub(super) struct FileCloser(Py<PyAny>);

impl FileCloser {
    pub(super) fn new(file: &Bound<'_, PyAny>) -> PyResult<Self> {
        static CLOSING: Name = Name::new("poorwsgi._closing", "Closing");
        Ok(FileCloser(CLOSING.get(file.py())?.call1((file,))?.unbind()))
    }

    pub(super) fn clone_ref(&self, py: Python<'_>) -> Self {
        FileCloser(self.0.clone_ref(py))
    }

    pub(super) fn file<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.0.bind(py).getattr(intern!(py, "file"))
    }

    /// Releases the file without closing it.
    pub(super) fn release(self, py: Python<'_>) -> PyResult<()> {
        self.0.bind(py).setattr(intern!(py, "file"), py.None())
    }

    pub(super) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.0)
    }
}

/// Closes the file, if it has a close method: the callback's object need not have one.
pub(super) fn close(file: &Bound<'_, PyAny>) -> PyResult<()> {
    match file.getattr_opt(intern!(file.py(), "close"))? {
        Some(close) => close.call0().map(drop),
        None => Ok(()),
    }
}

/// A file that the callback returned. It is closed if parsing fails before the file is passed to the
/// application.
struct PythonFile(Option<Py<PyAny>>);

impl PythonFile {
    fn with<T>(&self, act: impl FnOnce(&Bound<'_, PyAny>) -> PyResult<T>) -> io::Result<T> {
        let Some(file) = &self.0 else { return Err(io::ErrorKind::NotConnected.into()) };
        Python::attach(|py| act(file.bind(py))).map_err(io::Error::other)
    }
}

impl Write for PythonFile {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.with(|file| {
            static FILE: Name = Name::new("io", "IOBase");
            let py = file.py();
            let written = file.call_method1(intern!(py, "write"), (PyBytes::new(py, data),))?;
            // A raw file may write fewer bytes than it got, and returns the number. Other objects may return
            // anything, such as True.
            let is_count = file.is_instance(FILE.get(py)?)? && !written.is_instance_of::<PyBool>();
            let count = if is_count { written.extract().unwrap_or(data.len()) } else { data.len() };
            Ok(count.min(data.len()))
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for PythonFile {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

impl Seek for PythonFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let SeekFrom::Start(position) = to else { return Err(io::ErrorKind::Unsupported.into()) };
        let seek = self
            .with(|file| file.getattr_opt(intern!(file.py(), "seek")).map(|seek| seek.map(Bound::unbind)))?;
        let Some(seek) = seek else { return Err(io::ErrorKind::Unsupported.into()) };
        self.with(|file| seek.call1(file.py(), (position,)))?;
        Ok(position)
    }
}

impl Drop for PythonFile {
    fn drop(&mut self) {
        let Some(file) = self.0.take() else { return };
        Python::attach(|py| {
            let file = file.bind(py);
            // Parsing has failed already, with another error.
            close(file).unwrap_or_else(|error| error.write_unraisable(py, Some(file)));
        });
    }
}
