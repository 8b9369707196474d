//! Media types: of pages, with their charsets, and of files, by their names.

pub(crate) use poorwsgi_core::response::HTML_TYPE as HTML;
use pyo3::intern;
use pyo3::prelude::*;

use crate::names::Name;

/// A media type with a charset parameter, if there is a charset.
pub(super) fn with_charset(media_type: &str, charset: Option<&str>) -> String {
    match charset {
        Some(charset) if !charset.is_empty() => format!("{media_type}; charset={charset}"),
        _ => media_type.to_owned(),
    }
}

/// The media type that Python's `mimetypes` guesses from the name of a file.
pub(crate) fn media_type(py: Python<'_>, path: &str) -> PyResult<Option<String>> {
    static GUESS: Name = Name::new("mimetypes", "guess_type");
    match listed_type(py, path)? {
        Some(listed) => Ok(Some(listed)),
        None => GUESS.get(py)?.call1((path,))?.get_item(0)?.extract(),
    }
}

/// The type from the tables of `mimetypes`, which suffice for most names: a call of `guess_type` takes longer
/// than all other work for a small file.
fn listed_type(py: Python<'_>, path: &str) -> PyResult<Option<String>> {
    static TABLES: Name = Name::new("mimetypes", "__dict__");
    let name = path.rsplit('/').next().unwrap_or_default();
    let suffix = match name.trim_start_matches('.').rfind('.') {
        // Only absolute paths: `guess_type` may read another text as a URL.
        Some(at) if path.starts_with('/') => name.get(name.len() - name.trim_start_matches('.').len() + at..),
        _ => None,
    };
    let Some(suffix) = suffix.filter(|suffix| !suffix.bytes().any(|byte| byte.is_ascii_uppercase())) else {
        return Ok(None);
    };
    let tables = TABLES.get(py)?;
    if !tables.get_item(intern!(py, "inited"))?.is_truthy()? {
        return Ok(None);
    }
    for table in [intern!(py, "suffix_map"), intern!(py, "encodings_map")] {
        if tables.get_item(table)?.contains(suffix)? {
            return Ok(None);
        }
    }
    let listed = tables.get_item(intern!(py, "types_map"))?.get_item(suffix);
    Ok(listed.ok().and_then(|listed| listed.extract().ok()))
}
