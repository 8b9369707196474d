//! How the bytes of a form become text.

use std::sync::Arc;

use poorwsgi::form::{Decode, utf8_lossy};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::names::Name;

/// What decodes as Python's codec of this name does, with this way to handle errors. Raises LookupError for an unknown
/// codec.
pub(super) fn decode(py: Python<'_>, encoding: &str, errors: &str) -> PyResult<Decode> {
    static LOOKUP: Name = Name::new("codecs", "lookup");
    if is_utf8(encoding) && errors == "replace" {
        return Ok(Arc::new(utf8_lossy));
    }
    LOOKUP.get(py)?.call1((encoding,))?;
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
