//! The service of one connection: it takes each request to the call of the application, and waits for the
//! response.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::request::Parts;
use http_body::Body as HttpBody;
use poorwsgi_calls::event_loop::EventLoop;
use poorwsgi_core::BoxError;
use poorwsgi_core::error::StatusText;
use poorwsgi_core::request::{Connection, HttpHead};
use poorwsgi_core::response::Body;
use poorwsgi_core::state::HTTP_SERVICE_UNAVAILABLE;
use poorwsgi_core::variables::Variables;
use poorwsgi_server::gathering::RequestGathering;
use poorwsgi_server::spool::IN_MEMORY;
use poorwsgi_server::{RequestBody, RouteLabel, report_call};
use tokio::sync::oneshot;

use super::ServiceResult;
use super::asked::Asked;
use super::backend::{Backend, Run};
use super::call::Call;
use super::failure::page;
use super::gathering::{Arrival, arrived, refused};
use super::read_timeout::Timed;
use super::reported::MadeCall;
use super::request_timeout::{Alarm, Arriving, Late};
use super::served::Served;
use super::stuck::stuck;
use crate::application::Routed;

/// The tower service of one connection.
#[derive(Clone)]
pub(super) struct Service {
    pub(super) backend: Arc<Backend>,
    /// The loop that drives the connection, and runs its inline calls.
    pub(super) event_loop: EventLoop,
    /// The connection whose requests this clone gets.
    pub(super) connection: Option<Connection>,
}

impl tower_service::Service<http::Request<RequestBody>> for Service {
    type Response = http::Response<Body>;
    type Error = BoxError;
    type Future = Answering;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<RequestBody>) -> Answering {
        let (head, body) = request.into_parts();
        if body.is_end_stream() {
            return self.begin(head, Body::empty(), Arrival::InMemory(None));
        }
        let is_small = body.size_hint().exact().is_some_and(|length| length <= IN_MEMORY);
        let body = match &*self.backend.served {
            Served::Native(application) => {
                Timed::wrap(Body::wrap(body), application.get().tables().settings.read_timeout)
            }
            Served::Callable { .. } => Body::wrap(body),
        };
        if self.backend.is_gathered(&body) {
            return self.gather(RequestGathering::with_length(head, body, &self.backend.spool));
        }
        let permit =
            if is_small { None } else { Arc::clone(&self.backend.arriving).try_acquire_owned().ok() };
        if let Some(permit) = permit {
            return self.begin(head, body, Arrival::Pending(permit));
        }
        self.gather(RequestGathering::new(head, body, &self.backend.spool))
    }
}

impl Service {
    fn gather(&self, gathering: RequestGathering) -> Answering {
        Answering::Gathering(Box::new((self.clone(), gathering)))
    }

    /// Calls the application inline if that suits this request and its body; otherwise on the pool.
    fn begin(&self, head: Parts, body: Body, arrival: Arrival) -> Answering {
        let backend = &*self.backend;
        let (head, routed, route_times, is_profiled) = match &*backend.served {
            Served::Native(application) => {
                let app = application.get();
                let head = self.boxed(head, app.variables().cloned());
                let (routed, route_times) = app.routed(&*head);
                (head, Some(routed), route_times, app.is_profiled())
            }
            Served::Callable { callable, path_times } => {
                let head = self.boxed(head, callable.variables());
                let route_times = Arc::clone(path_times.of(&head));
                (head, None, route_times, false)
            }
        };
        let (answer, receiver) = oneshot::channel();
        let run = Run::begin(&self.backend);
        let clock = backend.clock();
        let body = match (&arrival, &clock) {
            (Arrival::Pending(_), Some(clock)) => Arriving::wrap(body, clock.clone()),
            _ => body,
        };
        let late = backend.request_timeout.zip(clock.clone());
        let late = late.map(|(timeout, clock)| {
            Box::new(Alarmed { alarm: Alarm::new(timeout, clock), asked: Asked::of(head.parts()) })
        });
        let waiting = backend.waiting_call();
        let made = waiting.as_ref().map(|waiting| {
            let rule = routed.as_ref().and_then(Routed::rule);
            (waiting.made(), backend.label(rule.as_deref()))
        });
        let call = |held, permit| Call {
            run,
            head,
            routed,
            body,
            route_times,
            answer,
            clock,
            waiting,
            _held: held,
            permit,
        };
        match arrival {
            Arrival::InMemory(held) => {
                let call = call(held, None);
                if !is_profiled && call.route_times.is_inline(&backend.rule) {
                    self.event_loop.call(move || call.make_inline());
                } else {
                    call.make_on_pool();
                }
            }
            Arrival::InFile(held) => call(Some(held), None).make_on_pool(),
            Arrival::Pending(permit) => call(None, Some(permit)).make_beside(),
        }
        Answering::OnItsWay { receiver, late, made }
    }

    fn boxed(&self, head: Parts, variables: Option<Arc<Variables>>) -> Box<HttpHead> {
        Box::new(HttpHead::new(head, variables).with_connection(self.connection))
    }
}

/// The alarm of a call, and the request that is refused when it fires.
pub(super) struct Alarmed {
    alarm: Alarm,
    asked: Asked,
}

/// The future of the response to a request.
pub(super) enum Answering {
    /// Waits for the answer, with the alarm of the request timeout.
    OnItsWay {
        receiver: oneshot::Receiver<ServiceResult>,
        late: Option<Box<Alarmed>>,
        /// Set if somebody wants to know how the call was made.
        made: Option<(MadeCall, RouteLabel)>,
    },
    /// Collects the body; then the service begins the call.
    Gathering(Box<(Service, RequestGathering)>),
}

impl Future for Answering {
    type Output = ServiceResult;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<ServiceResult> {
        loop {
            let next = match &mut *self {
                Answering::OnItsWay { receiver, late, made } => {
                    if let Poll::Ready(answer) = Pin::new(receiver).poll(cx) {
                        if let Some(call) = made.as_ref().and_then(|(made, route)| made.report(*route)) {
                            report_call(call);
                        }
                        return Poll::Ready(answer.unwrap_or_else(|gone| Err(gone.into())));
                    }
                    let Some(alarmed) = late else { return Poll::Pending };
                    let late = ready!(alarmed.alarm.poll(cx));
                    let busy = StatusText::new(HTTP_SERVICE_UNAVAILABLE, "the application is busy");
                    return Poll::Ready(Ok(match late {
                        Late::Stuck => stuck(&alarmed.asked),
                        Late::NotBegun => page(&alarmed.asked, busy),
                    }));
                }
                Answering::Gathering(waiting) => {
                    let (service, gathering) = &mut **waiting;
                    match ready!(gathering.poll(cx)) {
                        Ok(request) => {
                            let (head, body, arrival) = arrived(request);
                            service.begin(head, body, arrival)
                        }
                        Err(request) => return Poll::Ready(refused(&request)),
                    }
                }
            };
            *self = next;
        }
    }
}
