//! Where an application is called: inline on the event loop's thread, or on the pool.

use std::sync::Arc;

use poorwsgi_calls::inlining::{CallPlace, RouteTimes};
use poorwsgi_calls::pool::{Job, only_waits_now};
use poorwsgi_core::request::HttpHead;
use poorwsgi_core::response::{Body, BodyKind, Response};
use poorwsgi_server::spool::Held;
use pyo3::prelude::*;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::ServiceResult;
use super::backend::{Backend, Run};
use super::callable::{CallContext, WsgiCallable};
use super::failure::Unhandled;
use super::generated;
use super::reported::WaitingCall;
use super::request_timeout::CallClock;
use super::served::Served;
use crate::application::{Application, Routed};
use crate::forked::end_child;
use crate::language::handle;
use crate::log::LoggedRequest;
use crate::request::Source;

/// A call of the application, for one request.
pub(super) struct Call {
    pub(super) run: Run,
    pub(super) head: Box<HttpHead>,
    /// The route, if the application is one of ours.
    pub(super) routed: Option<Routed>,
    pub(super) body: Body,
    pub(super) route_times: Arc<RouteTimes>,
    pub(super) answer: oneshot::Sender<ServiceResult>,
    /// Set if a request timeout limits its time.
    pub(super) clock: Option<CallClock>,
    /// The body's share of the memory budget.
    pub(super) _held: Option<Held>,
    /// Set if somebody wants to know how it is made.
    pub(super) waiting: Option<WaitingCall>,
    /// The permit to read the body as it arrives.
    pub(super) permit: Option<OwnedSemaphorePermit>,
}

impl Call {
    /// Calls on this thread, which must not block. Content that Python generates goes to the pool.
    pub(super) fn make_inline(self) {
        // The route may have left inlining since the decision.
        if !self.route_times.is_inline(&self.run.0.rule) {
            return self.make_on_pool();
        }
        let Some(Call { run, head, routed, body, route_times, answer, .. }) = self.begun(CallPlace::Inline)
        else {
            return;
        };
        let _logged = run.0.names_requests.then(|| LoggedRequest::begin(&head.parts().headers));
        let Backend { served, rule, pool, patience, .. } = &*run.0;
        let context = CallContext { route_times: &route_times, rule, place: CallPlace::Inline, patience };
        match &**served {
            Served::Native(application) => match native(application, head, routed, body, context) {
                Ok(response) if BodyKind::of(response.body()).is_made_while_sent() => {
                    route_times.leave();
                    pool.clone().spawn(&route_times, move || {
                        only_waits_now();
                        generated::send(response, answer, &run.0.patience);
                        drop(run);
                    });
                }
                // There is no receiver when the client is gone.
                result => drop(answer.send(result)),
            },
            Served::Callable { callable, .. } => {
                if let Some(rest) = callable.answer(&head, body, answer, context) {
                    pool.clone().spawn(&route_times, move || {
                        only_waits_now();
                        rest.send();
                        drop(run);
                    });
                }
            }
        }
    }

    /// Calls on a thread of the pool.
    pub(super) fn make_on_pool(self) {
        let (pool, route_times) = (self.run.0.pool.clone(), Arc::clone(&self.route_times));
        pool.spawn(&route_times, OnPool { call: self, place: CallPlace::Pool });
    }

    /// Like `make_on_pool`, but for a call that will wait for its client.
    pub(super) fn make_beside(self) {
        let (pool, route_times) = (self.run.0.pool.clone(), Arc::clone(&self.route_times));
        pool.spawn_waiting(&route_times, OnPool { call: self, place: CallPlace::Waiting });
    }

    /// Begins the call; `None` if no connection waits for its answer any more.
    fn begun(self, place: CallPlace) -> Option<Self> {
        if self.answer.is_closed() {
            return None;
        }
        if let Some(clock) = &self.clock {
            clock.begin();
        }
        if let Some(waiting) = &self.waiting {
            waiting.begin(place);
        }
        Some(self)
    }

    fn make(self, place: CallPlace) {
        let Some(Call { run, head, routed, body, route_times, answer, permit: _permit, .. }) =
            self.begun(place)
        else {
            return;
        };
        let _logged = run.0.names_requests.then(|| LoggedRequest::begin(&head.parts().headers));
        let Backend { served, rule, patience, .. } = &*run.0;
        let context = CallContext { route_times: &route_times, rule, place, patience };
        match &**served {
            Served::Native(application) if application.get().is_profiled() => {
                // The profiler wraps __call__.
                let callable = Python::attach(|py| WsgiCallable::new(application.clone_ref(py).into_any()));
                answer_by(&callable, &head, body, answer, context);
                Python::attach(|_| drop(callable));
            }
            Served::Native(application) => match native(application, head, routed, body, context) {
                Ok(response) => {
                    if BodyKind::of(response.body()).is_made_while_sent() {
                        route_times.leave();
                        only_waits_now();
                    }
                    generated::send(response, answer, patience);
                }
                Err(error) => drop(answer.send(Err(error))),
            },
            Served::Callable { callable, .. } => answer_by(callable, &head, body, answer, context),
        }
    }
}

/// A call that is queued for the pool.
struct OnPool {
    call: Call,
    place: CallPlace,
}

impl Job for OnPool {
    fn run(self: Box<Self>) {
        self.call.make(self.place);
    }

    fn is_wanted(&self) -> bool {
        !self.call.answer.is_closed()
    }
}

fn answer_by(
    callable: &WsgiCallable,
    head: &HttpHead,
    body: Body,
    answer: oneshot::Sender<ServiceResult>,
    context: CallContext<'_>,
) {
    if let Some(rest) = callable.answer(head, body, answer, context) {
        only_waits_now();
        rest.send();
    }
}

/// Calls an application of ours, on this thread.
fn native(
    application: &Py<Application>,
    head: Box<HttpHead>,
    routed: Option<Routed>,
    body: Body,
    context: CallContext<'_>,
) -> ServiceResult {
    let CallContext { route_times, rule, place, .. } = context;
    // Attach before the clock starts: the time that other threads compute does not count.
    Python::attach(|py| {
        let source = Source::Native(head);
        let routed = routed.unwrap_or_else(|| Routed::later(application.get().tables()));
        let called = routed.called().cloned();
        let response = route_times.time_of_either(rule, place, |begun| {
            let response = handle(application.bind(py), source, routed, body, begun);
            (response, called.as_ref().and_then(|called| called.get()).map(|handler| &*handler.route_times))
        });
        end_child(py, response.as_ref().err());
        response.map(Response::into_http).map_err(|error| Unhandled::boxed(py, error))
    })
}
