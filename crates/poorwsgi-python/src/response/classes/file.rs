//! Responses of files.

use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::Mutex;

use poorwsgi_core::response::{self, BodyKind, OpenFile, is_missing};
use poorwsgi_core::state::{HTTP_NOT_FOUND, HTTP_OK};
use pyo3::exceptions::{PyAssertionError, PyFileNotFoundError, PyIsADirectoryError, PyOSError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::class::response_class;
use crate::exceptions::client_fault;
use crate::log;
use crate::response::base::{BaseResponse, ResponseArguments, ResponseData, status};
use crate::response::blocks::raised;
use crate::response::content::closed;
use crate::response::media_type::media_type;

const OCTETS: &str = "application/octet-stream";

response_class! {
    /// A response with the content of a binary file object from its current position to its end. The file is
    /// closed after it was sent.
    ///
    /// The length is announced for an ordinary file and a BytesIO; content of unknown length is sent in
    /// chunks.
    FileObjResponse: BaseResponse, "(file_obj, content_type=None, headers=None, status_code=200)"
}

#[pymethods]
impl FileObjResponse {
    #[pyo3(signature = (file_obj, content_type = None, headers = None, status_code = HTTP_OK))]
    fn __init__(
        slf: &Bound<'_, Self>,
        file_obj: &Bound<'_, PyAny>,
        content_type: Option<&str>,
        headers: Option<&Bound<'_, PyAny>>,
        #[pyo3(from_py_with = status)] status_code: u16,
    ) -> PyResult<()> {
        if !file_obj.call_method0("readable")?.is_truthy()? {
            return Err(PyAssertionError::new_err(
                "file_obj is not readable; open it in binary mode for reading: open(path, \"rb\")",
            ));
        }
        if file_obj.hasattr("encoding")?
            || file_obj.is_instance(&slf.py().import("io")?.getattr("TextIOBase")?)?
        {
            return Err(PyAssertionError::new_err(
                "file_obj is a text stream; open it in binary mode: open(path, \"rb\")",
            ));
        }
        let payload = ResponseData::File { file: file_obj.clone().unbind(), length: length(file_obj)? };
        let content_type = Some(content_type.unwrap_or(OCTETS));
        BaseResponse::init(
            slf.as_super(),
            ResponseArguments { content_type, headers, status: status_code, payload },
        )
    }

    /// The rest of the file as bytes; the position does not change. b"" for a file that is not seekable.
    #[getter]
    fn data<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let file = match &slf.as_super().try_borrow()?.payload {
            ResponseData::File { file, .. } => file.clone_ref(py).into_bound(py),
            ResponseData::FileRange(range) => {
                let mut body = BodyKind::from_body(range.clone().into());
                let mut data = Vec::new();
                while let Some(block) = body.next_block().map_err(raised)? {
                    data.extend_from_slice(&block);
                }
                return Ok(PyBytes::new(py, &data).into_any());
            }
            _ => return Ok(PyBytes::new(py, b"").into_any()),
        };
        if file.getattr("closed")?.is_truthy()? {
            closed(py, "warning")?;
            return Ok(PyBytes::new(py, b"").into_any());
        }
        if !file.call_method0("seekable")?.is_truthy()? {
            let message = "The file of a response is not seekable, so its data is not shown";
            log::write(py, "poorwsgi.response", "info", message, ())?;
            return Ok(PyBytes::new(py, b"").into_any());
        }
        let position = file.call_method0("tell")?;
        let data = file.call_method0("read")?;
        file.call_method1("seek", (position,))?;
        Ok(data)
    }
}

/// The number of bytes from the current position to the end of a file object; `None` if it is not known
/// without reading.
fn length(file: &Bound<'_, PyAny>) -> PyResult<Option<u64>> {
    let py = file.py();
    let whole: Option<u64> = if let Ok(buffer) = file.call_method0("getbuffer") {
        Some(buffer.len()? as u64)
    } else if let Ok(number) = file.call_method0("fileno") {
        let stat = py.import("os")?.call_method1("fstat", (number,))?;
        let is_file = py.import("stat")?.call_method1("S_ISREG", (stat.getattr("st_mode")?,))?;
        if is_file.is_truthy()? { Some(stat.getattr("st_size")?.extract()?) } else { None }
    } else {
        None
    };
    let Some(whole) = whole else { return Ok(None) };
    let position: Option<u64> = file.call_method0("tell").and_then(|position| position.extract()).ok();
    Ok(position.map(|position| whole.saturating_sub(position)))
}

/// The exception for a file that cannot be opened. A file that is not there is a 404 if no code handles the
/// exception.
fn not_opened(py: Python<'_>, path: &Path, error: &io::Error) -> PyErr {
    let exception = match error.kind() {
        ErrorKind::InvalidInput if path.is_dir() => {
            PyIsADirectoryError::new_err((21, "Is a directory", path.as_os_str().to_owned()))
        }
        ErrorKind::NotFound => PyFileNotFoundError::new_err((
            2,
            "Could not stat file: No such file or directory",
            path.as_os_str().to_owned(),
        )),
        _ => PyOSError::new_err(format!("Could not stat file {}: {error}", path.display())),
    };
    if !is_missing(error) {
        return exception;
    }
    // An error of logging must not hide that there is no file.
    let _ = log::write(py, "poorwsgi.response", "info", "FileResponse: %s", (exception.value(py),));
    client_fault(py, exception, HTTP_NOT_FOUND, None)
}

response_class! {
    /// A response with the content of the file at path, with Last-Modified, an ETag, and support for range
    /// requests. content_type is guessed from the name unless it is given. Raises OSError if the file cannot
    /// be read; if there is no such file, FileNotFoundError or IsADirectoryError, which is a 404 if nobody
    /// catches it.
    ///
    /// Do not pass a path from a request: use Application.document_root for that.
    FileResponse: FileObjResponse, "(path, content_type=None, headers=None, status_code=200)"
}

#[pymethods]
impl FileResponse {
    #[pyo3(signature = (path, content_type = None, headers = None, status_code = HTTP_OK))]
    fn __init__(
        slf: &Bound<'_, Self>,
        path: &Bound<'_, PyAny>,
        content_type: Option<&str>,
        headers: Option<&Bound<'_, PyAny>>,
        #[pyo3(from_py_with = status)] status_code: u16,
    ) -> PyResult<()> {
        let py = slf.py();
        let path: std::path::PathBuf = path.extract()?;
        let file = py.detach(|| OpenFile::open(&path)).map_err(|error| not_opened(py, &path, &error))?;
        let made = response::Response::from(file);
        let content_type = match content_type {
            Some(content_type) => content_type.to_owned(),
            None => media_type(py, &path.to_string_lossy())?.unwrap_or_else(|| OCTETS.to_owned()),
        };
        let base = slf.as_super().as_super();
        let own: Vec<(String, String)> = made
            .headers()
            .iter()
            .filter_map(|(name, value)| Some((name.into_owned(), value.to_str().ok()?.to_owned())))
            .collect();
        let payload = match BodyKind::from_body(made.into_body()) {
            BodyKind::File(range) => ResponseData::FileRange(range),
            kind => ResponseData::Engine(Mutex::new(kind.into())),
        };
        BaseResponse::init(
            base,
            ResponseArguments { content_type: Some(&content_type), headers, status: status_code, payload },
        )?;
        base.call_method0("make_partial")?;
        let headers = base.getattr("headers")?;
        for (name, value) in own {
            headers.call_method1("setdefault", (name, value))?;
        }
        Ok(())
    }
}
