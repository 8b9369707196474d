//! Cookies as Python's `SimpleCookie`. They are created here because `SimpleCookie` needs a dozen Python
//! calls for each.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyDict;

use crate::names::Name;

pub(crate) static SIMPLE_COOKIE: Name = Name::new("http.cookies", "SimpleCookie");

/// The parts from which a new `Morsel` (one cookie of a `SimpleCookie`) is made.
struct Blank {
    class: Py<PyAny>,
    new: Py<PyAny>,
    /// The attributes of a new `Morsel`.
    attributes: Py<PyDict>,
}

impl Blank {
    fn get(py: Python<'_>) -> PyResult<&Self> {
        static MORSEL: Name = Name::new("http.cookies", "Morsel");
        static BLANK: PyOnceLock<Blank> = PyOnceLock::new();
        BLANK.get_or_try_init(py, || {
            let class = MORSEL.get(py)?;
            let attributes = PyDict::new(py);
            attributes.update(class.call0()?.cast::<PyDict>()?.as_mapping())?;
            Ok(Blank {
                class: class.clone().unbind(),
                new: class.getattr("__new__")?.unbind(),
                attributes: attributes.unbind(),
            })
        })
    }
}

/// Adds a cookie to a `SimpleCookie`; `sent` is the value as it is written in the field. Returns `false`, and
/// adds nothing, for a name that `SimpleCookie` may refuse, such as `path`.
pub(crate) fn put(cookies: &Bound<'_, PyAny>, name: &str, value: &str, sent: &str) -> PyResult<bool> {
    let py = cookies.py();
    let blank = Blank::get(py)?;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    if name.is_empty()
        || !name.bytes().all(is_plain)
        || blank.attributes.bind(py).contains(name.to_ascii_lowercase())?
    {
        return Ok(false);
    }
    let morsel = blank.new.bind(py).call1((&blank.class,))?;
    morsel.cast::<PyDict>()?.update(blank.attributes.bind(py).as_mapping())?;
    let state = PyDict::new(py);
    state.set_item(intern!(py, "key"), name)?;
    state.set_item(intern!(py, "value"), value)?;
    state.set_item(intern!(py, "coded_value"), sent)?;
    morsel.call_method1(intern!(py, "__setstate__"), (state,))?;
    cookies.cast::<PyDict>()?.set_item(name, morsel)?;
    Ok(true)
}
