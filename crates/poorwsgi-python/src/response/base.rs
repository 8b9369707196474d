//! `BaseResponse`: the base class of all Python response classes.

use std::mem;
use std::sync::Mutex;

use bytes::Bytes;
use poorwsgi_core::response::{Body, FileRange, keeps_ranges, may_be_cut};
use poorwsgi_core::state::{self, HTTP_OK, HTTP_PARTIAL_CONTENT};
use pyo3::exceptions::{PyOverflowError, PyValueError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyTuple};

use super::blocks::ReturnedBy;
use crate::exceptions::{bad_status, known};
use crate::headers::{Headers, header_error, headers_from_python};
use crate::log;
use crate::names::Made;

/// A range as a pair in PoorWSGI's form: first and last byte. Without a first, the second number is the
/// length of a suffix; without a last, the range reaches to the end.
pub(crate) type Range = (Option<u64>, Option<u64>);

/// The content of a response.
#[derive(Default)]
pub(super) enum ResponseData {
    #[default]
    Empty,
    /// Data, to which `write` may append.
    Data(Bytes),
    /// The data in an IBytesIO, after the buffer was accessed.
    Buffer(Py<PyAny>),
    /// The rest of a file object, from its current position.
    File { file: Py<PyAny>, length: Option<u64> },
    /// An iterable of bytes, or of str.
    Items { items: Py<PyAny>, text: bool, length: Option<u64> },
    /// Part of a file of the operating system.
    FileRange(FileRange),
    /// Any other body of the engine.
    Engine(Mutex<Body>),
}

impl ResponseData {
    fn object(&self) -> Option<&Py<PyAny>> {
        match self {
            ResponseData::Buffer(object)
            | ResponseData::File { file: object, .. }
            | ResponseData::Items { items: object, .. } => Some(object),
            _ => None,
        }
    }
}

/// The base of all responses: status code, headers and content type, without content.
///
/// headers is Headers, a dict, one pair, or an iterable of pairs, and replaces the default headers. Raises
/// ValueError for a status_code that is not in poorwsgi.state.
#[pyclass(subclass, dict, weakref, module = "poorwsgi.response")]
pub(crate) struct BaseResponse {
    pub(super) status: u16,
    /// The Content-Type that is sent unless headers has one; "" or None for none.
    #[pyo3(get, set)]
    pub(super) content_type: Option<String>,
    pub(super) headers: Option<Py<Headers>>,
    pub(super) ranges: Vec<Range>,
    pub(super) units: Option<String>,
    pub(super) payload: ResponseData,
    /// From where an iterable came.
    pub(super) origin: Option<ReturnedBy>,
    pub(super) is_sent: bool,
    /// The length of the content when it was sent.
    pub(super) sent_length: Option<u64>,
    /// The body that `__start_response__` leaves to `__end_of_response__`.
    pub(super) finished: Option<Mutex<Body>>,
    /// The length in bytes that a subclass announces for its own content.
    #[pyo3(get, set)]
    pub(super) _content_length: Option<u64>,
    made: Made,
}

/// The arguments that the constructors have in common.
pub(super) struct ResponseArguments<'a, 'py> {
    pub(super) content_type: Option<&'a str>,
    pub(super) headers: Option<&'a Bound<'py, PyAny>>,
    pub(super) status: u16,
    pub(super) payload: ResponseData,
}

impl BaseResponse {
    pub(crate) fn blank() -> Self {
        BaseResponse {
            status: HTTP_OK,
            content_type: Some(String::new()),
            headers: None,
            ranges: Vec::new(),
            units: None,
            payload: ResponseData::Empty,
            origin: None,
            is_sent: false,
            sent_length: None,
            finished: None,
            _content_length: None,
            made: Made::default(),
        }
    }

    pub(super) fn initializer() -> PyClassInitializer<Self> {
        BaseResponse::blank().into()
    }

    /// The work of `__init__` of this class and its subclasses.
    pub(super) fn init(response: &Bound<'_, Self>, parts: ResponseArguments<'_, '_>) -> PyResult<()> {
        let headers = parts.headers.filter(|headers| !headers.is_none()).map(as_headers).transpose()?;
        let status = known(response.py(), parts.status)?;
        let mut base = response.try_borrow_mut()?;
        base.status = status;
        base.content_type = parts.content_type.map(str::to_owned);
        let old = (mem::replace(&mut base.headers, headers), mem::replace(&mut base.payload, parts.payload));
        // Releasing the old objects may run Python code, so the borrow ends first.
        drop(base);
        drop(old);
        Ok(())
    }

