//! The index of a directory.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use poorwsgi_core::HttpError;
use poorwsgi_core::headers::date;
use poorwsgi_core::response::document_root::{DocumentRoot, Found, Listing};
use poorwsgi_core::results::DirectoryIndex;
use poorwsgi_core::state::HTTP_INTERNAL_SERVER_ERROR;
use pyo3::prelude::*;

use super::MODULE;
use super::visitor::{Visitor, text};
use crate::exceptions::http_exception;
use crate::log;
use crate::response::HTML;

/// The page that lists a directory of the file system, as a tuple that a handler can return: HTML, content
/// type, and headers.
///
/// The links are relative to req.uri. The page does not list dot files, backup files (name~), files that
/// cannot be read, and links that lead out of the directory. If path is no directory, raises
/// HTTPException(500).
#[pyfunction]
pub(crate) fn directory_index(
    py: Python<'_>,
    req: &Bound<'_, PyAny>,
    path: PathBuf,
) -> PyResult<(String, &'static str, (&'static str, String))> {
    let visitor = Visitor::of(req);
    let read = py.detach(|| read(&path));
    let (listing, modified) = match read {
        Ok(read) => read,
        Err(error) => {
            let quoted = (&path, error.to_string());
            log::write(py, MODULE, "error", "The directory %s cannot be listed: %s", quoted)?;
            return Err(http_exception(py, HttpError::new(HTTP_INTERNAL_SERVER_ERROR)));
        }
    };
    let modified = date::system_time_to_http(modified).unwrap_or_default();
    let root = text(req, "document_root").map(PathBuf::from);
    let page = DirectoryIndex {
        path: &visitor.uri,
        entries: &listing.entries,
        cut: listing.cut,
        parent: !root.is_some_and(|root| is_same(&root, &path)),
        site: visitor.site(),
    };
    Ok((page.render(), HTML, ("Last-Modified", modified)))
}

fn read(path: &Path) -> std::io::Result<(Listing, SystemTime)> {
    match DocumentRoot::open(path)?.lookup("/")? {
        Found::Directory(directory) => {
            Ok((directory.list()?, directory.modified().unwrap_or_else(SystemTime::now)))
        }
        _ => Err(std::io::ErrorKind::NotADirectory.into()),
    }
}

fn is_same(one: &Path, other: &Path) -> bool {
    match (one.canonicalize(), other.canonicalize()) {
        (Ok(one), Ok(other)) => one == other,
        _ => false,
    }
}
