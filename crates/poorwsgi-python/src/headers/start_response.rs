//! The arguments of `start_response` (PEP 3333), as a WSGI callable gives them.

use std::borrow::Cow;

use http::{HeaderName, HeaderValue, StatusCode};
use hyper::ext::ReasonPhrase;
use poorwsgi_core::response::check_final;
use poorwsgi_core::state;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyList, PyString};

use super::native_to_bytes;

/// The code and the reason of a status such as "200 OK". The usual reason of a code is left out.
pub(crate) fn status_line(status: &Bound<'_, PyAny>) -> PyResult<(StatusCode, Option<ReasonPhrase>)> {
    let bad = || {
        PyValueError::new_err(format!(
            "the status {status:?} is malformed; start_response expects a text such as \"200 OK\""
        ))
    };
    let bytes = latin_1(status, "the status")?;
    let (code, reason) = bytes.split_at_checked(3).ok_or_else(bad)?;
    let code = StatusCode::from_bytes(code).map_err(|_| bad())?;
    check_final(code.as_u16()).map_err(|error| PyValueError::new_err(error.to_string()))?;
    let reason = match reason {
        [] => None,
        [b' ', reason @ ..] => Some(reason),
        _ => return Err(bad()),
    };
    // The server knows the usual ones.
    let own = reason.filter(|reason| state::reason(code.as_u16()).map(str::as_bytes) != Some(*reason));
    Ok((code, own.map(ReasonPhrase::try_from).transpose().map_err(|_| bad())?))
}

/// Calls `each` with the name of each field, the spelling of the name, and the value, which [`field_value`]
/// takes.
pub(crate) fn each_field(
    headers: &Bound<'_, PyAny>,
    mut each: impl FnMut(HeaderName, &str, &Bound<'_, PyAny>) -> PyResult<()>,
) -> PyResult<()> {
    for pair in headers.try_iter()? {
        let (spelling, value) = name_and_value(&pair?)?;
        let name = HeaderName::from_bytes(&latin_1(&spelling, "the name of a header")?).map_err(|_| {
            PyValueError::new_err(format!(
                "{spelling:?} is not a header name; expected ASCII letters, digits and any of !#$%&'*+-.^_`|~"
            ))
        })?;
        each(name, spelling.cast::<PyString>()?.to_str()?, &value)?;
    }
    Ok(())
}

/// The two items of a tuple or a list.
fn name_and_value<'py>(pair: &Bound<'py, PyAny>) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
    let tuple = match pair.cast::<PyList>() {
        Ok(list) => list.to_tuple().into_any(),
        Err(_) => pair.clone(),
    };
    tuple.extract().map_err(|_| {
        PyTypeError::new_err(format!("{pair:?} is not a header; start_response expects pairs (name, value)"))
    })
}

/// The value of a field.
pub(crate) fn field_value(name: &HeaderName, value: &Bound<'_, PyAny>) -> PyResult<HeaderValue> {
    let bytes = latin_1(value, "the value of a header")?;
    HeaderValue::from_bytes(&bytes).map_err(|_| {
        PyValueError::new_err(format!(
            "header {name}: the value {value:?} contains a control character; expected one line of text"
        ))
    })
}

/// The bytes that a native string of WSGI stands for.
fn latin_1<'a>(text: &'a Bound<'_, PyAny>, what: &str) -> PyResult<Cow<'a, [u8]>> {
    let Ok(text) = text.cast::<PyString>() else {
        let kind = text.get_type().qualname()?;
        return Err(PyTypeError::new_err(format!("{what}, {text:?}, is of type {kind}; expected str")));
    };
    text.to_str().ok().and_then(native_to_bytes).ok_or_else(|| {
        PyValueError::new_err(format!(
            "{what}, {text:?}, contains characters above U+00FF; expected a native string of WSGI (PEP 3333)"
        ))
    })
}

/// The exc_info that is given with the head of an error page; `None` where it is missing or empty.
pub(crate) fn error_info<'a, 'py>(
    exc_info: Option<&'a Bound<'py, PyAny>>,
) -> PyResult<Option<&'a Bound<'py, PyAny>>> {
    exc_info.map_or(Ok(None), |given| given.is_truthy().map(|is| is.then_some(given)))
}

/// The exception of an exc_info, which is raised where the head was sent already.
pub(crate) fn raised_again(exc_info: &Bound<'_, PyAny>) -> PyResult<PyErr> {
    let (_, value, traceback): (Bound<'_, PyAny>, Bound<'_, PyAny>, Bound<'_, PyAny>) = exc_info.extract()?;
    value.call_method1("with_traceback", (traceback,))?;
    Ok(PyErr::from_value(value))
}

/// The text of the error about a second call.
pub(crate) const CALLED_BEFORE: &str =
    "start_response was called a second time without exc_info; call it once (PEP 3333)";