    /// The headers, created at the first access.
    pub(crate) fn headers_of<'py>(response: &Bound<'py, Self>) -> PyResult<Bound<'py, Headers>> {
        let py = response.py();
        let mut base = response.try_borrow_mut()?;
        if let Some(headers) = &base.headers {
            return Ok(headers.bind(py).clone());
        }
        let headers = Bound::new(py, Headers::from_engine(poorwsgi_core::response::default_headers()))?;
        base.headers = Some(headers.clone().unbind());
        Ok(headers)
    }

    pub(super) fn length(&self, py: Python<'_>) -> PyResult<u64> {
        if let Some(length) = self._content_length {
            return Ok(length);
        }
        if let Some(length) = self.sent_length {
            return Ok(length);
        }
        Ok(match &self.payload {
            ResponseData::Empty => 0,
            ResponseData::Data(data) => data.len() as u64,
            ResponseData::Buffer(buffer) => buffer.bind(py).call_method0("getbuffer")?.len()? as u64,
            ResponseData::File { length, .. } | ResponseData::Items { length, .. } => length.unwrap_or(0),
            ResponseData::FileRange(range) => range.len(),
            ResponseData::Engine(_) => 0,
        })
    }
}

/// A Headers object is shared with the caller; anything else is converted to a new one.
fn as_headers(headers: &Bound<'_, PyAny>) -> PyResult<Py<Headers>> {
    match headers.cast::<Headers>() {
        Ok(shared) => Ok(shared.clone().unbind()),
        Err(_) => Py::new(headers.py(), Headers::from_engine(headers_from_python(headers)?)),
    }
}

/// A status code from an application. A number that is no `u16` is refused like an unknown status.
pub(super) fn status(code: &Bound<'_, PyAny>) -> PyResult<u16> {
    code.extract().map_err(|error: PyErr| match error.is_instance_of::<PyOverflowError>(code.py()) {
        true => PyValueError::new_err(bad_status(code)),
        false => error,
    })
}

