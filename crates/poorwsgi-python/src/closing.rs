//! Closing of iterables and files.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};

/// Calls the object's `close` method, if it has one.
pub(crate) fn close(object: &Bound<'_, PyAny>) -> PyResult<()> {
    // Lists and tuples have no `close`. To look it up would cost an exception.
    if object.is_exact_instance_of::<PyList>() || object.is_exact_instance_of::<PyTuple>() {
        return Ok(());
    }
    match object.getattr_opt(intern!(object.py(), "close"))? {
        Some(close) => close.call0().map(drop),
        None => Ok(()),
    }
}
