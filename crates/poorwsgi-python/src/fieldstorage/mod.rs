//! Forms for Python: the fields, and the parser that reads them from a body.

mod convert;
mod decode;
mod field;
mod file;
mod form_error;
mod interface;
mod limited_input;
mod lines;
mod mapping;
mod parser;
mod single;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use poorwsgi_core::form::{FormOptions, FormReader};
use poorwsgi_core::request::Head;
use poorwsgi_core::settings::Settings;
use pyo3::prelude::*;

pub(crate) use field::FieldStorage;
pub(crate) use interface::FieldStorageInterface;
pub(crate) use parser::{FieldStorageParser, valid_boundary};

use crate::exceptions::Error;

/// Parses the form in a request's body; `next` returns the pieces of the body.
pub(crate) fn parse<'py>(
    py: Python<'py>,
    head: &dyn Head,
    settings: &Settings,
    file_callback: Option<Bound<'py, PyAny>>,
    mut next: impl FnMut() -> Result<Option<Bytes>, Error>,
) -> Result<Bound<'py, PyAny>, Error> {
    let options = FormOptions {
        limits: settings.form_limits.clone(),
        keep_blank_values: settings.keep_blank_values,
        strict_parsing: settings.strict_parsing,
        file_callback: file_callback.map(|give| {
            let give = give.unbind();
            file::callback(move |py, filename| give.bind(py).call1((filename,)))
        }),
        content_length: head.content_length()?,
        ..FormOptions::default()
    };
    let content_type = head.header(&CONTENT_TYPE).unwrap_or_default();
    let mut reader = FormReader::new(&content_type, options).map_err(form_error::of_request)?;
    while let Some(piece) = next()? {
        reader.push(piece).map_err(form_error::of_request)?;
    }
    let form = reader.finish().map_err(form_error::of_request)?;
    Ok(FieldStorage::of_engine(py, form)?.into_any())
}
