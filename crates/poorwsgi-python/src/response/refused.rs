//! Why no response can be made of values, and what would be right. The texts continue "a response cannot be
//! made of" or "the handler returned".

use pyo3::exceptions::PyOverflowError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyFrozenSet, PyInt, PyMemoryView, PySet, PyString};

use crate::exceptions::{HTTPException, ResponseError};
use crate::names::{Name, kind_of};

const EXPECTED: &str = "expected str, bytes, dict, list, an iterable of bytes, None, a response, or a tuple \
                        (data, content_type, headers, status_code) or its beginning";

/// Data of a type that no response is made of.
pub(super) fn kind(data: &Bound<'_, PyAny>) -> PyErr {
    let kind = kind_of(data);
    ResponseError::new_err(if let Some(item) = bad_item(data) {
        format!(
            "{kind} of {}; expected bytes as its items, or a list, which is sent as JSON: return list(data)",
            item.get_type().name().map_or_else(|_| "objects".to_owned(), |name| name.to_string())
        )
    } else if is_buffer(data) {
        format!("{kind}; expected bytes: return bytes(data)")
    } else if data.is_instance_of::<HTTPException>() {
        format!("{kind}; expected it to be raised: raise HTTPException(…), or abort(…)")
    } else if is_coroutine(data) {
        format!("{kind}; async def is not supported yet: define the function with def")
    } else if data.is_callable() {
        format!("{kind}, which was not called; {EXPECTED}")
    } else {
        format!("{kind}; {EXPECTED}")
    })
}

/// Whether this iterable can never be sent: its items are no bytes.
pub(super) fn is_refused_iterable(data: &Bound<'_, PyAny>) -> bool {
    is_buffer(data) || bad_item(data).is_some()
}

fn is_buffer(data: &Bound<'_, PyAny>) -> bool {
    data.is_instance_of::<PyByteArray>() || data.is_instance_of::<PyMemoryView>()
}

/// An item of a set that is not bytes-like. A set is the one iterable, beside a list, whose items can be looked
/// at before they are sent, and that is returned by mistake: `{"a"}` in place of `{"a": 1}`.
fn bad_item<'py>(data: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
    if !data.is_instance_of::<PySet>() && !data.is_instance_of::<PyFrozenSet>() {
        return None;
    }
    let mut items = data.try_iter().ok()?.filter_map(Result::ok);
    items.find(|item| {
        !item.is_instance_of::<PyBytes>() && !item.hasattr(intern!(data.py(), "tobytes")).unwrap_or(true)
    })
}

fn is_coroutine(data: &Bound<'_, PyAny>) -> bool {
    static COROUTINE: Name = Name::new("types", "CoroutineType");
    COROUTINE.get(data.py()).and_then(|kind| data.is_instance(kind)).unwrap_or(false)
}

/// A tuple with no items or with too many.
pub(super) fn length(items: usize) -> PyErr {
    ResponseError::new_err(format!(
        "a tuple of {items} items; expected (data, content_type, headers, status_code) or its beginning"
    ))
}

pub(super) fn check_content_type(data: &Bound<'_, PyAny>, content_type: &Bound<'_, PyAny>) -> PyResult<()> {
    if content_type.is_none() || content_type.is_instance_of::<PyString>() {
        return Ok(());
    }
    let (data, kind) = (kind_of(data), kind_of(content_type));
    Err(ResponseError::new_err(if content_type.is_instance_of::<PyInt>() {
        format!(
            "({data}, {content_type}); the second item is content_type, the status is the fourth: return data, \
             None, None, {content_type}"
        )
    } else {
        format!("({data}, {kind}); the second item is content_type, a str or None, the third is headers")
    }))
}

pub(super) fn check_headers(headers: &Bound<'_, PyAny>) -> PyResult<()> {
    if !headers.is_instance_of::<PyInt>() {
        return Ok(());
    }
    Err(ResponseError::new_err(format!(
        "(data, content_type, {headers}); the third item is headers, the status is the fourth: return data, \
         content_type, None, {headers}"
    )))
}

fn shown(value: &Bound<'_, PyAny>) -> String {
    value.repr().map_or_else(|_| "?".to_owned(), |text| text.to_string())
}

/// The status code, which is known only if it is an int.
pub(super) fn status(status: &Bound<'_, PyAny>) -> PyResult<u16> {
    status.extract().map_err(|error: PyErr| {
        let right = "expected one of the HTTP_ constants of poorwsgi.state";
        ResponseError::new_err(match error.is_instance_of::<PyOverflowError>(status.py()) {
            true => format!("the status code {status}; {right}"),
            false => format!("the status code {}, {}; {right}", shown(status), kind_of(status)),
        })
    })
}
