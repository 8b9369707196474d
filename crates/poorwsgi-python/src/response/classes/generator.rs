//! Responses whose content is generated while it is sent.

use poorwsgi_core::state::HTTP_OK;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::class::response_class;
use crate::names::Name;
use crate::response::base::{BaseResponse, ResponseArguments, ResponseData, status};
use crate::response::content;
use crate::response::media_type::{HTML, with_charset};

response_class! {
    /// A response with the bytes of a generator or any other iterable. Its close method is called in the end.
    ///
    /// With a content_length, the length is announced, and the response is cut off with an error if the
    /// content is longer or shorter. Without one, the content is sent in chunks.
    GeneratorResponse: BaseResponse, "(generator, content_type='text/html; charset=utf-8', headers=None, status_code=200, content_length=0)"
}

#[pymethods]
impl GeneratorResponse {
    #[pyo3(signature = (generator, content_type = HTML, headers = None, status_code = HTTP_OK, content_length = 0))]
    fn __init__(
        slf: &Bound<'_, Self>,
        generator: &Bound<'_, PyAny>,
        content_type: Option<&str>,
        headers: Option<&Bound<'_, PyAny>>,
        #[pyo3(from_py_with = status)] status_code: u16,
        content_length: u64,
    ) -> PyResult<()> {
        let length = (content_length > 0).then_some(content_length);
        let payload = ResponseData::Items { items: generator.clone().unbind(), text: false, length };
        BaseResponse::init(
            slf.as_super(),
            ResponseArguments { content_type, headers, status: status_code, payload },
        )
    }

    /// The content, cut to the ranges of the response. For subclasses that override how a response is sent.
    fn __range_generator__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        content::end(slf.as_super())
    }
}

response_class! {
    /// A GeneratorResponse of str items, which are sent as UTF-8.
    StrGeneratorResponse: GeneratorResponse, "(generator, content_type='text/html; charset=utf-8', headers=None, status_code=200)"
}

#[pymethods]
impl StrGeneratorResponse {
    #[pyo3(signature = (generator, content_type = HTML, headers = None, status_code = HTTP_OK))]
    fn __init__(
        slf: &Bound<'_, Self>,
        generator: &Bound<'_, PyAny>,
        content_type: Option<&str>,
        headers: Option<&Bound<'_, PyAny>>,
        #[pyo3(from_py_with = status)] status_code: u16,
    ) -> PyResult<()> {
        let payload = ResponseData::Items { items: generator.clone().unbind(), text: true, length: None };
        let base = slf.as_super().as_super();
        BaseResponse::init(base, ResponseArguments { content_type, headers, status: status_code, payload })
    }
}

response_class! {
    /// A response with a JSON object that has the keyword arguments as members, generated while it is sent. A
    /// generator or other iterable becomes an array.
    JSONGeneratorResponse: StrGeneratorResponse, "(charset='utf-8', headers=None, status_code=200, **kwargs)"
}

#[pymethods]
impl JSONGeneratorResponse {
    #[pyo3(signature = (charset = "utf-8", headers = None, status_code = HTTP_OK, **kwargs))]
    fn __init__(
        slf: &Bound<'_, Self>,
        charset: Option<&str>,
        headers: Option<&Bound<'_, PyAny>>,
        #[pyo3(from_py_with = status)] status_code: u16,
        kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<()> {
        static ENCODE: Name = Name::new("poorwsgi._json", "iterencode");
        let py = slf.py();
        let members = kwargs.map_or_else(|| PyDict::new(py), Clone::clone);
        let items = ENCODE.get(py)?.call1((members,))?;
        let content_type = with_charset("application/json", charset);
        StrGeneratorResponse::__init__(slf.as_super(), &items, Some(&content_type), headers, status_code)
    }
}
