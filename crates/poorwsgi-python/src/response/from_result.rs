//! Conversion of a Python handler's return value to a response.

use poorwsgi_core::response;
use poorwsgi_core::state::{HTTP_NO_CONTENT, HTTP_OK};
use pyo3::exceptions::PyException;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString, PyTuple};

use super::answer::Answer;
use super::base::BaseResponse;
use super::classes::{GeneratorResponse, JSONResponse, NoContentResponse, Response};
use super::content::value_error;
use super::media_type::HTML;
use super::refused;
use crate::exceptions::{ResponseError, known};
use crate::headers::headers_from_python;
use crate::json_text::dumps;
use crate::octets;

/// Creates a response of data: str, bytes, a dict, a list, an iterable of bytes, or None.
///
/// A dict or a list is sent as JSON, an iterable (also a list of bytes) while it is generated, None as 204.
/// content_type is ignored for JSON and None. headers replaces the default headers. Raises ResponseError for
/// any other data, and for data, a content type, headers or a status that cannot be sent.
#[pyfunction]
#[pyo3(
    signature = (data, content_type = None, headers = None, status_code = None),
    text_signature = "(data, content_type='text/html; charset=utf-8', headers=None, status_code=200)"
)]
pub(crate) fn make_response<'py>(
    data: &Bound<'py, PyAny>,
    content_type: Option<&Bound<'py, PyAny>>,
    headers: Option<&Bound<'py, PyAny>>,
    status_code: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = data.py();
    object(data, content_type, headers, status_code).map_err(|error| unusable(py, error, None))
}

fn object<'py>(
    data: &Bound<'py, PyAny>,
    content_type: Option<&Bound<'py, PyAny>>,
    headers: Option<&Bound<'py, PyAny>>,
    status_code: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = data.py();
    let html = || PyString::intern(py, HTML).into_any();
    let status = status_code.map_or(Ok(HTTP_OK), refused::status)?;
    let content_type = || content_type.cloned().unwrap_or_else(html);
    match Kind::of(data)? {
        Kind::Text | Kind::Bytes => py.get_type::<Response>().call1((data, content_type(), headers, status)),
        Kind::Json => py.get_type::<JSONResponse>().call1((data, "utf-8", headers, status)),
        Kind::None => {
            let status = response::assembled_status(HTTP_NO_CONTENT, status);
            py.get_type::<NoContentResponse>().call1((headers, status))
        }
        Kind::Iterable => py.get_type::<GeneratorResponse>().call1((data, content_type(), headers, status)),
    }
}

/// Says from where a value came, for messages.
pub(crate) type ReturnedFrom<'a> = Option<&'a dyn Fn() -> String>;

/// Makes a `ResponseError` of any error in values for a response; its text says from where they came.
fn unusable(py: Python<'_>, error: PyErr, from: ReturnedFrom<'_>) -> PyErr {
    if !error.is_instance_of::<PyException>(py) {
        return error;
    }
    let begin = from
        .map_or_else(|| "a response cannot be made of ".to_owned(), |from| format!("{} returned ", from()));
    if error.is_instance_of::<ResponseError>(py) {
        return ResponseError::new_err(format!("{begin}{}", error.value(py)));
    }
    let refused = ResponseError::new_err(format!("{begin}a value that cannot be sent: {error}"));
    refused.set_cause(py, Some(error));
    refused
}

enum Kind {
    Text,
    Bytes,
    Json,
    None,
    Iterable,
}

impl Kind {
    fn of(data: &Bound<'_, PyAny>) -> PyResult<Self> {
        if data.is_instance_of::<PyString>() {
            Ok(Kind::Text)
        } else if data.is_instance_of::<PyBytes>() {
            Ok(Kind::Bytes)
        } else if data.is_instance_of::<PyDict>() {
            Ok(Kind::Json)
        } else if let Ok(list) = data.cast::<PyList>() {
            let bytes = list.get_item(0).is_ok_and(|first| first.is_instance_of::<PyBytes>());
            Ok(if bytes { Kind::Iterable } else { Kind::Json })
        } else if data.is_none() {
            Ok(Kind::None)
        } else if data.hasattr(intern!(data.py(), "__iter__"))? && !refused::is_refused_iterable(data) {
            Ok(Kind::Iterable)
        } else {
            Err(refused::kind(data))
        }
    }
}

