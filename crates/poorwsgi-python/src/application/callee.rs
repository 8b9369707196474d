//! The Python functions in the tables of an application.

use std::ops::Deref;
use std::sync::Arc;

use poorwsgi_calls::inlining::RouteTimes;
use pyo3::prelude::*;

/// Handlers written in Python.
pub(crate) enum Python3 {}

/// A Python callable, shared by all copies of an application's tables.
pub(crate) type Function = Arc<Callee>;

/// A Python callable, and the times of the requests that it handles.
pub(crate) struct Callee {
    function: Py<PyAny>,
    pub(crate) route_times: Arc<RouteTimes>,
}

impl From<Py<PyAny>> for Callee {
    fn from(function: Py<PyAny>) -> Self {
        Callee { function, route_times: Arc::default() }
    }
}

impl Deref for Callee {
    type Target = Py<PyAny>;

    fn deref(&self) -> &Py<PyAny> {
        &self.function
    }
}

/// The exceptions that an error handler handles: a type, or a tuple or union of types, as isinstance() takes
/// them.
#[derive(Clone)]
pub(crate) struct ErrorType(pub(crate) Function);

impl PartialEq for ErrorType {
    fn eq(&self, other: &Self) -> bool {
        self.0.is(&**other.0)
    }
}
