//! The responses whose content is at hand, and those without any.

use std::mem;
use std::sync::Mutex;

use bytes::{Bytes, BytesMut};
use poorwsgi_core::response::{self, BodyKind};
use poorwsgi_core::state::{
    HTTP_MOVED_PERMANENTLY, HTTP_MOVED_TEMPORARILY, HTTP_NO_CONTENT, HTTP_NOT_MODIFIED, HTTP_OK,
    HTTP_PARTIAL_CONTENT,
};
use pyo3::exceptions::{PyAssertionError, PyRuntimeError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyString, PyTuple, PyType};

use super::HTML;
use super::base::{BaseResponse, Parts, Payload, Range, status};
use super::blocks;
use super::file::{FileObjResponse, FileResponse};
use super::generator::{GeneratorResponse, JSONGeneratorResponse, StrGeneratorResponse};
use super::send;
use crate::headers::Headers;
use crate::json_text::dumps;
use crate::log;
use crate::names::{Name, deprecated};
use crate::octets;

/// Headers of which a 304 should have one.
pub(crate) const NOT_MODIFIED_ONE_OF_REQUIRED: &[&str] = &["Content-Location", "Date", "ETag", "Vary"];

/// A class below `BaseResponse`, made empty by Python and filled by its `__init__`, so that a subclass may
/// have arguments of its own.
macro_rules! response_class {
    ($(#[$docs:meta])* $name:ident: $base:ty, $signature:literal) => {
        $(#[$docs])*
        #[pyclass(subclass, extends = $base, module = "poorwsgi.response")]
        #[derive(Default)]
        pub(crate) struct $name;

        impl $name {
            pub(crate) fn blank() -> PyClassInitializer<Self> {
                <$base>::initializer().add_subclass($name)
            }

            #[allow(dead_code, reason = "only classes that others stand on need it")]
            pub(crate) fn initializer() -> PyClassInitializer<Self> {
                Self::blank()
            }
        }

        #[pymethods]
        impl $name {
            #[new]
            #[pyo3(signature = (*_args, **_kwargs), text_signature = $signature)]
            fn new(
                _args: &Bound<'_, pyo3::types::PyTuple>,
                _kwargs: Option<&Bound<'_, pyo3::types::PyDict>>,
            ) -> PyClassInitializer<Self> {
                Self::blank()
            }
        }
    };
}
pub(super) use response_class;

impl BaseResponse {
    pub(super) fn initializer() -> PyClassInitializer<Self> {
        BaseResponse::blank().into()
    }
}

/// Whether a class is one of ours, which send in the way of the engine.
pub(super) fn is_ours(kind: &Bound<'_, PyType>) -> bool {
    let py = kind.py();
    macro_rules! any {
        ($($class:ty),*) => { $(kind.is(&py.get_type::<$class>()))||* };
    }
    any!(
        Response,
        JSONResponse,
        TextResponse,
        RedirectResponse,
        FileResponse,
        FileObjResponse,
        GeneratorResponse,
        StrGeneratorResponse,
        JSONGeneratorResponse,
        NoContentResponse,
        NotModifiedResponse,
        PartialResponse,
        EmptyResponse,
        BaseResponse
    )
}

response_class! {
    /// A response of text or bytes: data, content_type, headers, status_code.
    ///
    /// str is sent as UTF-8. It can be sent once.
    Response: BaseResponse, "(data=b'', content_type='text/html; charset=utf-8', headers=None, status_code=200)"
}

/// The bytes of str or bytes.
fn encoded(data: &Bound<'_, PyAny>) -> PyResult<Bytes> {
    if let Ok(text) = data.cast::<PyString>() {
        return octets::of_text(text);
    }
    match data.cast::<PyBytes>() {
        Ok(bytes) => Ok(octets::of_bytes(bytes)),
        Err(_) => Err(PyAssertionError::new_err(format!("data is {}, not str or bytes", data.get_type()))),
    }
}

#[pymethods]
impl Response {
    #[pyo3(signature = (data = None, content_type = HTML, headers = None, status_code = HTTP_OK))]
    fn __init__(
        slf: &Bound<'_, Self>,
        data: Option<&Bound<'_, PyAny>>,
        content_type: Option<&str>,
        headers: Option<&Bound<'_, PyAny>>,
        #[pyo3(from_py_with = status)] status_code: u16,
    ) -> PyResult<()> {
        let data = data.map_or_else(|| Ok(Bytes::new()), encoded)?;
        let parts = Parts { content_type, headers, status: status_code, payload: Payload::Data(data) };
        BaseResponse::init(slf.as_super(), parts)
    }

    /// The content as bytes.
    #[getter]
    fn data<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let buffer = match &slf.as_super().try_borrow()?.payload {
            Payload::Data(data) => return Ok(PyBytes::new(py, data).into_any()),
            Payload::Buffer(buffer) => buffer.clone_ref(py),
            _ => return Ok(PyBytes::new(py, b"").into_any()),
        };
        if buffer.getattr(py, "closed")?.is_truthy(py)? {
            send::closed(py, "warning")?;
            return Ok(PyBytes::new(py, b"").into_any());
        }
        buffer.bind(py).call_method0("getvalue")
    }

    /// Adds str, bytes, or what holds bytes (bytearray, memoryview), to the end of the content.
    fn write(slf: &Bound<'_, Self>, data: &Bound<'_, PyAny>) -> PyResult<()> {
        let added = match data.cast::<PyString>() {
            Ok(text) => Some(octets::of_text(text)?),
            Err(_) => blocks::bytes(data)?,
        };
        let added = added
            .ok_or_else(|| PyTypeError::new_err(format!("data is {}, not str or bytes", data.get_type())))?;
        let mut base = slf.as_super().try_borrow_mut()?;
        match &mut base.payload {
            Payload::Data(content) => {
                // In place, unless it is Python's.
                let mut all = BytesMut::from(mem::take(content));
                all.extend_from_slice(&added);
                *content = all.freeze();
            }
            Payload::Buffer(buffer) => {
                let buffer = buffer.clone_ref(slf.py()).into_bound(slf.py());
                drop(base);
                buffer.call_method1("seek", (0, 2))?;
                buffer.call_method1("write", (PyBytes::new(slf.py(), &added),))?;
            }
            _ => base.payload = Payload::Data(added),
        }
        Ok(())
    }

    /// The content as an IBytesIO that can be changed, as subclasses of PoorWSGI's Response have done.
    #[getter(_Response__buffer)]
    fn buffer<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        static BUFFER: Name = Name::new("poorwsgi.response", "IBytesIO");
        let py = slf.py();
        if let Payload::Buffer(buffer) = &slf.as_super().try_borrow()?.payload {
            return Ok(buffer.bind(py).clone());
        }
        let buffer = BUFFER.get(py)?.call1((Self::data(slf)?,))?;
        slf.as_super().try_borrow_mut()?.payload = Payload::Buffer(buffer.clone().unbind());
        Ok(buffer)
    }
}

