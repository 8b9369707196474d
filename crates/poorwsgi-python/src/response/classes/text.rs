//! `TextResponse`: plain text.

use poorwsgi_core::state::HTTP_OK;
use pyo3::prelude::*;

use super::class::response_class;
use super::response::Response;
use crate::response::base::status;
use crate::response::media_type::with_charset;

response_class! {
    /// A response of plain text, sent as UTF-8. charset is the charset parameter of the Content-Type; None
    /// omits it.
    TextResponse: Response, "(text, charset='utf-8', headers=None, status_code=200)"
}

#[pymethods]
impl TextResponse {
    #[pyo3(signature = (text, charset = "utf-8", headers = None, status_code = HTTP_OK))]
    pub(super) fn __init__(
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
