//! `Application`: the tables of routes, hooks and handlers, and the settings, as Python sets and reads them.
//!
//! Requests ask it for their settings. How a request is answered by it is not known here: that is the
//! pipeline's (`language`), and who calls it, a server's (`wsgi`, `server`).

mod callee;
mod form_limits;
mod handlers;
mod routes;
mod settings;

use std::collections::HashSet;
use std::sync::{Arc, LazyLock, Mutex, PoisonError, RwLock};

use poorwsgi_core::digest::Algorithm;
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
use poorwsgi_calls::inlining::RouteTimes;
use settings::Own;

static NAMES: LazyLock<Mutex<HashSet<String>>> = LazyLock::new(Mutex::default);

/// A web application: a WSGI callable, and what the built-in server calls natively.
///
///     >>> app = Application("hello")
///     >>> @app.route("/")
///     ... def hello(req):
///     ...     return "Hello world"
///
/// Its name is unique in the process; a second application of the same name is a RuntimeError. Tables and
/// settings may be changed at any time; a request that runs keeps those it began with.
#[pyclass(frozen, subclass, dict, weakref, module = "poorwsgi.wsgi")]
pub(crate) struct Application {
    tables: RwLock<Arc<Tables<Python3>>>,
    variables: Option<Arc<Variables>>,
    own: Mutex<Own>,
    /// Whether its class overrides steps of the pipeline, once that has been asked.
    pub(crate) own_steps: PyOnceLock<bool>,
    /// The times of what no handler takes: pages and errors.
    unrouted: Arc<RouteTimes>,
    /// The times of what no route takes below a document root: files, and the default handler's answers where
    /// there is no file. Which of the two it will be is not known before the call, since files are not looked
    /// for on the thread of the event loop.
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
        // PoorWSGI's default, which the password files of its applications are made for.
        settings.auth_algorithms = vec![Algorithm::Md5Sess];
        // Python's, to which applications and systems add types of their own.
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
        // Where applications keep their digest passwords: a PasswordMap, or any dict of dicts.
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
            Ok(tables) => handlers::traverse(&tables, &visit),
            // Somebody changes it, so it is no garbage.
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

/// The tables that a request is answered with, and what their router has found for it, where that is known
/// already.
pub(crate) struct Routed {
    pub(crate) tables: Arc<Tables<Python3>>,
    pub(crate) route: Option<RouteMatch>,
}

impl Routed {
    /// The route is looked up by the pipeline.
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

    /// Looks the request's route up, before the application is called; with the times of requests like this
    /// one: with the same handler, or with none.
    pub(crate) fn routed(&self, head: &dyn Head) -> (Routed, Arc<RouteTimes>) {
        let tables = self.tables();
        let (Ok(path), Ok(method)) = (head.path(), head.method().parse()) else {
            return (Routed::later(tables), Arc::clone(&self.unrouted));
        };
        let route = tables.router.find(&path, method);
        let may_be_file = || {
            matches!(method, Method::Get | Method::Head) && tables.settings.document_root_for(head).is_some()
        };
        let times = match tables.router.handler(&route) {
            Some(handler) => &handler.route_times,
            None if route.is_none() && may_be_file() => &self.below_root,
            None if route.is_none() => {
                tables.router.default_handler(method).map_or(&self.unrouted, |handler| &handler.route_times)
            }
            None => &self.unrouted,
        };
        let times = Arc::clone(times);
        (Routed { tables, route: Some(route) }, times)
    }

    /// Changes the tables for the requests to come. No Python code runs while the lock is held, not even the
    /// finalizer of a handler that is replaced: detached from the interpreter, dropping is put off.
    fn change<T: Send>(&self, py: Python<'_>, change: impl FnOnce(&mut Tables<Python3>) -> T + Send) -> T {
        py.detach(|| change(Arc::make_mut(&mut self.tables.write().unwrap_or_else(PoisonError::into_inner))))
    }
}

/// A decorator that hands a function to a method of the application and returns it as it is.
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

/// A handler has to be something that can be called.
fn callable(function: &Bound<'_, PyAny>, what: &str) -> PyResult<Function> {
    if function.is_callable() {
        return Ok(Arc::new(function.clone().unbind().into()));
    }
    Err(PyTypeError::new_err(format!("{what}: {} is not callable", function.get_type().name()?)))
}

/// The methods of these bits. Others do not count, so that `~METHOD_GET`, a negative number, is all methods
/// but GET.
fn methods(bits: i64) -> MethodSet {
    let known = bits & i64::from(METHOD_ALL.bits());
    MethodSet::from_bits(u16::try_from(known).unwrap_or_default())
}

/// The one method that a bit stands for; KeyError for any other number, as for a method that has no handler.
fn one_method(bits: i64) -> PyResult<Method> {
    let method = Method::ALL.iter().find(|method| i64::from(MethodSet::from(**method).bits()) == bits);
    method.copied().ok_or_else(|| PyKeyError::new_err(bits))
}
