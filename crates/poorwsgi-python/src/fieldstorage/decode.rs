//! Decoding of the bytes of a form.

use std::sync::Arc;

use poorwsgi_core::charset::{Charset, MAX_NAME};
use poorwsgi_core::form::{Decode, utf8_lossy};
use pyo3::exceptions::PyLookupError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::names::Name;

/// Python's codec for an encoding that the application has chosen: any text encoding except the two that take
/// quadratic time. The length of the name is limited because the application may have taken it from the
/// client, and Python caches names that it does not know.
pub(super) fn codec<'py>(py: Python<'py>, encoding: &str) -> PyResult<Bound<'py, PyAny>> {
    static LOOKUP: Name = Name::new("codecs", "lookup");
    let unknown = || {
        let shown: String = encoding.chars().take(MAX_NAME).collect();
        PyLookupError::new_err(format!(
            "{shown:?} is not a known text encoding; expected one such as \"utf-8\""
        ))
    };
    if encoding.len() > MAX_NAME {
        return Err(unknown());
    }
    let known = Charset::named(encoding).map(Charset::name);
    let name = known.unwrap_or(encoding);
    let codec = LOOKUP.get(py)?.call1((name,))?;
    let is_slow = ["idna", "punycode"].contains(&codec.getattr("name")?.extract::<String>()?.as_str());
    // bytes.decode checks this, too: hex and zlib are codecs, but no text encodings.
    match codec.getattr_opt("_is_text_encoding")?.map_or(Ok(true), |is_text| is_text.is_truthy())? && !is_slow
    {
        true => Ok(codec),
        false => Err(unknown()),
    }
}

/// A decoder that works as Python's codec with this name and this error handler. Raises LookupError for an
/// unknown codec.
pub(super) fn decode(py: Python<'_>, encoding: &str, errors: &str) -> PyResult<Decode> {
    if is_utf8(encoding) && errors == "replace" {
        return Ok(Arc::new(utf8_lossy));
    }
    codec(py, encoding)?;
    let (encoding, errors) = (encoding.to_owned(), errors.to_owned());
    Ok(Arc::new(move |bytes| {
        let decoded = Python::attach(|py| {
            PyBytes::new(py, &bytes).call_method1("decode", (&encoding, &errors))?.extract()
        });
        decoded.map_err(|error: PyErr| error.into())
    }))
}

fn is_utf8(encoding: &str) -> bool {
    ["utf-8", "utf8", "utf_8"].iter().any(|name| encoding.eq_ignore_ascii_case(name))
}