#[pymethods]
impl BaseResponse {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs), text_signature = "(content_type='', headers=None, status_code=200)")]
    fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> Self {
        Self::blank()
    }

    #[pyo3(signature = (content_type = "", headers = None, status_code = HTTP_OK))]
    fn __init__(
        slf: &Bound<'_, Self>,
        content_type: &str,
        headers: Option<&Bound<'_, PyAny>>,
        #[pyo3(from_py_with = status)] status_code: u16,
    ) -> PyResult<()> {
        let content_type = Some(content_type);
        BaseResponse::init(
            slf,
            ResponseArguments { content_type, headers, status: status_code, payload: ResponseData::Empty },
        )
    }

    /// The HTTP status code, 200 by default: one of the HTTP_ constants of poorwsgi.state. Setting any other
    /// raises ValueError.
    ///
    /// Setting a status other than 200 and 206 undoes make_partial and make_range.
    #[getter]
    const fn status_code(&self) -> u16 {
        self.status
    }

    #[setter]
    fn set_status_code(
        slf: &Bound<'_, Self>,
        #[pyo3(from_py_with = status)] status_code: u16,
    ) -> PyResult<()> {
        let status_code = known(slf.py(), status_code)?;
        {
            let mut base = slf.try_borrow_mut()?;
            base.status = status_code;
            if keeps_ranges(status_code) {
                return Ok(());
            }
            base.ranges.clear();
            if base.units.take().is_none() {
                return Ok(());
            }
        }
        let headers = BaseResponse::headers_of(slf)?;
        headers.get().lock().remove("Accept-Ranges");
        Ok(())
    }

    /// The reason phrase of the status code.
    #[getter]
    fn reason(&self) -> &'static str {
        state::reason(self.status).unwrap_or_default()
    }

    /// The length of the content in bytes; 0 if it is not known.
    #[getter]
    fn content_length(&self, py: Python<'_>) -> PyResult<u64> {
        self.length(py)
    }

    /// The content as bytes; b"" for content that is generated while it is sent.
    #[getter]
    fn data<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, b"")
    }

    /// The headers of the response, a Headers. May be set to anything that the constructor takes.
    #[getter]
    fn headers<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, Headers>> {
        BaseResponse::headers_of(slf)
    }

    #[setter]
    fn set_headers(slf: &Bound<'_, Self>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let headers = as_headers(value)?;
        let _old = slf.try_borrow_mut()?.headers.replace(headers);
        Ok(())
    }

    /// Adds a header; keyword arguments become its parameters, as in Headers.add_header.
    #[pyo3(signature = (name, value, **kwargs))]
    fn add_header(
        slf: &Bound<'_, Self>,
        name: &Bound<'_, PyAny>,
        value: &Bound<'_, PyAny>,
        kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<()> {
        slf.getattr("headers")?.call_method("add_header", (name, value), kwargs).map(drop)
    }

    /// Supports range requests (Accept-Ranges: units), or sends the given ranges of the content. Has an
    /// effect only if the status is 200.
    ///
    /// ranges are pairs (first, last), such as the list that parse_range returns; without them, the Range
    /// header of the request decides. A range that ends before it begins is skipped, and so is a repeated
    /// range. The content is cut only if units is "bytes"; for other units the application has to cut it.
    #[pyo3(signature = (ranges = None, units = "bytes"))]
    fn make_partial(slf: &Bound<'_, Self>, ranges: Option<&Bound<'_, PyAny>>, units: &str) -> PyResult<()> {
        let mut kept = Vec::new();
        for range in ranges.map_or_else(|| Ok(Vec::new()), ranges_of)? {
            if matches!(range, (Some(first), Some(last)) if last < first) {
                warn(slf.py(), "Inconsistent range skipped", &[range])?;
            } else if !kept.contains(&range) {
                kept.push(range);
            }
        }
        {
            let mut base = slf.try_borrow_mut()?;
            if !may_be_cut(base.status) {
                return Ok(());
            }
            base.ranges = kept;
            base.units = Some(units.to_owned());
        }
        let headers = BaseResponse::headers_of(slf)?;
        headers.get().lock().set("Accept-Ranges", units).map_err(header_error)
    }

    /// Sets Content-Range, for a 206 whose content the application has cut itself.
    ///
    /// ranges is a list of one pair (first, last); full is the length of the whole representation, "*" if it
    /// is not known.
    #[pyo3(
        signature = (ranges, units = "bytes", full = None),
        text_signature = "($self, ranges, units='bytes', full='*')"
    )]
    fn make_range(
        slf: &Bound<'_, Self>,
        ranges: &Bound<'_, PyAny>,
        units: &str,
        full: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let py = slf.py();
        let ranges = ranges_of(ranges)?;
        if slf.try_borrow()?.status != HTTP_PARTIAL_CONTENT {
            return Ok(());
        }
        if ranges.len() > 1 {
            warn(py, "Content-Range can say only one range", &ranges)?;
        }
        let mut kept = None;
        for range in &ranges {
            match range {
                (Some(first), Some(last)) if first <= last => kept = kept.or(Some((*first, *last))),
                (Some(_), Some(_)) => warn(py, "Inconsistent range skipped", &[*range])?,
                _ => warn(py, "Only a full range, with first and last, can be said", &[*range])?,
            }
        }
        let Some((first, last)) = kept else { return Ok(()) };
        slf.try_borrow_mut()?.ranges = vec![(Some(first), Some(last))];
        let full = full.map_or_else(|| Ok("*".to_owned()), |full| full.str().map(|full| full.to_string()))?;
        let headers = BaseResponse::headers_of(slf)?;
        let range = format!("{units} {first}-{last}/{full}");
        headers.get().lock().set("Content-Range", range).map_err(header_error)
    }

    /// The ranges that were set with make_partial or make_range.
    #[getter]
    fn ranges<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, &self.ranges)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        if !self.made.is_made() {
            return Ok(());
        }
        if let Some(headers) = &self.headers {
            visit.call(headers)?;
        }
        if let Some(origin) = &self.origin {
            visit.call(&origin.handler)?;
        }
        self.payload.object().map_or(Ok(()), |object| visit.call(object))
    }

    fn __clear__(&mut self) {
        self.headers = None;
        self.origin = None;
        self.payload = ResponseData::Empty;
    }
}

/// The ranges from an iterable of pairs, each a tuple or a list.
fn ranges_of(ranges: &Bound<'_, PyAny>) -> PyResult<Vec<Range>> {
    let pair = |range: PyResult<Bound<'_, PyAny>>| {
        let ends = range?.try_iter()?.map(|end| end?.extract()).collect::<PyResult<Vec<Option<u64>>>>()?;
        match ends.as_slice() {
            [first, last] => Ok((*first, *last)),
            ends => Err(PyValueError::new_err(format!(
                "a range has {} values; expected (first, last)",
                ends.len()
            ))),
        }
    };
    ranges.try_iter()?.map(pair).collect()
}

fn warn(py: Python<'_>, text: &str, ranges: &[Range]) -> PyResult<()> {
    let ranges = PyTuple::new(py, ranges)?;
    log::write(py, "poorwsgi.response", "warning", "%s: %s", (text, ranges))
}
