//! What the engine's pipeline runs on in Python: a request with its objects, and futures that never wait.

use std::future::Future;
use std::pin::pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use poorwsgi_core::routing::RouteMatch;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use crate::application::Routed;
use crate::request::{Request, SimpleRequest};

/// A request object, also as an object of its base class, which has the head.
pub(crate) struct PipelineRequest {
    pub(crate) object: Py<Request>,
    pub(crate) base: Py<SimpleRequest>,
    /// The route that was found before the call, until the pipeline takes it.
    route: Mutex<Option<RouteMatch>>,
    /// The same for the mounted application that the route leads to.
    mounted: Mutex<Option<Box<Routed>>>,
    /// Whether the application's class overrides steps of the pipeline.
    pub(crate) own_steps: bool,
}

impl PipelineRequest {
    pub(crate) fn new(request: Bound<'_, Request>, own_steps: bool) -> Self {
        PipelineRequest {
            base: request.as_super().clone().unbind(),
            object: request.unbind(),
            route: Mutex::default(),
            mounted: Mutex::default(),
            own_steps,
        }
    }

    /// The request with what was found before the call.
    pub(super) fn with_route(mut self, route: Option<RouteMatch>, mounted: Option<Box<Routed>>) -> Self {
        (self.route, self.mounted) = (Mutex::new(route), Mutex::new(mounted));
        self
    }

    /// What the router has found; once.
    pub(super) fn take_route(&self) -> Option<RouteMatch> {
        self.route.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// What the router of the mounted application has found; once.
    pub(super) fn take_mounted(&self) -> Option<Routed> {
        self.mounted.lock().unwrap_or_else(PoisonError::into_inner).take().map(|routed| *routed)
    }
}

/// The result of a future that is ready at once: Python calls and reads of `wsgi.input` block instead of
/// waiting.
pub(super) fn ready<T>(future: impl Future<Output = PyResult<T>>) -> PyResult<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => Err(PyRuntimeError::new_err("a Python handler cannot be waited for")),
    }
}
