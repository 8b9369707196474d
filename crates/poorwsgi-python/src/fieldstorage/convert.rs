//! Conversion of a form of the engine to Python objects.

use std::sync::PoisonError;

use poorwsgi_core::form::{self as engine, Content, safe_filename};
use pyo3::prelude::*;
use pyo3::types::{PyList, PyString};

use super::field::{Described, FieldStorage, Origin};
use super::file::{self, Closing};

/// The name of an uploaded file whose sent name has no safe characters.
const UNNAMED: &str = "unnamed";

/// Converts a form to Python objects.
pub(super) fn to_python(py: Python<'_>, form: engine::FieldStorage) -> PyResult<Bound<'_, FieldStorage>> {
    let field = match form.into_pair() {
        Ok((name, value)) => text_field(py, &name, &value),
        Err(form) => body(py, form)?,
    };
    FieldStorage::bound(py, field)
}

/// The fields of a form as a list.
pub(super) fn list(py: Python<'_>, fields: Vec<engine::FieldStorage>) -> PyResult<Bound<'_, PyList>> {
    let fields: Vec<_> = fields.into_iter().map(|field| to_python(py, field)).collect::<PyResult<_>>()?;
    PyList::new(py, fields)
}

fn text_field(py: Python<'_>, name: &str, value: &str) -> FieldStorage {
    FieldStorage {
        name: Some(text(py, name)),
        value: Some(text(py, value)),
        origin: Origin::Urlencoded,
        ..FieldStorage::default()
    }
}

fn body(py: Python<'_>, field: engine::FieldStorage) -> PyResult<FieldStorage> {
    let (length, bytes_read) = (field.length(), field.bytes_read());
    let (mut head, content) = field.into_parts();
    let mut made = FieldStorage {
        name: head.name.take().map(|name| text(py, &name)),
        filename: head.filename.as_deref().map(|name| text(py, &filename(name))),
        ..FieldStorage::default()
    };
    match content {
        Content::Text(value) => made.value = Some(text(py, &value)),
        Content::File(file) => {
            let file = file.into_inner().unwrap_or_else(PoisonError::into_inner);
            made.file = Some(Closing::new(&file::to_python(py, file)?)?);
        }
        Content::List(fields) if head.is_multipart() => {
            made.list = Some(list(py, fields)?.into_any().unbind());
        }
        Content::List(texts) => made.texts = texts,
    }
    made.origin = Origin::Body(Box::new(Described { head, length, bytes_read }));
    Ok(made)
}

pub(super) fn text(py: Python<'_>, text: &str) -> Py<PyAny> {
    PyString::new(py, text).into_any().unbind()
}

/// A safe name for saving a file, without folders. Empty if no file was chosen.
pub(super) fn filename(sent: &str) -> String {
    if sent.is_empty() { String::new() } else { safe_filename(sent).unwrap_or_else(|| UNNAMED.to_owned()) }
}
