//! The environ for what is mounted in an application, below a prefix of its path.

use poorwsgi_core::request::{Mount, PathForm, split_prefix};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

/// The key of the prefixes that our applications have added to `SCRIPT_NAME`: those of the outer
/// applications, and the last one. An application knows by it which part of `SCRIPT_NAME` the server does not
/// know of.
fn key(py: Python<'_>) -> &Bound<'_, PyString> {
    intern!(py, "poorwsgi.mount")
}

/// Where the application that gets this environ is mounted.
pub(super) fn mount_of(environ: &Bound<'_, PyDict>) -> Option<Mount> {
    let value = environ.get_item(key(environ.py())).ok()??;
    let (outer, prefix): (String, String) = value.extract().ok()?;
    Some(Mount::new(&outer, &prefix))
}

/// Says in an environ where the application that gets it is mounted.
pub(super) fn set_mount(environ: &Bound<'_, PyDict>, mount: &Mount) -> PyResult<()> {
    environ.set_item(key(environ.py()), (mount.outer(), mount.prefix()))
}

/// Makes the environ of one of our applications that of a WSGI callable, which takes all prefixes for one, as
/// `SCRIPT_NAME` does: a path in its `Location` has all of them.
pub(crate) fn join_mounts(environ: &Bound<'_, PyDict>) -> PyResult<()> {
    let mount = mount_of(environ);
    mount.map_or(Ok(()), |mount| set_mount(environ, &Mount::new("", mount.path())))
}

/// A copy of an environ in which a prefix, with which the decoded path begins, has gone from `PATH_INFO` to
/// `SCRIPT_NAME` (PEP 3333).
pub(crate) fn below<'py>(environ: &Bound<'py, PyDict>, prefix: &str) -> PyResult<Bound<'py, PyDict>> {
    let py = environ.py();
    let copy = environ.copy()?;
    let value = |key: &Bound<'py, PyString>| -> PyResult<String> {
        environ.get_item(key)?.map_or(Ok(String::new()), |value| value.extract())
    };
    let (script_name, path) = (value(intern!(py, "SCRIPT_NAME"))?, value(intern!(py, "PATH_INFO"))?);
    let (moved, rest) = split_prefix(&path, prefix, PathForm::Native);
    copy.set_item(intern!(py, "SCRIPT_NAME"), format!("{script_name}{moved}"))?;
    copy.set_item(intern!(py, "PATH_INFO"), rest)?;
    let outer = mount_of(environ);
    set_mount(&copy, &Mount::new(outer.as_ref().map_or("", Mount::path), prefix))?;
    Ok(copy)
}
