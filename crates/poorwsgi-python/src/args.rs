//! The arguments of a query as Python sees them.

use poorwsgi_core::request::{Args, ArgsOptions};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use crate::application::Application;
use crate::exceptions::http_exception;

/// Reads a query into a dict: a text for a key that came once, a list of texts for one that came several
/// times.
///
/// Raises HTTPException: 400 for an argument without "=" where strict_parsing is on, 413 for more arguments
/// than app.form_limits.fields, which are 1000 where app is no Application.
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
