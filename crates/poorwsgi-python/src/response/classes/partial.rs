//! `PartialResponse`: a range that the application has cut itself.

use poorwsgi_core::state::HTTP_PARTIAL_CONTENT;
use pyo3::prelude::*;

use super::class::response_class;
use super::response::Response;
use crate::response::base::Range;
use crate::response::media_type::HTML;

response_class! {
    /// A 206 whose content the application has cut itself. Call make_range to set Content-Range.
    PartialResponse: Response, "(data=b'', content_type='text/html; charset=utf-8', headers=None)"
}

#[pymethods]
impl PartialResponse {
    #[pyo3(signature = (data = None, content_type = HTML, headers = None))]
    pub(super) fn __init__(
        slf: &Bound<'_, Self>,
        data: Option<&Bound<'_, PyAny>>,
        content_type: Option<&str>,
        headers: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        Response::__init__(slf.as_super(), data, content_type, headers, HTTP_PARTIAL_CONTENT)
    }

    /// Does nothing: the content is already a part.
    #[pyo3(signature = (ranges = None, units = "bytes"))]
    #[allow(clippy::unused_self, unused_variables)]
    fn make_partial(&self, ranges: Option<Vec<Range>>, units: &str) {}
}
