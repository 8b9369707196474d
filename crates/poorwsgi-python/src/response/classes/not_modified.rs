//! `NotModifiedResponse`: the client's stored response is still valid.

use poorwsgi_core::state::HTTP_NOT_MODIFIED;
use pyo3::prelude::*;
use pyo3::types::PyString;

use super::class::response_class;
use super::no_content::NoContentResponse;
use crate::names::Name;

response_class! {
    /// A 304: the client's stored response is still valid.
    ///
    /// date is a str, a number of seconds since 1970, or a datetime.
    NotModifiedResponse: NoContentResponse, "(headers=None, etag=None, content_location=None, date=None, vary=None)"
}

#[pymethods]
impl NotModifiedResponse {
    #[pyo3(signature = (headers = None, etag = None, content_location = None, date = None, vary = None))]
    pub(super) fn __init__(
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
