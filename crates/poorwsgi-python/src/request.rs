//! The request that Python handlers get.

use std::sync::{Mutex, OnceLock, PoisonError};

use poorwsgi::Body;
use poorwsgi::request::{Head, HttpHead};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

/// A request: what the client sent and the route it took.
#[pyclass(frozen, module = "poorwsgi.request")]
pub(crate) struct Request {
    pub(crate) head: HttpHead,
    pub(crate) route: OnceLock<Route>,
    pub(crate) data: OnceLock<bytes::Bytes>,
    pub(crate) body: Mutex<Option<Body>>,
}

pub(crate) struct Route {
    pub(crate) rule: String,
    pub(crate) args: Vec<(String, Py<PyAny>)>,
}

impl Request {
    pub(crate) fn new(head: HttpHead, body: Body) -> Self {
        Request { head, route: OnceLock::new(), data: OnceLock::new(), body: Mutex::new(Some(body)) }
    }

    pub(crate) fn take_body(&self) -> Body {
        self.body.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or_else(Body::empty)
    }
}

#[pymethods]
impl Request {
    /// Name of the method, such as "GET".
    #[getter]
    fn method(&self) -> &str {
        self.head.method()
    }

    /// Path of the target, decoded.
    #[getter]
    fn path(&self) -> &str {
        self.head.path()
    }

    /// Query of the target as it was sent, without "?".
    #[getter]
    fn query(&self) -> &str {
        self.head.query()
    }

    /// The rule that the request took, or None.
    #[getter]
    fn uri_rule(&self) -> Option<&str> {
        self.route.get().map(|route| route.rule.as_str())
    }

    /// Arguments of the path by their names.
    #[getter]
    fn path_args<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let args = PyDict::new(py);
        for (name, value) in self.route.get().into_iter().flat_map(|route| &route.args) {
            args.set_item(name, value)?;
        }
        Ok(args)
    }

    /// The body, where it was small enough to be read before the handler; else b"".
    #[getter]
    fn data<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.data.get().map_or(&[][..], AsRef::as_ref))
    }
}
