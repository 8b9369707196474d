//! The arguments of a query as Python objects.

use poorwsgi_core::request::{Args, ArgsOptions};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use crate::application::Application;
use crate::exceptions::http_exception;

/// Parses a query into a dict. The value of a key is a str if the key occurs once, and a list of str if it
/// occurs several times.
///
/// Raises HTTPException(400) for an argument without "=" if strict_parsing is true, and HTTPException(413)
/// for more arguments than app.form_limits.fields. If app is not an Application, the limit is 1000 arguments.
#[pyfunction]
pub(crate) fn parse_args<'py>(
    py: Python<'py>,
    query: Option<&str>,
    keep_blank_values: &Bound<'py, PyAny>,
    strict_parsing: &Bound<'py, PyAny>,
    app: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    let Some(query) = query.filter(|query| !query.is_empty()) else { return Ok(dict) };
    let mut options = ArgsOptions {
        keep_blank_values: keep_blank_values.is_truthy()?,
        strict_parsing: strict_parsing.is_truthy()?,
        ..ArgsOptions::default()
    };
    if let Ok(app) = app.cast::<Application>() {
        let fields = app.get().tables().settings.form_limits.fields;
        options.max_num_fields = usize::try_from(fields).unwrap_or(usize::MAX);
    }
    let args = Args::parse(query, &options).map_err(|error| http_exception(py, error))?;
    for (key, values) in args.iter() {
        match values {
            [value] => dict.set_item(key, value)?,
            values => dict.set_item(key, PyList::new(py, values)?)?,
        }
    }
    Ok(dict)
}
