//! Text for pages: escaping, and values in readable form.

use poorwsgi_core::results;
use poorwsgi_core::state::MethodSet;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};

use crate::names::Name;

/// Escapes text for HTML, in content and in quoted attributes.
#[pyfunction]
pub(crate) fn html_escape(text: &str) -> String {
    results::html_escape(text)
}

/// The characters that html_escape replaces, with their replacements.
pub(crate) fn escape_table(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let table = PyDict::new(py);
    for character in ["&", "\"", "'", ">", "<"] {
        table.set_item(character, results::html_escape(character))?;
    }
    Ok(table)
}

/// A number of bytes in a readable unit, as a tuple: the value, and the prefix of the unit: "", "k", "M",
/// "G", "T" or "P", each 1024 times the previous one.
#[pyfunction]
pub(crate) fn hbytes<'py>(val: &Bound<'py, PyAny>) -> PyResult<(Bound<'py, PyAny>, &'static str)> {
    let (value, unit) = results::hbytes(val.extract()?);
    // A number below 1024 is returned unchanged, an int as an int.
    if unit.is_empty() {
        Ok((val.clone(), unit))
    } else {
        Ok((value.into_pyobject(val.py())?.into_any(), unit))
    }
}

/// A set of METHOD_ constants as text: "HEAD | GET", or "ALL".
#[pyfunction]
pub(crate) fn human_methods_(m: &Bound<'_, PyAny>) -> PyResult<String> {
    // Bits that are no method are ignored.
    let bits = m.bitand(u16::MAX)?.extract()?;
    let methods = MethodSet::from_bits(bits);
    Ok(results::human_methods(methods))
}

/// Converts a table of handlers, {key: {method: handler}}, to a list of (key, methods, handler): one item for
/// each different handler of a key, with the bits of all its methods. The list is sorted by key; if sort is
/// false, it has the order of the table.
#[pyfunction]
#[pyo3(signature = (handlers, sort = true), text_signature = "(handlers, sort=True)")]
pub(crate) fn handlers_view<'py>(
    handlers: &Bound<'py, PyAny>,
    #[pyo3(from_py_with = truth)] sort: bool,
) -> PyResult<Bound<'py, PyList>> {
    let py = handlers.py();
    let view = PyList::empty(py);
    for row in items(handlers, sort)?.try_iter()? {
        let (key, methods): (Bound<'_, PyAny>, Bound<'_, PyAny>) = row?.extract()?;
        let shared = PyDict::new(py);
        for row in items(&methods, true)?.try_iter()? {
            let (method, handler): (Bound<'_, PyAny>, Bound<'_, PyAny>) = row?.extract()?;
            let methods = match shared.get_item(&handler)? {
                Some(methods) => methods.bitor(method)?,
                None => method,
            };
            shared.set_item(handler, methods)?;
        }
        for (handler, methods) in shared {
            view.append(PyTuple::new(py, [&key, &methods, &handler])?)?;
        }
    }
    Ok(view)
}

fn truth(value: &Bound<'_, PyAny>) -> PyResult<bool> {
    value.is_truthy()
}

/// The items of a dictionary, sorted by key if `sort` is true.
fn items<'py>(table: &Bound<'py, PyAny>, sort: bool) -> PyResult<Bound<'py, PyAny>> {
    static SORTED: Name = Name::new("builtins", "sorted");
    static ITEM: Name = Name::new("operator", "itemgetter");
    let py = table.py();
    let items = table.call_method0("items")?;
    if !sort {
        return Ok(items);
    }
    let by_key = PyDict::new(py);
    by_key.set_item("key", ITEM.get(py)?.call1((0,))?)?;
    SORTED.get(py)?.call((items,), Some(&by_key))
}