response_class! {
    /// A 206 whose content the application has cut itself; say with make_range which part it is.
    PartialResponse: Response, "(data=b'', content_type='text/html; charset=utf-8', headers=None)"
}

#[pymethods]
impl PartialResponse {
    #[pyo3(signature = (data = None, content_type = HTML, headers = None))]
    fn __init__(
        slf: &Bound<'_, Self>,
        data: Option<&Bound<'_, PyAny>>,
        content_type: Option<&str>,
        headers: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        Response::__init__(slf.as_super(), data, content_type, headers, HTTP_PARTIAL_CONTENT)
    }

    /// Does nothing: the content is a part already.
    #[pyo3(signature = (ranges = None, units = "bytes"))]
    #[allow(clippy::unused_self, unused_variables)]
    fn make_partial(&self, ranges: Option<Vec<Range>>, units: &str) {}
}

response_class! {
    /// A response of JSON: of data_, or of an object with the keyword arguments as its members.
    ///
    /// charset is named in the Content-Type (None for no name); encoder_kwargs go to json.dumps. data_
    /// together with keyword arguments is a RuntimeError.
    JSONResponse: Response, "(data_=None, charset='utf-8', headers=None, status_code=200, encoder_kwargs=None, **kwargs)"
}

/// A media type with its charset.
pub(super) fn with_charset(media_type: &str, charset: Option<&str>) -> String {
    match charset {
        Some(charset) if !charset.is_empty() => format!("{media_type}; charset={charset}"),
        _ => media_type.to_owned(),
    }
}