/// Converts a handler's return value: a response, data, or a tuple of the arguments of `make_response`.
pub(crate) fn from_result(result: &Bound<'_, PyAny>, from: ReturnedFrom<'_>) -> PyResult<Answer> {
    answer_of(result).map_err(|error| unusable(result.py(), error, from))
}

fn answer_of(result: &Bound<'_, PyAny>) -> PyResult<Answer> {
    // The most frequent types, and the quickest to check.
    if result.is_exact_instance_of::<PyString>() || result.is_exact_instance_of::<PyDict>() {
        return answer(result, None, None, HTTP_OK);
    }
    if let Ok(object) = result.cast::<BaseResponse>() {
        return Ok(Answer::Object(object.clone().unbind()));
    }
    let Ok(tuple) = result.cast::<PyTuple>() else {
        return answer(result, None, None, HTTP_OK);
    };
    match tuple.as_slice() {
        [data] => answer(data, None, None, HTTP_OK),
        [data, kind] => answer(data, Some(kind), None, HTTP_OK),
        [data, kind, headers] => answer(data, Some(kind), Some(headers), HTTP_OK),
        [data, kind, headers, status] => answer(data, Some(kind), Some(headers), refused::status(status)?),
        _ => Err(refused::length(tuple.len())),
    }
}

/// `make_response`, but without a Python object if the data is in memory.
fn answer(
    data: &Bound<'_, PyAny>,
    content_type: Option<&Bound<'_, PyAny>>,
    headers: Option<&Bound<'_, PyAny>>,
    status: u16,
) -> PyResult<Answer> {
    let content_type = content_type.filter(|content_type| !content_type.is_none());
    let kind = Kind::of(data)?;
    if !matches!(kind, Kind::Json | Kind::None) {
        content_type.map_or(Ok(()), |content_type| refused::check_content_type(data, content_type))?;
    }
    headers.map_or(Ok(()), |headers| refused::check_headers(headers))?;
    let status = known(data.py(), status)?;
    let made = match kind {
        Kind::Text => response::Response::new(octets::of_text(data.cast::<PyString>()?)?),
        Kind::Bytes => response::Response::new(octets::of_bytes(data.cast::<PyBytes>()?)),
        Kind::Json => response::Response::new(dumps(data)?)
            .with_content_type(response::JSON_TYPE)
            .map_err(value_error)?,
        Kind::None => response::Response::no_content(),
        Kind::Iterable => {
            let status = status.into_pyobject(data.py())?;
            let object = object(data, content_type, headers, Some(&status))?;
            return Ok(Answer::Object(object.cast_into::<BaseResponse>()?.unbind()));
        }
    };
    let made = match content_type {
        // "" means no Content-Type. Where the response takes none, it may be anything: handlers often
        // `return None, 204`.
        Some(content_type) if response::takes_content_type(&made) => {
            made.with_content_type(content_type.extract::<&str>()?).map_err(value_error)?
        }
        _ => made,
    };
    let headers = headers.filter(|headers| !headers.is_none()).map(headers_from_python).transpose()?;
    let headers = headers.unwrap_or_else(response::default_headers);
    response::assemble(made, "", Some(headers), status).map(Answer::Engine).map_err(value_error)
}

/// Converts a handler's return value to a response object: a response, data, or a tuple of the arguments of
/// make_response. None becomes a 204. Raises ResponseError for any other value.
#[pyfunction]
pub(crate) fn to_response<'py>(response: &Bound<'py, PyAny>) -> PyResult<Bound<'py, BaseResponse>> {
    from_result(response, None)?.into_object(response.py())
}
