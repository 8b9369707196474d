//! The request that Python handlers get.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bytes::Bytes;
use poorwsgi::request::Head;
use poorwsgi::response::Body;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

/// A request: what the client sent, and the route it took.
#[pyclass(frozen, module = "poorwsgi.request")]
pub(crate) struct Request {
    head: Box<dyn Head>,
    data_size: u64,
    route: OnceLock<Route>,
    data: OnceLock<Bytes>,
    body: Mutex<Option<Body>>,
}

/// The route that a request took.
pub(crate) struct Route {
    pub(crate) rule: Arc<str>,
    pub(crate) args: Vec<PathArg>,
}

/// A path argument; groups of regular routes may have no name.
pub(crate) struct PathArg {
    pub(crate) name: Option<Arc<str>>,
    pub(crate) value: Py<PyAny>,
}

#[pymethods]
impl Request {
    /// The name of the method, such as "GET".
    #[getter]
    fn method(&self) -> &str {
        self.head.method()
    }

    /// The path of the target, percent-decoded.
    #[getter]
    fn path(&self) -> Cow<'_, str> {
        // A path that cannot be decoded is answered with 400 before any handler sees the request.
        self.head.path().unwrap_or_default()
    }

    /// The query of the target as it was sent, without the "?"; "" where there is none.
    #[getter]
    fn query(&self) -> Cow<'_, str> {
        self.head.query()
    }

    /// The rule that the request took, as it was registered; None where it took none.
    #[getter]
    fn uri_rule(&self) -> Option<&str> {
        self.route.get().map(|route| &*route.rule)
    }

    /// The arguments of the path by their names.
    #[getter]
    fn path_args<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let args = PyDict::new(py);
        for arg in self.path_args_in_order() {
            if let Some(name) = &arg.name {
                args.set_item(&**name, &arg.value)?;
            }
        }
        Ok(args)
    }

    /// The body, where its length is announced and at most 65,365 bytes; else b"".
    #[getter]
    fn data<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.data.get().map_or(&[], |data| data))
    }

    fn __repr__(&self) -> String {
        format!("<Request {} {:?}>", self.head.method(), self.path())
    }
}

impl Request {
    pub(crate) fn new(head: Box<dyn Head>, body: Body, data_size: u64) -> Self {
        let (route, data) = (OnceLock::new(), OnceLock::new());
        Request { head, data_size, route, data, body: Mutex::new(Some(body)) }
    }

    pub(crate) fn head(&self) -> &dyn Head {
        &*self.head
    }

    /// The largest body that is read before the handler runs.
    pub(crate) const fn data_size(&self) -> u64 {
        self.data_size
    }

    pub(crate) fn path_args_in_order(&self) -> &[PathArg] {
        self.route.get().map_or(&[], |route| &route.args)
    }

    pub(crate) fn set_route(&self, route: Route) {
        let _ = self.route.set(route);
    }

    pub(crate) fn set_data(&self, data: Bytes) {
        let _ = self.data.set(data);
    }

    /// Takes the unread body; an empty one when it was taken before.
    pub(crate) fn take_body(&self) -> Body {
        self.body.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or_else(Body::empty)
    }
}
