//! The Python functions in the tables of an application.

use std::ops::Deref;
use std::sync::Arc;

use poorwsgi_calls::inlining::RouteTimes;
use poorwsgi_core::tables::Tables;
use pyo3::gc::{PyTraverseError, PyVisit};
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

/// Visits the Python objects of the tables for the garbage collector.
pub(super) fn traverse(tables: &Tables<Python3>, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
    let call = |function: &Function| visit.call(&***function);
    let router = &tables.router;
    router
        .static_routes()
        .flat_map(|(_, table)| table.shared())
        .try_for_each(|(_, function)| call(function))?;
    router
        .pattern_routes()
        .flat_map(|route| route.methods().shared())
        .try_for_each(|(_, row)| call(row.handler()))?;
    router.defaults().shared().try_for_each(|(_, function)| call(function))?;
    tables.before.iter().chain(&tables.after).try_for_each(call)?;
    tables
        .states
        .iter()
        .flat_map(|(_, table)| table.shared())
        .try_for_each(|(_, function)| call(function))?;
    tables.errors.iter().flat_map(|(_, table)| table.shared()).try_for_each(|(_, function)| call(function))
}
