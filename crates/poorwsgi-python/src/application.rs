//! The application of the Python door.

use std::collections::HashSet;
use std::sync::{Arc, LazyLock, Mutex, PoisonError, RwLock};

use poorwsgi::Body;
use poorwsgi::request::HttpHead;
use poorwsgi::settings::Settings;
use poorwsgi::state::{METHOD_GET, METHOD_HEAD, MethodSet};
use poorwsgi::tables::Tables;
use poorwsgi::variables::Variables;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyCFunction;

use crate::environ;
use crate::language::{Function, Py3};
use crate::request::Request;

static NAMES: LazyLock<Mutex<HashSet<String>>> = LazyLock::new(Mutex::default);

/// A web application: a WSGI callable, and what the built-in server calls natively.
#[pyclass(frozen, module = "poorwsgi.wsgi")]
pub(crate) struct Application {
    tables: RwLock<Arc<Tables<Py3>>>,
    variables: Arc<Variables>,
}

#[pymethods]
impl Application {
    /// An application's name is unique in the process.
    #[new]
    #[pyo3(signature = (name = "__main__"))]
    fn new(name: &str) -> PyResult<Self> {
        if !NAMES.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned()) {
            return Err(PyRuntimeError::new_err(format!("there is an application named {name:?} already")));
        }
        Ok(Application {
            tables: RwLock::new(Arc::new(Tables::new(Settings::new(name)))),
            variables: Arc::new(Variables::of_process()),
        })
    }

    /// The application's name.
    #[getter]
    fn name(&self) -> String {
        self.tables().settings.name.clone()
    }

    /// Whether errors are shown in full.
    #[getter]
    fn debug(&self) -> bool {
        self.tables().settings.debug
    }

    #[setter]
    fn set_debug(&self, on: bool) {
        self.change(|tables| tables.settings.debug = on);
    }

    /// Decorator: the function is the handler of a route. The function itself is returned.
    #[pyo3(signature = (uri, method = (METHOD_HEAD.bits() | METHOD_GET.bits())))]
    fn route(this: Py<Self>, py: Python<'_>, uri: String, method: u16) -> PyResult<Bound<'_, PyCFunction>> {
        PyCFunction::new_closure(py, None, None, move |args, _| -> PyResult<Py<PyAny>> {
            let function = args.get_item(0)?.unbind();
            this.get().set_route(&uri, function.clone_ref(args.py()), method)?;
            Ok(function)
        })
    }

    /// Sets the handler of a route.
    #[pyo3(signature = (uri, fun, method = (METHOD_HEAD.bits() | METHOD_GET.bits())))]
    fn set_route(&self, uri: &str, fun: Py<PyAny>, method: u16) -> PyResult<()> {
        let handler: Function = Arc::new(fun);
        self.change(|tables| {
            tables.router.set_route(uri, &tables.filters, MethodSet::from_bits(method), handler)
        })
        .map_err(|error| PyValueError::new_err(error.to_string()))
    }

    /// Answers a request of a WSGI server (PEP 3333).
    fn __call__<'py>(
        &self,
        environ: &Bound<'py, PyAny>,
        start_response: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        environ::answer(self, environ, start_response)
    }
}

impl Application {
    pub(crate) fn tables(&self) -> Arc<Tables<Py3>> {
        Arc::clone(&self.tables.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn change<T>(&self, change: impl FnOnce(&mut Tables<Py3>) -> T) -> T {
        change(Arc::make_mut(&mut self.tables.write().unwrap_or_else(PoisonError::into_inner)))
    }

    /// Sends one request through the pipeline.
    pub(crate) async fn handle(&self, request: http::Request<Body>) -> PyResult<http::Response<Body>> {
        let (parts, body) = request.into_parts();
        let head = HttpHead::new(parts, Arc::clone(&self.variables));
        let request = Python::attach(|py| Py::new(py, Request::new(head, body)))?;
        poorwsgi::dispatch::dispatch(&self.tables(), &request).await
    }
}
