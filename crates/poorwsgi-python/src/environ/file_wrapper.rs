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

/// environ["wsgi.file_wrapper"] (PEP 3333): an iterator over a file's content in blocks of block_size bytes,
/// by default 8192. Raises ValueError for a block size of 0.
///
/// If a callable returns a FileWrapper of an ordinary open file, the server sends the file from its current
/// position to its end, without running Python and, if the system can (sendfile), without copying. Any other
/// object with a read method is read block by block.
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
            return Err(PyValueError::new_err("block_size is 0; expected 1 or more"));
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

    /// Closes the file, if it has a close method.
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
    /// The part of an ordinary file that is to be sent; `None` for any other object, whose `read` has to be
    /// called.
    pub(crate) fn range(&self, py: Python<'_>) -> Option<FileRange> {
        let file = self.file.as_ref()?.bind(py);
        if !is_plain(file) {
            return None;
        }
        let ask = |method: &Bound<'_, PyString>| file.call_method0(method).ok()?.extract::<u64>().ok();
        // `tell` fails for a pipe.
        let position = ask(intern!(py, "tell"))?;
        let descriptor = ask(intern!(py, "fileno"))?;
        py.detach(|| {
            // Opened once more, because a descriptor that Python owns cannot be owned here as well.
            let path = PathBuf::from(format!("/dev/fd/{descriptor}"));
            // A file whose content the system generates (as in /proc) reports a meaningless size, and
            // occupies no blocks.
            let is_stored = |metadata: &Metadata| metadata.is_file() && metadata.blocks() > 0;
            let size = metadata(&path).ok().filter(is_stored)?.len();
            Some(FileRange::new(File::open(path).ok()?, position.min(size)..size))
        })
    }
}

/// Whether reading the file object returns exactly what is in its descriptor: other classes may decompress or
/// change the content.
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
