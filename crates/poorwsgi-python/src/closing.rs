//! What an iterable or a file is closed by.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};

/// Calls the `close` of an object that has one.
pub(crate) fn close(object: &Bound<'_, PyAny>) -> PyResult<()> {
    // Python makes an exception to say that these have none.
    if object.is_exact_instance_of::<PyList>() || object.is_exact_instance_of::<PyTuple>() {
        return Ok(());
    }
    match object.getattr_opt(intern!(object.py(), "close"))? {
        Some(close) => close.call0().map(drop),
        None => Ok(()),
    }
}