#[pymethods]
impl JSONResponse {
    #[pyo3(signature = (data_ = None, charset = "utf-8", headers = None, status_code = HTTP_OK, encoder_kwargs = None, **kwargs))]
    fn __init__(
        slf: &Bound<'_, Self>,
        data_: Option<&Bound<'_, PyAny>>,
        charset: Option<&str>,
        headers: Option<&Bound<'_, PyAny>>,
        #[pyo3(from_py_with = status)] status_code: u16,
        encoder_kwargs: Option<&Bound<'_, PyDict>>,
        kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<()> {
        let kwargs = kwargs.filter(|kwargs| !kwargs.is_empty());
        let py = slf.py();
        let data = match (data_, kwargs) {
            (Some(_), Some(_)) => {
                return Err(PyRuntimeError::new_err("data_ and keyword arguments cannot be sent together"));
            }
            (None, Some(kwargs)) => kwargs.clone().into_any(),
            (Some(data), None) => data.clone(),
            (None, None) => py.None().into_bound(py),
        };
        let payload = Payload::Data(json(&data, encoder_kwargs)?.into());
        let content_type = with_charset("application/json", charset);
        let parts = Parts { content_type: Some(&content_type), headers, status: status_code, payload };
        BaseResponse::init(slf.as_super().as_super(), parts)
    }
}

/// What json.dumps makes of a value.
fn json(data: &Bound<'_, PyAny>, kwargs: Option<&Bound<'_, PyDict>>) -> PyResult<Vec<u8>> {
    static DUMPS: Name = Name::new("json", "dumps");
    match kwargs {
        Some(kwargs) => {
            let text: String = DUMPS.get(data.py())?.call((data,), Some(kwargs))?.extract()?;
            Ok(text.into_bytes())
        }
        None => dumps(data),
    }
}

response_class! {
    /// A response of plain text. charset is named in the Content-Type; None for no name. The text is sent as
    /// UTF-8.
    TextResponse: Response, "(text, charset='utf-8', headers=None, status_code=200)"
}

#[pymethods]
impl TextResponse {
    #[pyo3(signature = (text, charset = "utf-8", headers = None, status_code = HTTP_OK))]
    fn __init__(
        slf: &Bound<'_, Self>,
        text: &Bound<'_, PyAny>,
        charset: Option<&str>,
        headers: Option<&Bound<'_, PyAny>>,
        #[pyo3(from_py_with = status)] status_code: u16,
    ) -> PyResult<()> {
        let content_type = with_charset("text/plain", charset);
        Response::__init__(slf.as_super(), Some(text), Some(&content_type), headers, status_code)
    }
}

response_class! {
    /// Sends the client to another location: 302 by default.
    ///
    /// message is text for clients that do not follow. permanent and a bool as status_code are deprecated:
    /// give the status code. A location with CR, LF or NUL is a ValueError.
    RedirectResponse: Response, "(location, status_code=302, message=b'', headers=None, permanent=False)"
}

#[pymethods]
impl RedirectResponse {
    #[pyo3(signature = (location, status_code = None, message = None, headers = None, permanent = false))]
    fn __init__(
        slf: &Bound<'_, Self>,
        location: &Bound<'_, PyAny>,
        status_code: Option<&Bound<'_, PyAny>>,
        message: Option<&Bound<'_, PyAny>>,
        headers: Option<&Bound<'_, PyAny>>,
        permanent: bool,
    ) -> PyResult<()> {
        let py = slf.py();
        let status = match status_code {
            Some(code) if code.is_instance_of::<pyo3::types::PyBool>() => {
                deprecated(
                    py,
                    "status_code as a bool is deprecated: give HTTP_MOVED_PERMANENTLY or HTTP_MOVED_TEMPORARILY",
                )?;
                if code.is_truthy()? { HTTP_MOVED_PERMANENTLY } else { HTTP_MOVED_TEMPORARILY }
            }
            Some(code) => code.extract()?,
            None => HTTP_MOVED_TEMPORARILY,
        };
        let status = if permanent {
            deprecated(py, "permanent is deprecated: give status_code=HTTP_MOVED_PERMANENTLY")?;
            HTTP_MOVED_PERMANENTLY
        } else {
            status
        };
        Response::__init__(slf.as_super(), message, Some("text/plain"), headers, status)?;
        slf.getattr("headers")?.call_method1("__setitem__", ("Location", location)).map(drop)
    }
}

response_class! {
    /// A response without content: 204 by default.
    NoContentResponse: BaseResponse, "(headers=None, status_code=204)"
}

#[pymethods]
impl NoContentResponse {
    #[pyo3(signature = (headers = None, status_code = HTTP_NO_CONTENT))]
    fn __init__(
        slf: &Bound<'_, Self>,
        headers: Option<&Bound<'_, PyAny>>,
        #[pyo3(from_py_with = status)] status_code: u16,
    ) -> PyResult<()> {
        let parts = Parts { content_type: Some(""), headers, status: status_code, payload: Payload::Empty };
        BaseResponse::init(slf.as_super(), parts)
    }
}

response_class! {
    /// Deprecated: use NoContentResponse.
    EmptyResponse: NoContentResponse, "(status_code=204)"
}

#[pymethods]
impl EmptyResponse {
    #[pyo3(signature = (status_code = HTTP_NO_CONTENT))]
    fn __init__(slf: &Bound<'_, Self>, #[pyo3(from_py_with = status)] status_code: u16) -> PyResult<()> {
        deprecated(slf.py(), "EmptyResponse is deprecated: use NoContentResponse")?;
        NoContentResponse::__init__(slf.as_super(), None, status_code)
    }
}

response_class! {
    /// No answer at all: the server closes the connection, or sends an empty answer where it cannot.
    Declined: NoContentResponse, "(status_code=200)"
}

#[pymethods]
impl Declined {
    #[pyo3(signature = (status_code = HTTP_OK))]
    fn __init__(slf: &Bound<'_, Self>, #[pyo3(from_py_with = status)] status_code: u16) -> PyResult<()> {
        NoContentResponse::__init__(slf.as_super(), None, status_code)
    }

