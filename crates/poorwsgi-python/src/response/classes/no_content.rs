//! `NoContentResponse`, and its older name.

use poorwsgi_core::state::HTTP_NO_CONTENT;
use pyo3::prelude::*;

use super::class::response_class;
use crate::names::deprecated;
use crate::response::base::{BaseResponse, ResponseArguments, ResponseData, status};

response_class! {
    /// A response without content: 204 by default.
    NoContentResponse: BaseResponse, "(headers=None, status_code=204)"
}

#[pymethods]
impl NoContentResponse {
    #[pyo3(signature = (headers = None, status_code = HTTP_NO_CONTENT))]
    pub(super) fn __init__(
        slf: &Bound<'_, Self>,
        headers: Option<&Bound<'_, PyAny>>,
        #[pyo3(from_py_with = status)] status_code: u16,
    ) -> PyResult<()> {
        let parts = ResponseArguments {
            content_type: Some(""),
            headers,
            status: status_code,
            payload: ResponseData::Empty,
        };
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
    pub(super) fn __init__(
        slf: &Bound<'_, Self>,
        #[pyo3(from_py_with = status)] status_code: u16,
    ) -> PyResult<()> {
        deprecated(slf.py(), "EmptyResponse is deprecated: use NoContentResponse")?;
        NoContentResponse::__init__(slf.as_super(), None, status_code)
    }
}
