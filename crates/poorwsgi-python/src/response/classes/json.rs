//! `JSONResponse`.

use poorwsgi_core::state::HTTP_OK;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::class::response_class;
use super::response::Response;
use crate::json_text::dumps;
use crate::names::Name;
use crate::response::base::{BaseResponse, ResponseArguments, ResponseData, status};
use crate::response::media_type::with_charset;

response_class! {
    /// A JSON response with data_, or with an object that has the keyword arguments as members.
    ///
    /// charset is the charset parameter of the Content-Type; None omits it. encoder_kwargs are keyword
    /// arguments for json.dumps. Raises RuntimeError for data_ together with keyword arguments.
    JSONResponse: Response, "(data_=None, charset='utf-8', headers=None, status_code=200, encoder_kwargs=None, **kwargs)"
}

#[pymethods]
impl JSONResponse {
    #[pyo3(signature = (data_ = None, charset = "utf-8", headers = None, status_code = HTTP_OK, encoder_kwargs = None, **kwargs))]
    pub(super) fn __init__(
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
                return Err(PyRuntimeError::new_err(
                    "JSONResponse got data_ and keyword arguments; give one or the other",
                ));
            }
            (None, Some(kwargs)) => kwargs.clone().into_any(),
            (Some(data), None) => data.clone(),
            (None, None) => py.None().into_bound(py),
        };
        let payload = ResponseData::Data(json(&data, encoder_kwargs)?.into());
        let content_type = with_charset("application/json", charset);
        let parts =
            ResponseArguments { content_type: Some(&content_type), headers, status: status_code, payload };
        BaseResponse::init(slf.as_super().as_super(), parts)
    }
}

/// The JSON text of a value, as json.dumps returns it.
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
