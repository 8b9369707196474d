//! The content of Python's `bytes` and `str` as the engine's bytes.

use bytes::Bytes;
use pyo3::prelude::*;
use pyo3::pybacked::{PyBackedBytes, PyBackedStr};
use pyo3::types::{PyBytes, PyString};

/// From here on an object is kept until its content is sent; what is smaller is copied, which costs less than that. One that
/// is let go of on a thread without the interpreter is freed when it is next called.
const WORTH_KEEPING: usize = 8 << 10;

pub(crate) fn bytes(data: &Bound<'_, PyBytes>) -> Bytes {
    match data.as_bytes() {
        small if small.len() < WORTH_KEEPING => Bytes::copy_from_slice(small),
        _ => Bytes::from_owner(PyBackedBytes::from(data.clone())),
    }
}

/// A text as UTF-8. A lone surrogate is a UnicodeEncodeError.
pub(crate) fn text(text: &Bound<'_, PyString>) -> PyResult<Bytes> {
    Ok(match text.to_str()? {
        small if small.len() < WORTH_KEEPING => Bytes::copy_from_slice(small.as_bytes()),
        _ => Bytes::from_owner(PyBackedStr::try_from(text.clone())?),
    })
}
