//! Conversion of texts and file names of the engine to Python objects.

use poorwsgi_core::form::safe_filename;
use pyo3::prelude::*;
use pyo3::types::PyString;

/// The name of an uploaded file whose sent name has no safe characters.
const UNNAMED: &str = "unnamed";

pub(super) fn text(py: Python<'_>, text: &str) -> Py<PyAny> {
    PyString::new(py, text).into_any().unbind()
}

/// A safe name for saving a file, without folders. Empty if no file was chosen.
pub(super) fn filename(sent: &str) -> String {
    if sent.is_empty() { String::new() } else { safe_filename(sent).unwrap_or_else(|| UNNAMED.to_owned()) }
}
