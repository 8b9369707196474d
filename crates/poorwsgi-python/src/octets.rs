//! The content of Python's `bytes` and `str` as `Bytes`.

use bytes::Bytes;
use pyo3::prelude::*;
use pyo3::pybacked::{PyBackedBytes, PyBackedStr};
use pyo3::types::{PyBytes, PyString};

use crate::forked::Releasable;

/// From this size in bytes, the Python object is kept until its content is sent; smaller content is copied,
/// which costs less. The content of an object of a subclass is always copied, because releasing the object
/// may run Python code.
const WORTH_KEEPING: usize = 8 << 10;

pub(crate) fn of_bytes(data: &Bound<'_, PyBytes>) -> Bytes {
    match data.as_bytes() {
        large if is_kept(large, data.is_exact_instance_of::<PyBytes>()) => {
            Bytes::from_owner(Releasable::new(PyBackedBytes::from(data.clone())))
        }
        other => Bytes::copy_from_slice(other),
    }
}

/// The text as UTF-8. Raises UnicodeEncodeError for a lone surrogate.
pub(crate) fn of_text(text: &Bound<'_, PyString>) -> PyResult<Bytes> {
    Ok(match text.to_str()? {
        large if is_kept(large.as_bytes(), text.is_exact_instance_of::<PyString>()) => {
            Bytes::from_owner(Releasable::new(PyBackedStr::try_from(text.clone())?))
        }
        other => Bytes::copy_from_slice(other.as_bytes()),
    })
}

fn is_kept(content: &[u8], is_exact: bool) -> bool {
    is_exact && content.len() >= WORTH_KEEPING
}
