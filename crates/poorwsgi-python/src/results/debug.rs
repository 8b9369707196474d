//! The debug page.

use poorwsgi_core::dispatch;
use poorwsgi_core::results::human_methods;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::application::{Application, Python3};
use crate::environ::EnvironHead;
use crate::request::SimpleRequest;

/// The page of /debug-info as HTML: the application's routes, handlers and settings, and the request's
/// headers and variables. Secrets are hidden.
#[pyfunction]
pub(crate) fn debug_info(req: &Bound<'_, PyAny>, app: &Bound<'_, Application>) -> PyResult<String> {
    let tables = app.get().tables();
    if let Ok(request) = req.cast::<SimpleRequest>() {
        return Ok(dispatch::debug_page::<Python3>(&tables, request.get().head()));
    }
    let environ = req.getattr("environ").ok().and_then(|environ| environ.cast_into::<PyDict>().ok());
    let environ = EnvironHead::new(&environ.unwrap_or_else(|| PyDict::new(req.py())));
    Ok(dispatch::debug_page::<Python3>(&tables, &environ))
}

/// The routes of an application: methods, rule, handler, and, while the application is being served, how its
/// calls are run.
#[pyfunction]
pub(crate) fn _routes(app: &Bound<'_, Application>) -> Vec<(String, String, String, String)> {
    let rows = dispatch::routes::<Python3>(&app.get().tables());
    rows.into_iter().map(|row| (human_methods(row.methods), row.key, row.handler, row.calls)).collect()
}
