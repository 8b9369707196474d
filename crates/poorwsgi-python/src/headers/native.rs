//! Native strings of WSGI (PEP 3333, "Unicode Issues"): each character stands for one byte of a field.

use std::borrow::Cow;

use crate::names::kind_of;
use http::HeaderValue;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyString;

/// A field value as a native string.
pub(crate) fn value_to_native<'py>(py: Python<'py>, value: &HeaderValue) -> Bound<'py, PyString> {
    bytes_to_native(py, value.as_bytes())
}

pub(crate) fn bytes_to_native<'py>(py: Python<'py>, bytes: &[u8]) -> Bound<'py, PyString> {
    match std::str::from_utf8(bytes) {
        Ok(text) if text.is_ascii() => PyString::new(py, text),
        _ => PyString::new(py, &bytes.iter().copied().map(char::from).collect::<String>()),
    }
}

/// The bytes of a native string; `None` if it contains a character beyond Latin-1.
pub(crate) fn native_to_bytes(text: &str) -> Option<Cow<'_, [u8]>> {
    if text.is_ascii() {
        return Some(Cow::Borrowed(text.as_bytes()));
    }
    let bytes = text.chars().map(|character| u8::try_from(u32::from(character)).ok());
    bytes.collect::<Option<Vec<u8>>>().map(Cow::Owned)
}

/// The bytes of a native string; for a text that is not one, its UTF-8.
pub(super) fn text_to_bytes(text: &str) -> Cow<'_, [u8]> {
    native_to_bytes(text).unwrap_or(Cow::Borrowed(text.as_bytes()))
}

/// A header's name or value as text. Raises TypeError for what is no str.
pub(super) fn text<'a>(value: &'a Bound<'_, PyAny>) -> PyResult<&'a str> {
    let Ok(text) = value.cast::<PyString>() else {
        return Err(PyTypeError::new_err(format!(
            "{} is {}; a header's name and value are str",
            value.repr()?,
            kind_of(value)
        )));
    };
    text.to_str().map_err(|error| {
        let refused = PyValueError::new_err(
            "a header's name or value has a lone surrogate; its text goes out as UTF-8 bytes in iso-8859-1, and a surrogate has none",
        );
        refused.set_cause(value.py(), Some(error));
        refused
    })
}
