use poorwsgi::response::Body;
use pyo3::prelude::*;
pub(crate) fn of_body(py: Python<'_>, _body: Body) -> PyResult<Py<PyAny>> {
    Ok(py.None())
}
