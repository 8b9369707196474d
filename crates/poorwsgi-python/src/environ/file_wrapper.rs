//! `wsgi.file_wrapper`: a file as the content of a response.

use std::fs::{File, Metadata, metadata};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use poorwsgi_core::response::FileRange;
use pyo3::exceptions::PyValueError;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::closing::close;
use crate::names::Name;

/// The blocks of a file: FileWrapper(file, block_size=8192), what environ["wsgi.file_wrapper"] is.
///
/// A callable that returns one for an ordinary open file has it sent from its current position, without
/// Python and, where the system can (sendfile), without a copy. Any other object with a read method is read
/// block by block.
#[pyclass(module = "poorwsgi.server")]
pub(crate) struct FileWrapper {
    file: Option<Py<PyAny>>,
    block_size: usize,
}

#[pymethods]
impl FileWrapper {
    #[new]
    #[pyo3(signature = (file, block_size = 8192))]
    fn new(file: Py<PyAny>, block_size: usize) -> PyResult<Self> {
        if block_size == 0 {
            return Err(PyValueError::new_err("block_size is at least 1"));
        }
        Ok(FileWrapper { file: Some(file), block_size })
    }

    const fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let Some(file) = &self.file else { return Ok(None) };
        let block = file.bind(py).call_method1(intern!(py, "read"), (self.block_size,))?;
        Ok(if block.is_truthy()? { Some(block) } else { None })
    }

    /// Closes the file, where it can be closed.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        self.file.as_ref().map_or(Ok(()), |file| close(file.bind(py)))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.file)
    }

    fn __clear__(&mut self) {
        self.file = None;
    }
}

impl FileWrapper {
    /// What is to be sent of an ordinary file; `None` for anything else, which has to be asked for its
    /// content.
    pub(crate) fn range(&self, py: Python<'_>) -> Option<FileRange> {
        let file = self.file.as_ref()?.bind(py);
        if !is_plain(file) {
            return None;
        }
        let ask = |method: &Bound<'_, PyString>| file.call_method0(method).ok()?.extract::<u64>().ok();
        // A pipe has no position.
        let position = ask(intern!(py, "tell"))?;
        let descriptor = ask(intern!(py, "fileno"))?;
        py.detach(|| {
            // Opened once more, because a descriptor that Python owns cannot be owned here as well.
            let path = PathBuf::from(format!("/dev/fd/{descriptor}"));
            // What is made by the system as it is read has a size of 0, or another one that says nothing, and
            // takes no space.
            let is_stored = |metadata: &Metadata| metadata.is_file() && metadata.blocks() > 0;
            let size = metadata(&path).ok().filter(is_stored)?.len();
            Some(FileRange::new(File::open(path).ok()?, position.min(size)..size))
        })
    }
}

/// Whether a file's content is that of its descriptor: others may unpack or change it on the way.
fn is_plain(file: &Bound<'_, PyAny>) -> bool {
    static FILE_IO: Name = Name::new("io", "FileIO");
    static BUFFERED: Name = Name::new("io", "BufferedReader");
    let py = file.py();
    let is = |file: &Bound<'_, PyAny>, class: &'static Name| {
        class.get(py).is_ok_and(|class| file.get_type().is(class))
    };
    is(file, &FILE_IO)
        || (is(file, &BUFFERED) && file.getattr(intern!(py, "raw")).is_ok_and(|raw| is(&raw, &FILE_IO)))
}
