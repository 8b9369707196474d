//! `Application`: the tables of routes, hooks and handlers, and the settings, with the methods by which
//! Python changes and reads them.
//!
//! Requests read their settings here. The pipeline (`language`) answers requests; the servers (`wsgi`,
//! `server`) call the pipeline.

mod form_limits;
mod handlers;
mod mount;
mod own;
mod registration;
mod routes;
mod settings;
mod tables;

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use poorwsgi_core::digest::Algorithm;
use poorwsgi_core::request::Head;
use poorwsgi_core::settings::Settings;
use poorwsgi_core::state::{Method, MethodSet};
use poorwsgi_core::tables::Tables;
use poorwsgi_core::variables::Variables;
use pyo3::exceptions::{PyKeyError, PyRuntimeError, PyTypeError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyCFunction, PyDict, PyTuple};

pub(crate) use form_limits::FormLimits;
pub(crate) use registration::_check_function;
pub(crate) use settings::seconds;
pub(crate) use tables::{ErrorType, Function, MountedCallable, Python3, Routed};

use crate::names::Made;
use crate::response::media_type;
use own::Own;
use poorwsgi_calls::inlining::RouteTimes;
use tables::LiveTables;

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
    tables: Arc<LiveTables>,
    variables: Option<Arc<Variables>>,
    own: Mutex<Own>,
    /// Whether the class overrides steps of the pipeline; computed at the first request.
    pub(crate) own_steps: PyOnceLock<bool>,
    /// Whether it was logged that a login is asked for, but no challenge is sent.
    missing_challenge_logged: AtomicBool,
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
            tables: Arc::new(LiveTables::new(settings)),
            variables: Variables::of_process().map(Arc::new),
            own_steps: PyOnceLock::new(),
            missing_challenge_logged: AtomicBool::new(false),
            made: Made::default(),
        })
    }

    #[pyo3(signature = (name = "__main__"))]
    fn __init__(slf: &Bound<'_, Self>, name: &str) -> PyResult<()> {
        if !NAMES.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned()) {
            return Err(PyRuntimeError::new_err(format!(
                "there is an application named {name:?} in this process already; give each Application its own name"
            )));
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
        self.tables.traverse(&visit)
    }

    fn __clear__(&self) {
        self.tables.clear();
        if let Ok(mut own) = self.own.lock() {
            let old = own.take();
            drop(own);
            drop(old);
        }
    }
}

impl Application {
    pub(crate) const fn variables(&self) -> Option<&Arc<Variables>> {
        self.variables.as_ref()
    }

    /// Logs once that `check_digest` asks for a login although `auth_type` is not set, so that a 401 has no
    /// challenge, and no browser asks for a password.
    pub(crate) fn check_challenge(&self, rule: Option<&str>, realm: &str) {
        let settings = &self.tables().settings;
        if settings.auth_digest || self.missing_challenge_logged.swap(true, Ordering::Relaxed) {
            return;
        }
        tracing::error!(
            target: "poorwsgi",
            "route {:?}: check_digest({realm:?}) cannot ask for a login, because auth_type of the application {:?} \
             is not set; set app.secret_key and app.auth_type = \"Digest\"",
            rule.unwrap_or_default(),
            settings.name
        );
    }

    pub(crate) fn tables(&self) -> Arc<Tables<Python3>> {
        self.tables.get()
    }

    /// The route of a request, and the times of requests with the same handler; see [`LiveTables::routed`].
    pub(crate) fn routed(&self, head: &dyn Head) -> (Routed, Arc<RouteTimes>) {
        self.tables.routed(head)
    }

    /// Changes the tables for later requests; see [`LiveTables::change`].
    fn change<T: Send>(&self, py: Python<'_>, change: impl FnOnce(&mut Tables<Python3>) -> T + Send) -> T {
        self.tables.change(py, change)
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
            return Err(PyTypeError::new_err(
                "the decorator was not called with one function; write it on a line of its own above def",
            ));
        };
        call(app.bind(args.py()), &function)?;
        PyResult::Ok(function.unbind())
    })
}

/// The method of a single bit. Any other number is a KeyError, as a method without a handler is.
fn one_method(bits: i64) -> PyResult<Method> {
    let method = Method::ALL.iter().find(|method| i64::from(MethodSet::from(**method).bits()) == bits);
    method.copied().ok_or_else(|| PyKeyError::new_err(bits))
}