    /// Always empty: nothing is sent.
    #[getter]
    #[allow(clippy::unused_self)]
    fn headers(&self) -> Headers {
        Headers::from_engine(poorwsgi_core::headers::Headers::new())
    }

    #[setter]
    #[allow(clippy::unused_self)]
    fn set_headers(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        not_sent(value.py())
    }

    /// Nothing is added: no header is sent.
    #[pyo3(signature = (*_args, **_kwargs), text_signature = "($self, *args, **kwargs)")]
    #[allow(clippy::unused_self)]
    fn add_header(
        &self,
        py: Python<'_>,
        _args: &Bound<'_, PyTuple>,
        _kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<()> {
        not_sent(py)
    }

    #[allow(clippy::unused_self)]
    fn __call__<'py>(&self, start_response: &Bound<'py, PyAny>) -> Bound<'py, PyTuple> {
        PyTuple::empty(start_response.py())
    }
}

fn not_sent(py: Python<'_>) -> PyResult<()> {
    log::write(py, "poorwsgi.response", "warning", "Headers of a Declined response are not sent", ())
}

response_class! {
    /// 304: what the client has is still good.
    ///
    /// date is text, seconds since 1970, or a datetime.
    NotModifiedResponse: NoContentResponse, "(headers=None, etag=None, content_location=None, date=None, vary=None)"
}

