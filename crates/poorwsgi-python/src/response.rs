//! From what a Python handler returns to a response of the engine.

use std::sync::{Mutex, PoisonError};

use poorwsgi::headers::Headers;
use poorwsgi::response::{self, HTML};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString, PyTuple};

/// A response, made by `make_response`. It can be returned once.
#[pyclass(frozen, module = "poorwsgi.response")]
pub(crate) struct Response(Mutex<Option<response::Response>>);

#[pymethods]
impl Response {
    /// The status code.
    #[getter]
    fn status_code(&self) -> Option<u16> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(response::Response::status)
    }
}

/// Creates a response from str, bytes, dict, list or None.
#[pyfunction]
#[pyo3(signature = (data, content_type = HTML, headers = None, status_code = 200))]
pub(crate) fn make_response(
    data: &Bound<'_, PyAny>,
    content_type: &str,
    headers: Option<&Bound<'_, PyAny>>,
    status_code: u16,
) -> PyResult<Response> {
    let response = from_values(data, content_type, headers, status_code)?;
    Ok(Response(Mutex::new(Some(response))))
}

/// A response of whatever a handler returned: a Response, or the arguments of `make_response`.
pub(crate) fn from_python(answer: &Bound<'_, PyAny>) -> PyResult<response::Response> {
    if let Ok(response) = answer.cast::<Response>() {
        let taken = response.get().0.lock().unwrap_or_else(PoisonError::into_inner).take();
        return taken.ok_or_else(|| PyValueError::new_err("this response was returned before"));
    }
    let Ok(tuple) = answer.cast::<PyTuple>() else {
        return from_values(answer, HTML, None, 200);
    };
    let items: Vec<_> = tuple.iter().collect();
    match items.as_slice() {
        [data] => from_values(data, HTML, None, 200),
        [data, media] => from_values(data, media.extract()?, None, 200),
        [data, media, headers] => from_values(data, media.extract()?, Some(headers), 200),
        [data, media, headers, status] => {
            from_values(data, media.extract()?, Some(headers), status.extract()?)
        }
        _ => Err(PyTypeError::new_err("a tuple of one to four: data, content_type, headers, status_code")),
    }
}

fn from_values(
    data: &Bound<'_, PyAny>,
    content_type: &str,
    headers: Option<&Bound<'_, PyAny>>,
    status: u16,
) -> PyResult<response::Response> {
    let headers = headers.map(headers_from).transpose()?.flatten();
    let made = if data.is_none() {
        response::make_response((), content_type, headers, status)
    } else if let Ok(text) = data.cast::<PyString>() {
        response::make_response(text.to_str()?.to_owned(), content_type, headers, status)
    } else if let Ok(bytes) = data.cast::<PyBytes>() {
        response::make_response(bytes.as_bytes().to_vec(), content_type, headers, status)
    } else if data.is_instance_of::<PyDict>() || data.is_instance_of::<PyList>() {
        let json = data.py().import("json")?.call_method1("dumps", (data,))?;
        response::make_response(json.extract::<String>()?, response::JSON, headers, status)
    } else {
        return Err(PyTypeError::new_err(format!(
            "a handler returned {}; expected str, bytes, dict, list, None, tuple or Response",
            data.get_type().name()?
        )));
    };
    made.map_err(|error| PyValueError::new_err(error.to_string()))
}

fn headers_from(values: &Bound<'_, PyAny>) -> PyResult<Option<Headers>> {
    if values.is_none() {
        return Ok(None);
    }
    let pairs = match values.cast::<PyDict>() {
        Ok(dict) => dict.items().into_any(),
        Err(_) => values.clone(),
    };
    let mut headers = Headers::new();
    for pair in pairs.try_iter()? {
        let (name, value): (String, String) = pair?.extract()?;
        headers.add(&name, &value).map_err(|error| PyValueError::new_err(error.to_string()))?;
    }
    Ok(Some(headers))
}
