//! Any WSGI callable (PEP 3333) on our own server.
//!
//! A request runs on one thread, from the call to the `close` of what it returned. Only after an inline call,
//! content that is not complete moves from the event loop's thread to a thread of the pool.

mod closing_file;
mod iterable;
mod path_times;
mod pending_response;
mod start_response;

use std::sync::Arc;

use poorwsgi_calls::inlining::{CallPlace, RouteTimes, Rule};
use poorwsgi_core::error::StatusText;
use poorwsgi_core::request::HttpHead;
use poorwsgi_core::response::Body;
use poorwsgi_core::variables::Variables;
use pyo3::exceptions::{PyBrokenPipeError, PyOSError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use tokio::sync::oneshot;

use super::ServiceResult;
use super::asked::Asked;
use super::caller::CallerPatience;
use super::failure::{Unhandled, log_refusal, page};
use crate::environ;
use crate::forked::end_child;
use crate::input::Input;
pub(super) use path_times::PathTimes;
use pending_response::PendingResponse;
use start_response::StartResponse;

/// Where a call runs, the times of its route, and the limits of waiting for slow clients.
#[derive(Clone, Copy)]
pub(super) struct CallContext<'a> {
    pub(super) route_times: &'a RouteTimes,
    pub(super) rule: &'a Rule,
    pub(super) place: CallPlace,
    pub(super) patience: &'a CallerPatience,
}

/// A WSGI callable that is served.
pub(super) struct WsgiCallable {
    callable: Py<PyAny>,
    variables: Option<Arc<Variables>>,
}

impl WsgiCallable {
    pub(super) fn new(callable: Py<PyAny>) -> Self {
        WsgiCallable { callable, variables: Variables::of_process().map(Arc::new) }
    }

    pub(super) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.callable)
    }

    pub(super) fn variables(&self) -> Option<Arc<Variables>> {
        self.variables.clone()
    }

    /// Answers one request, on this thread; the response is sent once its head is known. Returns the rest of
    /// the content, which is for a thread that may block.
    pub(super) fn answer(
        &self,
        head: &HttpHead,
        body: Body,
        answer: oneshot::Sender<ServiceResult>,
        context: CallContext<'_>,
    ) -> Option<RemainingContent> {
        let CallContext { route_times, rule, place, patience } = context;
        let pending = PendingResponse::new(Asked::of(head.parts()), place, answer, patience);
        Python::attach(|py| {
            let made = Bound::new(py, Input::new(body))
                .and_then(|input| Ok((input, Bound::new(py, StartResponse(pending))?)));
            let (input, start_response) = match made {
                Ok(made) => made,
                // The receiver sees that there will be no answer.
                Err(error) => {
                    error.write_unraisable(py, None);
                    return None;
                }
            };
            let pending = &start_response.get().0;
            let call = |_| {
                self.call(head, &input, &start_response).and_then(|result| iterable::begin(&result, pending))
            };
            let begun = route_times.time(rule, place, call);
            end_child(py, begun.as_ref().err());
            if pending.is_overfull() {
                route_times.leave();
            }
            match begun {
                Ok(None) => None,
                Ok(Some(content)) => {
                    route_times.leave();
                    Some(RemainingContent {
                        content,
                        start_response: start_response.unbind(),
                        input: input.unbind(),
                    })
                }
                Err(error) => {
                    fail(py, error, &input, pending);
                    None
                }
            }
        })
    }

    fn call<'py>(
        &self,
        head: &HttpHead,
        input: &Bound<'py, Input>,
        start_response: &Bound<'py, StartResponse>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = input.py();
        let environ = environ::of_http(py, head)?;
        environ.set_item(intern!(py, "wsgi.input"), input)?;
        self.callable.bind(py).call1((environ, start_response))
    }
}

/// Content that is generated while it is sent.
pub(super) struct RemainingContent {
    content: iterable::UnsentItems,
    start_response: Py<StartResponse>,
    input: Py<Input>,
}

impl RemainingContent {
    /// Sends the content on this thread, which waits while the client is slower.
    pub(super) fn send(self) {
        Python::attach(|py| {
            // Taken apart here, so that its Python objects are released here.
            let RemainingContent { content, start_response, input } = self;
            let pending = &start_response.get().0;
            pending.may_wait();
            let sent = content.send(py, pending);
            end_child(py, sent.as_ref().err());
            if let Err(error) = sent {
                fail(py, error, input.bind(py), pending);
            }
        });
    }
}

fn fail(py: Python<'_>, error: PyErr, input: &Bound<'_, Input>, pending: &PendingResponse) {
    // A client that goes away is not worth a log record.
    if error.is_instance_of::<PyBrokenPipeError>(py) && pending.is_gone() {
        return;
    }
    // A body that could not be read is the client's fault, unless the application handles the error itself.
    match input.get().failure() {
        Some((status, detail)) if !pending.is_begun() && error.is_instance_of::<PyOSError>(py) => {
            let text = StatusText::new(status, &detail);
            log_refusal(pending.asked(), text);
            pending.answer_instead(page(pending.asked(), text));
        }
        _ => pending.fail(Unhandled::boxed(py, error)),
    }
}