#[pymethods]
impl NotModifiedResponse {
    #[pyo3(signature = (headers = None, etag = None, content_location = None, date = None, vary = None))]
    fn __init__(
        slf: &Bound<'_, Self>,
        headers: Option<&Bound<'_, PyAny>>,
        etag: Option<&Bound<'_, PyAny>>,
        content_location: Option<&Bound<'_, PyAny>>,
        date: Option<&Bound<'_, PyAny>>,
        vary: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        static TO_TIME: Name = Name::new("poorwsgi.headers", "time_to_http");
        static TO_DATETIME: Name = Name::new("poorwsgi.headers", "datetime_to_http");
        let py = slf.py();
        NoContentResponse::__init__(slf.as_super(), headers, HTTP_NOT_MODIFIED)?;
        let date = match date {
            Some(date) if date.is_instance_of::<PyString>() => Some(date.clone()),
            Some(date) if date.hasattr("utctimetuple")? => Some(TO_DATETIME.get(py)?.call1((date,))?),
            Some(date) => Some(TO_TIME.get(py)?.call1((date,))?),
            None => None,
        };
        let headers = slf.getattr("headers")?;
        for (name, value) in
            [("ETag", etag), ("Content-Location", content_location), ("Date", date.as_ref()), ("Vary", vary)]
        {
            if let Some(value) = value
                && value.is_truthy()?
            {
                headers.call_method1("__setitem__", (name, value))?;
            }
        }
        Ok(())
    }
}

/// A response of the engine, a page or a file, as the object that hooks see.
pub(super) fn from_engine(py: Python<'_>, made: response::Response) -> PyResult<Bound<'_, BaseResponse>> {
    if made.is_declined() {
        return Ok(Bound::new(py, Declined::blank())?.into_any().cast_into()?);
    }
    let mut made = made;
    let mut base = BaseResponse::blank();
    base.status = made.status();
    base.content_type = made.content_type().map(str::to_owned);
    base.headers = Some(Py::new(py, Headers::from_engine(mem::take(made.headers_mut())))?);
    if *made.ranges() != response::Ranges::Refused {
        base.units = Some("bytes".to_owned());
    }
    let object = match made.into_body().into_kind() {
        BodyKind::Bytes(data) if data.is_empty() && base.content_type.is_none() => {
            let class = PyClassInitializer::from(base).add_subclass(NoContentResponse);
            Bound::new(py, class)?.into_any()
        }
        BodyKind::Bytes(data) => {
            base.payload = Payload::Data(data);
            let response = |base| PyClassInitializer::from(base).add_subclass(Response);
            if base.content_type.as_deref().is_some_and(|kind| kind.starts_with("application/json")) {
                let made = Bound::new(py, response(base).add_subclass(JSONResponse))?;
                return Ok(made.into_any().cast_into()?);
            }
            Bound::new(py, PyClassInitializer::from(base).add_subclass(Response))?.into_any()
        }
        BodyKind::File(range) => {
            base.payload = Payload::FileRange(range);
            let class =
                PyClassInitializer::from(base).add_subclass(FileObjResponse).add_subclass(FileResponse);
            Bound::new(py, class)?.into_any()
        }
        kind => {
            base.payload = Payload::Engine(Mutex::new(kind.into()));
            Bound::new(py, PyClassInitializer::from(base).add_subclass(GeneratorResponse))?.into_any()
        }
    };
    Ok(object.cast_into()?)
}
