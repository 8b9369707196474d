//! `RedirectResponse`: a redirect to another location.

use poorwsgi_core::state::{HTTP_MOVED_PERMANENTLY, HTTP_MOVED_TEMPORARILY};
use pyo3::prelude::*;

use super::class::response_class;
use super::response::Response;
use crate::names::deprecated;

response_class! {
    /// Redirects the client to another location, with status 302 by default.
    ///
    /// message is the content, for clients that do not follow redirects. permanent, and a bool as
    /// status_code, are deprecated: pass the status code. Raises ValueError for a location with CR, LF or
    /// NUL.
    RedirectResponse: Response, "(location, status_code=302, message=b'', headers=None, permanent=False)"
}

#[pymethods]
impl RedirectResponse {
    #[pyo3(signature = (location, status_code = None, message = None, headers = None, permanent = false))]
    pub(super) fn __init__(
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
