//! `Application`: the tables of routes, hooks and handlers, and the settings, with the methods by which
//! Python changes and reads them.
//!
//! Requests read their settings here. The pipeline (`language`) answers requests; the servers (`wsgi`,
//! `server`) call the pipeline.

mod callee;
mod form_limits;
mod handlers;
mod own;
mod routes;
mod settings;

use std::collections::HashSet;
use std::sync::{Arc, LazyLock, Mutex, PoisonError, RwLock};

use poorwsgi_core::digest::Algorithm;
use poorwsgi_core::dispatch::{Foreseen, foresee};
use poorwsgi_core::request::Head;
use poorwsgi_core::routing::RouteMatch;
use poorwsgi_core::settings::Settings;
use poorwsgi_core::state::{METHOD_ALL, Method, MethodSet};
use poorwsgi_core::tables::Tables;
use poorwsgi_core::variables::Variables;
use pyo3::exceptions::{PyKeyError, PyRuntimeError, PyTypeError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyCFunction, PyDict, PyTuple};

pub(crate) use callee::{ErrorType, Function, Python3};
pub(crate) use form_limits::FormLimits;
pub(crate) use settings::seconds;

use crate::names::Made;
use crate::response::media_type;
use own::Own;
use poorwsgi_calls::inlining::RouteTimes;

static NAMES: LazyLock<Mutex<HashSet<String>>> = LazyLock::new(Mutex::default);

/// A web application. It is a WSGI callable; the built-in server calls it without WSGI.
///
///     >>> app = Application("hello")
///     >>> @app.route("/")
///     ... def hello(req):
///     ...     return "Hello world"
///
/// The name is unique in the process: a second application of the same name raises RuntimeError. Tables and
/// settings may be changed at any time; a running request keeps those with which it began.
#[pyclass(frozen, subclass, dict, weakref, module = "poorwsgi.wsgi")]
pub(crate) struct Application {
    tables: RwLock<Arc<Tables<Python3>>>,
    variables: Option<Arc<Variables>>,
    own: Mutex<Own>,
    /// Whether the class overrides steps of the pipeline; computed at the first request.
    pub(crate) own_steps: PyOnceLock<bool>,
    /// The times of requests that no handler handles: built-in pages and errors.
    unrouted: Arc<RouteTimes>,
    /// The times of requests without a route where there is a document root: for files, and for the default
    /// handler if there is no such file. Which of the two answers is not known before the call, because the
    /// event loop does not look for files.
    below_root: Arc<RouteTimes>,
    made: Made,
}

#[pymethods]
impl Application {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs), text_signature = "(name='__main__')")]
    fn new(
        py: Python<'_>,
        _args: &Bound<'_, PyTuple>,
        _kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        let mut settings = Settings::new("__main__");
        // PoorWSGI's default, for which the password files of existing applications were made.
        settings.auth_algorithms = vec![Algorithm::Md5Sess];
        // Python's `mimetypes`, to which applications and systems add types.
        settings.media_type = Some(Arc::new(|path| Python::attach(|py| media_type(py, path)).ok().flatten()));
        Ok(Application {
            own: Mutex::new(Own::new(py, &settings)?),
            tables: RwLock::new(Arc::new(Tables::new(settings))),
            variables: Variables::of_process().map(Arc::new),
            own_steps: PyOnceLock::new(),
            unrouted: Arc::default(),
            below_root: Arc::default(),
            made: Made::default(),
        })
    }

    #[pyo3(signature = (name = "__main__"))]
    fn __init__(slf: &Bound<'_, Self>, name: &str) -> PyResult<()> {
        if !NAMES.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned()) {
            return Err(PyRuntimeError::new_err(format!("there is an application named {name:?} already")));
        }
        slf.get().change(slf.py(), |tables| tables.settings.name = name.to_owned());
        // The digest passwords of the application: a PasswordMap, or any dict of dicts.
        slf.setattr("auth_map", PyDict::new(slf.py()))
    }

    fn __repr__(&self) -> String {
        format!("{} - callable Application class instance", self.tables().settings.name)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        if !self.made.is_made() {
            return Ok(());
        }
        if let Ok(own) = self.own.try_lock() {
            own.traverse(&visit)?;
        }
        match self.tables.try_read() {
            Ok(tables) => callee::traverse(&tables, &visit),
            // Another thread is changing the tables, so the application is in use.
            Err(_) => Ok(()),
        }
    }

    fn __clear__(&self) {
        let tables = Arc::new(Tables::new(Settings::new("")));
        let old = self.tables.write().map(|mut held| std::mem::replace(&mut *held, tables));
        drop(old);
        if let Ok(mut own) = self.own.lock() {
            let old = own.take();
            drop(own);
            drop(old);
        }
    }
}

