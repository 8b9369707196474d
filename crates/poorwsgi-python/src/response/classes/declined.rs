//! `Declined`: no response at all.

use poorwsgi_core::state::HTTP_OK;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use super::class::response_class;
use super::no_content::NoContentResponse;
use crate::headers::Headers;
use crate::log;
use crate::response::base::status;

response_class! {
    /// No response at all: the built-in server closes the connection; other servers send an empty response.
    Declined: NoContentResponse, "(status_code=200)"
}

#[pymethods]
impl Declined {
    #[pyo3(signature = (status_code = HTTP_OK))]
    pub(super) fn __init__(
        slf: &Bound<'_, Self>,
        #[pyo3(from_py_with = status)] status_code: u16,
    ) -> PyResult<()> {
        NoContentResponse::__init__(slf.as_super(), None, status_code)
    }

    /// Always empty, because nothing is sent.
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

    /// Does nothing, because no header is sent.
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
