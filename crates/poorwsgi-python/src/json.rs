//! JSON bodies. The value is exactly what Python's json.loads returns for the text.

use poorwsgi_core::HttpError;
use poorwsgi_core::charset::{self, Charset};
use poorwsgi_core::json::JsonLimits;
use poorwsgi_core::state::HTTP_BAD_REQUEST;
use pyo3::exceptions::{PyException, PyLookupError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyDict, PyList, PyString};

use crate::exceptions::{HTTPException, http_exception};
use crate::log;
use crate::names::{Name, kind_of};

static LOADS: Name = Name::new("json", "loads");
static JSON_DICT: Name = Name::new("poorwsgi.request", "JsonDict");
static JSON_LIST: Name = Name::new("poorwsgi.request", "JsonList");

/// Parses the JSON in a body. An object becomes a JsonDict, an array a JsonList; any other value is returned
/// as json.loads returns it.
///
/// raw is bytes or bytearray. charset is the one that the client declares (req.charset): UTF-8, UTF-16,
/// UTF-32, US-ASCII, ISO-8859-1, -2 or -15, Windows-1250 or -1252. Raises HTTPException(400, error=...) for
/// any other charset, for text that is not JSON, and for JSON that nests deeper than 100 levels;
/// HTTPException(413) for more than 1,000,000 values.
#[pyfunction]
#[pyo3(signature = (raw, charset = "utf-8"))]
pub(crate) fn parse_json_request<'py>(
    raw: &Bound<'py, PyAny>,
    charset: Option<&str>,
) -> PyResult<Bound<'py, PyAny>> {
    parse(raw, charset.unwrap_or("utf-8"), JsonLimits::default())
}

/// [`parse_json_request`] with the limits given.
pub(crate) fn parse<'py>(
    raw: &Bound<'py, PyAny>,
    charset: &str,
    limits: JsonLimits,
) -> PyResult<Bound<'py, PyAny>> {
    match load(raw, charset, limits) {
        Ok(value) => wrap(value),
        Err(error) if error.is_instance_of::<HTTPException>(raw.py()) => Err(error),
        Err(error) if error.is_instance_of::<PyException>(raw.py()) => Err(bad_request(raw.py(), error)?),
        Err(error) => Err(error),
    }
}

fn load<'py>(raw: &Bound<'py, PyAny>, charset: &str, limits: JsonLimits) -> PyResult<Bound<'py, PyAny>> {
    if !raw.is_instance_of::<PyBytes>() && !raw.is_instance_of::<PyByteArray>() {
        return Err(PyTypeError::new_err(format!(
            "JSON is parsed from bytes; the given text is {}",
            kind_of(raw)
        )));
    }
    // Never look up the codec by the client's name: some of Python's codecs take quadratic time, and Python
    // caches each name that it looks up.
    let codec =
        Charset::named(charset).ok_or_else(|| PyLookupError::new_err(charset::unsupported(charset)))?;
    let text = raw.call_method1("decode", (codec.name(),))?.cast_into::<PyString>()?;
    // Checked before json.loads, which recurses.
    limits.check(text.to_str()?.as_bytes()).map_err(|error| refusal(raw.py(), error))?;
    LOADS.get(raw.py())?.call1((text,))
}

/// Python's codec name of a charset that clients may declare; None for any other charset.
#[pyfunction]
pub(crate) fn _charset(name: &str) -> Option<&'static str> {
    Charset::named(name).map(Charset::name)
}

fn wrap(value: Bound<'_, PyAny>) -> PyResult<Bound<'_, PyAny>> {
    let py = value.py();
    if value.is_exact_instance_of::<PyDict>() {
        JSON_DICT.get(py)?.call1((value,))
    } else if value.is_exact_instance_of::<PyList>() {
        JSON_LIST.get(py)?.call1((value,))
    } else {
        Ok(value)
    }
}

/// JSON that nests too deep is a ValueError, which becomes a 400 with a log message; too many values have a
/// status of their own (413).
fn refusal(py: Python<'_>, error: HttpError) -> PyErr {
    if error.status() == HTTP_BAD_REQUEST {
        return PyValueError::new_err(error.detail().unwrap_or_default().to_owned());
    }
    http_exception(py, error)
}

fn bad_request(py: Python<'_>, error: PyErr) -> PyResult<PyErr> {
    log::write(py, "poorwsgi.request", "warning", "Invalid JSON in the request: %s", (error.value(py),))?;
    let kwargs = PyDict::new(py);
    kwargs.set_item("error", error.value(py))?;
    let exception = PyErr::from_value(HTTPException::of_status(py, HTTP_BAD_REQUEST, Some(&kwargs))?);
    exception.set_cause(py, Some(error));
    Ok(exception)
}
