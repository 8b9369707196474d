//! What a server serves: one of our applications natively, or any other WSGI callable.

use pyo3::exceptions::PyTypeError;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;

use super::callable::{PathTimes, WsgiCallable};
use crate::application::Application;

/// The application that answers the requests.
pub(super) enum Served {
    /// Called without an environ.
    Native(Py<Application>),
    /// Called with an environ.
    Callable { callable: WsgiCallable, path_times: Box<PathTimes> },
}

impl Served {
    /// One of our applications is called natively if it can be.
    pub(super) fn of(application: &Bound<'_, PyAny>) -> PyResult<Self> {
        if let Some(ours) = Application::native(application)? {
            return Ok(Served::Native(ours.clone().unbind()));
        }
        if !application.is_callable() {
            return Err(PyTypeError::new_err(format!(
                "{} is not callable; expected an Application or another WSGI callable",
                application.get_type().fully_qualified_name()?
            )));
        }
        Ok(Served::Callable {
            callable: WsgiCallable::new(application.clone().unbind()),
            path_times: Box::new(PathTimes::new()),
        })
    }

    /// Visits its Python objects for the garbage collector.
    pub(super) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        match self {
            Served::Native(application) => visit.call(application),
            Served::Callable { callable, .. } => callable.traverse(visit),
        }
    }

    pub(super) const fn is_native(&self) -> bool {
        matches!(self, Served::Native(_))
    }
}