/// The tables for a request, and its route if it was looked up already.
pub(crate) struct Routed {
    pub(crate) tables: Arc<Tables<Python3>>,
    pub(crate) route: Option<RouteMatch>,
}

impl Routed {
    /// Leaves it to the pipeline to look the route up.
    pub(crate) const fn later(tables: Arc<Tables<Python3>>) -> Self {
        Routed { tables, route: None }
    }
}

impl Application {
    pub(crate) const fn variables(&self) -> Option<&Arc<Variables>> {
        self.variables.as_ref()
    }

    pub(crate) fn tables(&self) -> Arc<Tables<Python3>> {
        Arc::clone(&self.tables.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Looks up the route of a request before the application is called. Also returns the times of requests
    /// with the same handler.
    pub(crate) fn routed(&self, head: &dyn Head) -> (Routed, Arc<RouteTimes>) {
        let tables = self.tables();
        let (route, foreseen) = foresee(&tables, head);
        let times = Arc::clone(match foreseen {
            Foreseen::Handler(handler) => &handler.route_times,
            Foreseen::File => &self.below_root,
            Foreseen::Engine => &self.unrouted,
        });
        (Routed { tables, route }, times)
    }

    /// Changes the tables for later requests. No Python code runs while the lock is held, not even the
    /// finalizer of a replaced handler: this thread is detached from the interpreter, so PyO3 releases the
    /// handler later.
    fn change<T: Send>(&self, py: Python<'_>, change: impl FnOnce(&mut Tables<Python3>) -> T + Send) -> T {
        py.detach(|| change(Arc::make_mut(&mut self.tables.write().unwrap_or_else(PoisonError::into_inner))))
    }
}

/// A decorator that passes a function to a method of the application and returns the function unchanged.
fn decorator<'py>(
    slf: &Bound<'py, Application>,
    call: impl Fn(&Bound<'_, Application>, &Bound<'_, PyAny>) -> PyResult<()> + Send + Sync + 'static,
) -> PyResult<Bound<'py, PyCFunction>> {
    let app = slf.clone().unbind();
    PyCFunction::new_closure(slf.py(), Some(c"decorator"), None, move |args, _| {
        let Ok((function,)) = args.extract::<(Bound<'_, PyAny>,)>() else {
            return Err(PyTypeError::new_err("a decorator is called with one function"));
        };
        call(app.bind(args.py()), &function)?;
        PyResult::Ok(function.unbind())
    })
}

/// The callable as an entry of a table. Raises TypeError, whose text begins with `what`, for an object that
/// is not callable.
fn callable(function: &Bound<'_, PyAny>, what: &str) -> PyResult<Function> {
    if function.is_callable() {
        return Ok(Arc::new(function.clone().unbind().into()));
    }
    Err(PyTypeError::new_err(format!("{what}: {} is not callable", function.get_type().name()?)))
}

/// The methods of these bits. Other bits are ignored, so that `~METHOD_GET`, a negative number, means all
/// methods but GET.
fn methods(bits: i64) -> MethodSet {
    let known = bits & i64::from(METHOD_ALL.bits());
    MethodSet::from_bits(u16::try_from(known).unwrap_or_default())
}

/// The method of a single bit. Any other number is a KeyError, as a method without a handler is.
fn one_method(bits: i64) -> PyResult<Method> {
    let method = Method::ALL.iter().find(|method| i64::from(MethodSet::from(**method).bits()) == bits);
    method.copied().ok_or_else(|| PyKeyError::new_err(bits))
}
