//! The functions of Python that the tables of an application hold.

use std::ops::Deref;
use std::sync::Arc;

use poorwsgi_calls::inlining::RouteTimes;
use pyo3::prelude::*;

/// Handlers written in Python.
pub(crate) enum Python3 {}

/// A Python callable, shared by the tables of an application and their copies.
pub(crate) type Function = Arc<Callee>;

/// A Python callable, and how long the requests take that it is the handler of.
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

/// The type of exceptions that an error handler is for, or whatever else isinstance() takes for one: a tuple,
/// a union.
#[derive(Clone)]
pub(crate) struct ErrorType(pub(crate) Function);

impl PartialEq for ErrorType {
    fn eq(&self, other: &Self) -> bool {
        self.0.is(&**other.0)
    }
}
