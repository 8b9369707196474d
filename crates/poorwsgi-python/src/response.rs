//! From what a Python handler returns to a response of the engine.

use std::sync::{Mutex, PoisonError};

use poorwsgi::headers::Headers;
use poorwsgi::response::{self, IntoHeaders};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString, PyTuple};

const HTML: &str = "text/html; charset=utf-8";
const JSON: &str = "application/json; charset=utf-8";
const OK: u16 = poorwsgi::state::HTTP_OK;

/// A response, made by make_response. A handler returns it once: sending it uses it up.
#[pyclass(frozen, module = "poorwsgi.response")]
pub(crate) struct Response {
    status_code: u16,
    response: Mutex<Option<response::Response>>,
}

#[pymethods]
impl Response {
    /// The status code.
    #[getter]
    const fn status_code(&self) -> u16 {
        self.status_code
    }
}

/// Creates a response of str, bytes, dict, list or None.
///
/// A dict or a list is sent as JSON, None without content. headers is a dict, one pair, or an iterable of pairs, instead
/// of the default ones. Raises TypeError or ValueError for what cannot be sent.
#[pyfunction]
#[pyo3(signature = (data, content_type = HTML, headers = None, status_code = OK))]
pub(crate) fn make_response(
    data: &Bound<'_, PyAny>,
    content_type: &str,
    headers: Option<&Bound<'_, PyAny>>,
    status_code: u16,
) -> PyResult<Response> {
    let response = from_parts(data, content_type, headers, status_code)?;
    Ok(Response { status_code: response.status(), response: Mutex::new(Some(response)) })
}

/// The response that a handler's result is: a Response, data, or a tuple of the arguments of `make_response`.
pub(crate) fn from_python(result: &Bound<'_, PyAny>) -> PyResult<response::Response> {
    if let Ok(response) = result.cast::<Response>() {
        let taken = response.get().response.lock().unwrap_or_else(PoisonError::into_inner).take();
        return taken.ok_or_else(|| {
            PyValueError::new_err("this response was sent already; make one for each request")
        });
    }
    let Ok(tuple) = result.cast::<PyTuple>() else {
        return from_parts(result, HTML, None, OK);
    };
    match tuple.as_slice() {
        [data] => from_parts(data, HTML, None, OK),
        [data, media] => from_parts(data, media.extract()?, None, OK),
        [data, media, headers] => from_parts(data, media.extract()?, Some(headers), OK),
        [data, media, headers, status] => {
            from_parts(data, media.extract()?, Some(headers), status.extract()?)
        }
        _ => Err(PyTypeError::new_err(format!(
            "a handler returned a tuple of {}; expected (data, content_type, headers, status_code) or its beginning",
            tuple.len()
        ))),
    }
}

fn from_parts(
    data: &Bound<'_, PyAny>,
    content_type: &str,
    headers: Option<&Bound<'_, PyAny>>,
    status: u16,
) -> PyResult<response::Response> {
    let data = if data.is_none() {
        response::Response::no_content()
    } else if let Ok(text) = data.cast::<PyString>() {
        response::Response::new(text.to_str()?.to_owned())
    } else if let Ok(bytes) = data.cast::<PyBytes>() {
        response::Response::new(bytes.as_bytes().to_vec())
    } else if data.is_instance_of::<PyDict>() || data.is_instance_of::<PyList>() {
        let json: String = data.py().import("json")?.call_method1("dumps", (data,))?.extract()?;
        response::Response::new(json).with_content_type(JSON).map_err(value_error)?
    } else {
        return Err(PyTypeError::new_err(format!(
            "a handler returned {}; expected str, bytes, dict, list, None, tuple or Response",
            data.get_type().name()?
        )));
    };
    let headers = headers.filter(|headers| !headers.is_none()).map(headers_from).transpose()?;
    response::make_response(data, content_type, headers, status).map_err(value_error)
}

fn headers_from(values: &Bound<'_, PyAny>) -> PyResult<Headers> {
    let fields: Vec<(String, String)> = if let Ok(pair) = values.extract() {
        vec![pair]
    } else if let Ok(dict) = values.cast::<PyDict>() {
        dict.items().extract()?
    } else {
        values.try_iter()?.map(|pair| pair?.extract()).collect::<PyResult<_>>()?
    };
    fields.into_headers().map_err(value_error)
}

fn value_error(error: impl std::fmt::Display) -> PyErr {
    PyValueError::new_err(error.to_string())
}
