//! JSON text of plain data: the same text as `json.dumps(data)`, made without running Python code.

use std::fmt::Write;

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};

use crate::names::Name;

/// Data that nests deeper is left to `json`, which checks the recursion limit and finds circular references.
const MAX_DEPTH: usize = 50;

/// The JSON text of a value. What [`write()`] does not encode goes to the encoder of `json.dumps` with
/// default arguments.
pub(crate) fn dumps(data: &Bound<'_, PyAny>) -> PyResult<Vec<u8>> {
    static ENCODER: Name = Name::new("json.encoder", "JSONEncoder");
    static ENCODE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let mut text = String::with_capacity(64);
    if write(data, &mut text, MAX_DEPTH)? {
        return Ok(text.into_bytes());
    }
    let py = data.py();
    let encode =
        ENCODE.get_or_try_init(py, || PyResult::Ok(ENCODER.get(py)?.call0()?.getattr("encode")?.unbind()))?;
    let text = encode.bind(py).call1((data,))?;
    Ok(text.cast::<PyString>()?.to_str()?.as_bytes().to_vec())
}

/// Appends a value whose type is exactly a built-in one. Returns `false` for any other value; `text` is
/// incomplete then. No Python code runs, so the data does not change meanwhile.
fn write(data: &Bound<'_, PyAny>, text: &mut String, depth: usize) -> PyResult<bool> {
    if let Ok(string) = data.cast_exact::<PyString>() {
        return Ok(write_string(string, text));
    }
    if let Ok(dict) = data.cast_exact::<PyDict>() {
        if depth == 0 {
            return Ok(false);
        }
        text.push('{');
        for (number, (key, value)) in dict.iter().enumerate() {
            if number > 0 {
                text.push_str(", ");
            }
            let Ok(key) = key.cast_exact::<PyString>() else { return Ok(false) };
            if !write_string(key, text) {
                return Ok(false);
            }
            text.push_str(": ");
            if !write(&value, text, depth - 1)? {
                return Ok(false);
            }
        }
        text.push('}');
        return Ok(true);
    }
    if let Ok(list) = data.cast_exact::<PyList>() {
        return write_items(list.iter(), text, depth);
    }
    if let Ok(tuple) = data.cast_exact::<PyTuple>() {
        return write_items(tuple.iter(), text, depth);
    }
    if data.is_none() {
        text.push_str("null");
    } else if let Ok(truth) = data.cast_exact::<PyBool>() {
        text.push_str(if truth.is_true() { "true" } else { "false" });
    } else if let Ok(number) = data.cast_exact::<PyInt>() {
        match number.extract::<i64>() {
            Ok(number) => {
                let _ = write!(text, "{number}");
            }
            // Left to `json`, as is the error for too many digits.
            Err(_) => return Ok(false),
        }
    } else if let Ok(number) = data.cast_exact::<PyFloat>() {
        if !number.value().is_finite() {
            return Ok(false);
        }
        text.push_str(number.repr()?.to_str()?);
    } else {
        return Ok(false);
    }
    Ok(true)
}

fn write_items<'py>(
    items: impl Iterator<Item = Bound<'py, PyAny>>,
    text: &mut String,
    depth: usize,
) -> PyResult<bool> {
    if depth == 0 {
        return Ok(false);
    }
    text.push('[');
    for (number, item) in items.enumerate() {
        if number > 0 {
            text.push_str(", ");
        }
        if !write(&item, text, depth - 1)? {
            return Ok(false);
        }
    }
    text.push(']');
    Ok(true)
}

/// Appends a string with non-ASCII characters escaped, as `json.dumps` does. Returns `false` for a string
/// with lone surrogates.
fn write_string(string: &Bound<'_, PyString>, text: &mut String) -> bool {
    let Ok(string) = string.to_str() else { return false };
    text.push('"');
    let mut plain = 0;
    for (at, character) in string.char_indices() {
        if matches!(character, ' '..='~') && !matches!(character, '"' | '\\') {
            continue;
        }
        text.push_str(string.get(plain..at).unwrap_or_default());
        plain = at + character.len_utf8();
        match character {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            '\u{8}' => text.push_str("\\b"),
            '\u{c}' => text.push_str("\\f"),
            other => {
                for unit in other.encode_utf16(&mut [0; 2]) {
                    let _ = write!(text, "\\u{unit:04x}");
                }
            }
        }
    }
    text.push_str(string.get(plain..).unwrap_or_default());
    text.push('"');
    true
}
