//! The response of an `HTTPException`.

use poorwsgi_core::state::{DECLINED, HTTP_OK};
use pyo3::exceptions::PyAssertionError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use super::base::BaseResponse;
use super::classes::{Declined, EmptyResponse, RedirectResponse};
use crate::exceptions::HTTPException;
use crate::names::{kind_of, overrides};

/// The content of an `HTTPException`: a status with keyword arguments, or a response.
pub(crate) enum RaisedHttp<'py> {
    Status(u16, Bound<'py, PyDict>),
    Response(Bound<'py, BaseResponse>),
}

impl HTTPException {
    fn arg<'py>(slf: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        slf.getattr("args")?.get_item(0)
    }

    /// The content of the exception; `None` if its arguments were replaced by something else. A subclass may
    /// override `make_response`.
    pub(crate) fn raised<'py>(exception: &Bound<'py, PyAny>) -> PyResult<Option<RaisedHttp<'py>>> {
        let (class, ours) = (exception.get_type(), exception.py().get_type::<Self>());
        if !class.is(&ours)
            && overrides(&class, &ours, &["make_response"])?
            && let Ok(response) = exception.call_method0("make_response")?.cast_into::<BaseResponse>()
        {
            return Ok(Some(RaisedHttp::Response(response)));
        }
        Ok(Self::held(exception))
    }

    fn held<'py>(exception: &Bound<'py, PyAny>) -> Option<RaisedHttp<'py>> {
        let args = exception.getattr("args").ok()?.cast_into::<PyTuple>().ok()?;
        let arg = args.get_item(0).ok()?;
        if let Ok(response) = arg.cast::<BaseResponse>() {
            return Some(RaisedHttp::Response(response.clone()));
        }
        let status = arg.extract().ok()?;
        let kwargs = args.get_item(1).ok().and_then(|kwargs| kwargs.cast_into::<PyDict>().ok());
        Some(RaisedHttp::Status(status, kwargs.unwrap_or_else(|| PyDict::new(exception.py()))))
    }
}

#[pymethods]
impl HTTPException {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs), text_signature = "(arg, **kwargs)")]
    fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> Self {
        HTTPException
    }

    #[pyo3(signature = (arg, **kwargs))]
    fn __init__(
        slf: &Bound<'_, Self>,
        arg: &Bound<'_, PyAny>,
        kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<()> {
        if arg.extract::<i64>().is_err() && !arg.is_instance_of::<BaseResponse>() {
            return Err(PyAssertionError::new_err(format!(
                "HTTPException({}): {} is not a status code or a response; expected, for example, HTTPException(404)",
                arg.repr().map_or_else(|_| "?".to_owned(), |text| text.to_string()),
                kind_of(arg)
            )));
        }
        let kwargs = kwargs.map_or_else(|| PyDict::new(slf.py()), Clone::clone);
        slf.setattr("args", (arg, kwargs))
    }

    /// The response of the exception: the one that was passed, a Declined for DECLINED, an empty response for
    /// 200. None for any other status code, which the application's handler or the default page answers.
    fn make_response<'py>(slf: &Bound<'py, Self>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let py = slf.py();
        let arg = Self::arg(slf)?;
        if arg.is_instance_of::<BaseResponse>() {
            return Ok(Some(arg));
        }
        Ok(match arg.extract().unwrap_or(0) {
            DECLINED => Some(py.get_type::<Declined>().call0()?),
            HTTP_OK => Some(py.get_type::<EmptyResponse>().call1((HTTP_OK,))?),
            _ => None,
        })
    }

    /// The response that was passed to the exception, or None.
    #[getter]
    fn response<'py>(slf: &Bound<'py, Self>) -> PyResult<Option<Bound<'py, PyAny>>> {
        Ok(Some(Self::arg(slf)?).filter(|arg| arg.is_instance_of::<BaseResponse>()))
    }

    /// The status code of the exception, or of its response.
    #[getter]
    fn status_code<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let arg = Self::arg(slf)?;
        if arg.is_instance_of::<BaseResponse>() { arg.getattr("status_code") } else { Ok(arg) }
    }
}

/// Ends the request: raises HTTPException(arg). arg is a status code or a response.
#[pyfunction]
pub(crate) fn abort(arg: &Bound<'_, PyAny>) -> PyResult<()> {
    Err(PyErr::from_value(arg.py().get_type::<HTTPException>().call1((arg,))?))
}

/// Ends the request with a RedirectResponse, which takes the same arguments.
#[pyfunction]
#[pyo3(
    signature = (location, status_code = None, message = None, headers = None, permanent = false),
    text_signature = "(location, status_code=302, message=b'', headers=None, permanent=False)"
)]
pub(crate) fn redirect(
    py: Python<'_>,
    location: &Bound<'_, PyAny>,
    status_code: Option<&Bound<'_, PyAny>>,
    message: Option<&Bound<'_, PyAny>>,
    headers: Option<&Bound<'_, PyAny>>,
    permanent: bool,
) -> PyResult<()> {
    let response =
        py.get_type::<RedirectResponse>().call1((location, status_code, message, headers, permanent))?;
    Err(HTTPException::of_response(py, response))
}
