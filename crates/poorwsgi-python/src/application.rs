//! The application of the Python door.

use std::collections::HashSet;
use std::sync::{Arc, LazyLock, Mutex, PoisonError, RwLock};

use poorwsgi::request::Head;
use poorwsgi::response::{Body, Response};
use poorwsgi::routing::{RouteError, RouteErrorKind};
use poorwsgi::settings::Settings;
use poorwsgi::state::{METHOD_GET, METHOD_HEAD, MethodSet};
use poorwsgi::tables::Tables;
use poorwsgi::variables::Variables;
use pyo3::exceptions::{PyRuntimeError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyCFunction, PyDict};

use crate::language::{Function, Python3};
use crate::request::Request;
use crate::wsgi;

const HEAD_GET: u16 = METHOD_HEAD.bits() | METHOD_GET.bits();

static NAMES: LazyLock<Mutex<HashSet<String>>> = LazyLock::new(Mutex::default);

/// A web application: a WSGI callable, and what the built-in server calls natively.
///
/// Its name is unique in the process; a second application of the same name is a RuntimeError.
#[pyclass(frozen, module = "poorwsgi.wsgi")]
pub(crate) struct Application {
    tables: RwLock<Arc<Tables<Python3>>>,
    variables: Option<Arc<Variables>>,
}

#[pymethods]
impl Application {
    #[new]
    #[pyo3(signature = (name = "__main__"))]
    fn new(name: &str) -> PyResult<Self> {
        if !NAMES.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned()) {
            return Err(PyRuntimeError::new_err(format!("there is an application named {name:?} already")));
        }
        Ok(Application {
            tables: RwLock::new(Arc::new(Tables::new(Settings::new(name)))),
            variables: Variables::of_process().map(Arc::new),
        })
    }

    /// The application's name.
    #[getter]
    fn name(&self) -> String {
        self.tables().settings.name.clone()
    }

    /// Whether errors are shown in full, and /debug-info is served. Default: off. Overridden by poor_Debug.
    #[getter]
    fn debug(&self) -> bool {
        self.tables().settings.debug
    }

    #[setter]
    fn set_debug(&self, py: Python<'_>, on: bool) {
        self.change(py, |tables| tables.settings.debug = on);
    }

    /// Decorator: the function becomes the handler of a route, and is returned as it is.
    ///
    /// method is one or several of the METHOD_ constants of poorwsgi.state, joined by |. Default: HEAD and GET.
    #[pyo3(signature = (uri, method = HEAD_GET))]
    fn route(this: Py<Self>, py: Python<'_>, uri: String, method: u16) -> PyResult<Bound<'_, PyCFunction>> {
        PyCFunction::new_closure(py, Some(c"route"), None, move |args, _| {
            let Ok((function,)) = args.extract::<(Bound<'_, PyAny>,)>() else {
                return Err(PyTypeError::new_err("route(...) decorates one function"));
            };
            this.get().set_route(&uri, &function, method)?;
            PyResult::Ok(function.unbind())
        })
    }

    /// Sets the handler of a route: of a path, or of a pattern such as "/user/<name:word>".
    ///
    /// Raises RuntimeError for an unknown filter, re.error for a bad regular expression, ValueError for any other slip.
    #[pyo3(signature = (uri, fun, method = HEAD_GET))]
    fn set_route(&self, uri: &str, fun: &Bound<'_, PyAny>, method: u16) -> PyResult<()> {
        let py = fun.py();
        if !fun.is_callable() {
            let kind = fun.get_type().name()?;
            return Err(PyTypeError::new_err(format!("route {uri:?}: {kind} is not callable")));
        }
        let handler: Function = Arc::new(fun.clone().unbind());
        let methods = MethodSet::from_bits(method);
        self.change(py, |tables| tables.router.set_route(uri, methods, handler))
            .map_err(|error| route_error(py, &error))
    }

    /// Answers a request of a WSGI server (PEP 3333).
    fn __call__<'py>(
        &self,
        environ: &Bound<'py, PyDict>,
        start_response: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        wsgi::answer(self, environ, start_response)
    }
}

impl Application {
    pub(crate) const fn variables(&self) -> Option<&Arc<Variables>> {
        self.variables.as_ref()
    }

    /// Sends one request through the pipeline. An error is one that leaves the application.
    pub(crate) async fn handle(&self, head: Box<dyn Head>, body: Body) -> PyResult<Response> {
        let tables = self.tables();
        let request = Request::new(head, body, tables.settings.data_size);
        let request = Python::attach(|py| Py::new(py, request))?;
        poorwsgi::dispatch::dispatch(&tables, &request).await
    }

    fn tables(&self) -> Arc<Tables<Python3>> {
        Arc::clone(&self.tables.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes the tables for the requests to come. No Python code runs while the lock is held, not even the finalizer
    /// of a handler that is replaced: detached from the interpreter, dropping is put off.
    fn change<T: Send>(&self, py: Python<'_>, change: impl FnOnce(&mut Tables<Python3>) -> T + Send) -> T {
        py.detach(|| change(Arc::make_mut(&mut self.tables.write().unwrap_or_else(PoisonError::into_inner))))
    }
}

/// The exception that PoorWSGI raises for such a route.
fn route_error(py: Python<'_>, error: &RouteError) -> PyErr {
    let text = error.to_string();
    match error.kind() {
        RouteErrorKind::UnknownFilter => PyRuntimeError::new_err(text),
        RouteErrorKind::Regex => {
            let raised = py.import("re").and_then(|re| re.getattr("error")?.call1((text,)));
            raised.map_or_else(|error| error, PyErr::from_value)
        }
        _ => PyValueError::new_err(text),
    }
}
