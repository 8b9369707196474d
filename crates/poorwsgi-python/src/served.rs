//! What the built-in server serves: an application of ours natively, and any other WSGI callable.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::thread;
use std::time::Duration;

use http::HeaderMap;
use http::header::{CONTENT_LENGTH, TRAILER, TRANSFER_ENCODING};
use http_body::Body as HttpBody;
use poorwsgi_calls::event_loop::EventLoop;
use poorwsgi_calls::inlining::{Place, RouteTimes, Rule};
use poorwsgi_calls::pool::{Job, Pool, only_waits_now};
use poorwsgi_core::BoxError;
use poorwsgi_core::request::{Connection, HttpHead};
use poorwsgi_core::response::{Body, Response};
use poorwsgi_core::state::HTTP_SERVICE_UNAVAILABLE;
use poorwsgi_core::variables::Variables;
use poorwsgi_server::RequestBody;
use poorwsgi_server::spool::{Gathered, Gathering, Held, IN_MEMORY, Spool};
use pyo3::exceptions::PyTypeError;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::application::Application;
use crate::arriving::{Alarm, Arriving, CallClock, Late};
use crate::callable::{
    Answer, Asked, CallContext, Callable, PathTimes, Patience, Raised, log_refusal, page, send_blocks,
};
use crate::config::{ChunkedBodies, Settings};
use crate::forked::{Unforkable, end_child};
use crate::names::{Name, overrides};
use crate::request::{Source, Timed};
use crate::running::Running;
use crate::server::{around, attach};

/// What answers the requests.
pub(crate) enum Served {
    /// Called without an environ.
    Native(Py<Application>),
    /// Called with one.
    Callable { callable: Callable, path_times: Box<PathTimes> },
}

impl Served {
    /// An application of ours is called natively unless its class has a `__call__` of its own, which only
    /// WSGI reaches. Middleware around an application is no application.
    pub(crate) fn of(application: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = application.py();
        if let Ok(ours) = application.cast::<Application>() {
            let class = py.get_type::<Application>();
            if !overrides(&ours.get_type(), &class, &["__call__", "__request__"])? {
                return Ok(Served::Native(ours.clone().unbind()));
            }
        }
        if !application.is_callable() {
            return Err(PyTypeError::new_err(format!(
                "{} is not callable: a server serves an Application or a WSGI callable",
                application.get_type().fully_qualified_name()?
            )));
        }
        Ok(Served::Callable {
            callable: Callable::new(application.clone().unbind()),
            path_times: Box::new(PathTimes::new()),
        })
    }

    /// What Python's collector sees of it.
    pub(crate) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        match self {
            Served::Native(application) => visit.call(application),
            Served::Callable { callable, .. } => callable.traverse(visit),
        }
    }

    pub(crate) const fn is_native(&self) -> bool {
        matches!(self, Served::Native(_))
    }
}

/// What is served, and how: what all connections have in common.
pub(crate) struct Backend {
    served: Arc<Served>,
    running: Running,
    rule: Rule,
    pool: Pool,
    /// Where bodies wait until they have come.
    spool: Spool,
    /// How many calls may be made that read their bodies as they come. They take no place among those that
    /// compute, not even when their bodies have come.
    arriving: Arc<Semaphore>,
    /// How long threads wait for clients that read slowly.
    patience: Patience,
    /// How long the client waits for the application, where that is limited.
    request_timeout: Option<Duration>,
    chunked_bodies: ChunkedBodies,
}

/// The same as a service of one connection.
#[derive(Clone)]
pub(crate) struct Service {
    pub(crate) backend: Arc<Backend>,
    /// Which drives the connection, and on which thread it is called inline.
    pub(crate) event_loop: EventLoop,
    /// Whose requests this clone gets.
    pub(crate) connection: Option<Connection>,
}

/// One request that runs.
struct Run(Arc<Backend>);

impl Run {
    fn begin(backend: &Arc<Backend>) -> Self {
        backend.running.begin();
        Run(Arc::clone(backend))
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.0.running.end();
    }
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
            let gathering = Gathering::whole(body, &self.backend.spool);
            let gather = Gather { service: self.clone(), head: Some(head), gathering, is_chunked: true };
            return Answering::Gathering(Box::new(gather));
        }
        let permit =
            if is_small { None } else { Arc::clone(&self.backend.arriving).try_acquire_owned().ok() };
        if let Some(permit) = permit {
            return self.begin(head, body, Arrival::Pending(permit));
        }
        let gathering = Gathering::new(body, &self.backend.spool);
        let gather = Gather { service: self.clone(), head: Some(head), gathering, is_chunked: false };
        Answering::Gathering(Box::new(gather))
    }
}

/// How far a body has come when the application is called.
enum Arrival {
    /// All of it is at hand: the call waits for nobody.
    InMemory(Option<Held>),
    /// All of it has come; the disk may have to be waited for.
    InFile(Held),
    /// The call waits for the client, which takes none of its time.
    Pending(OwnedSemaphorePermit),
}

impl Backend {
    pub(crate) fn new(
        served: Arc<Served>,
        running: Running,
        settings: &Settings,
        loops: usize,
        has_lock: bool,
    ) -> Self {
        // Neither takes what the other one needs, and a body that the server admits has room.
        let answers = Spool::new(settings.max_spool / 2);
        let spool = Spool::new((settings.max_spool / 2).max(settings.config.body_limit()));
        Backend {
            served,
            running,
            // No more than can be held up on one of them.
            rule: Rule { loops: loops.min(settings.threads), has_lock, ..settings.rule },
            pool: Pool::new(settings.threads, around, has_lock.then_some(attach)),
            arriving: Arc::new(Semaphore::new(settings.threads / 4)),
            patience: Patience::new(settings.threads, answers),
            spool,
            request_timeout: settings.request_timeout,
            chunked_bodies: settings.chunked_bodies,
        }
    }

    /// Whether the application is called when the body has come, since it would take a body without a length
    /// for none.
    fn is_gathered(&self, body: &Body) -> bool {
        !self.served.is_native()
            && self.chunked_bodies == ChunkedBodies::Gather
            && body.size_hint().exact().is_none()
    }

    /// The clock of a call, where its time is limited.
    fn clock(&self) -> Option<CallClock> {
        self.request_timeout.map(|_| CallClock::default())
    }

    /// Ends the threads of its calls that have nothing to do.
    pub(crate) fn end(&self) {
        self.pool.end();
    }
}

impl Service {
    /// Has the application called on the thread of the connections where that is right for this request and
    /// its body; else on one that may block.
    fn begin(&self, head: Parts, body: Body, arrival: Arrival) -> Answering {
        let backend = &*self.backend;
        let (head, route_times, is_profiled) = match &*backend.served {
            Served::Native(application) => {
                let app = application.get();
                let head = self.boxed(head, app.variables().cloned());
                let route_times = app.route_times(&*head);
                (head, route_times, app.is_profiled())
            }
            Served::Callable { callable, path_times } => {
                let head = self.boxed(head, callable.variables());
                let route_times = Arc::clone(path_times.of(&head));
                (head, route_times, false)
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
        let late = late.map(|(timeout, clock)| Box::new(Alarm::new(timeout, clock)));
        let call = |held, permit| Call { run, head, body, route_times, answer, clock, _held: held, permit };
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
        Answering::OnItsWay { receiver, late }
    }

    fn boxed(&self, head: Parts, variables: Option<Arc<Variables>>) -> Box<HttpHead> {
        Box::new(HttpHead::new(head, variables).with_connection(self.connection))
    }
}

/// A call of the application, for one request.
struct Call {
    run: Run,
    head: Box<HttpHead>,
    body: Body,
    route_times: Arc<RouteTimes>,
    answer: oneshot::Sender<Answer>,
    /// Where its time is limited.
    clock: Option<CallClock>,
    /// What the body takes of the memory.
    _held: Option<Held>,
    /// To read the body as it comes.
    permit: Option<OwnedSemaphorePermit>,
}

impl Call {
    /// On this thread, which must not wait. What may wait after all is done on the pool.
    fn make_inline(self) {
        // It may have been a while since it was asked.
        if !self.route_times.is_inline(&self.run.0.rule) {
            return self.make_on_pool();
        }
        let Some(Call { run, head, body, route_times, answer, .. }) = self.begun() else { return };
        let Backend { served, rule, pool, patience, .. } = &*run.0;
        let context = CallContext { route_times: &route_times, rule, place: Place::Inline, patience };
        match &**served {
            Served::Native(application) => match native(application, head, body, context) {
                Ok(response) if response.body().is_made_while_sent() => {
                    route_times.leave();
                    pool.clone().spawn(&route_times, move || {
                        only_waits_now();
                        send_blocks(response, answer, &run.0.patience);
                        drop(run);
                    });
                }
                // Nobody waits for it when the client is gone.
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

    /// On a thread that may wait.
    fn make_on_pool(self) {
        let (pool, route_times) = (self.run.0.pool.clone(), Arc::clone(&self.route_times));
        pool.spawn(&route_times, OnPool { call: self, place: Place::Pool });
    }

    /// The same for one that is going to wait for its client.
    fn make_beside(self) {
        let (pool, route_times) = (self.run.0.pool.clone(), Arc::clone(&self.route_times));
        pool.spawn_waiting(&route_times, OnPool { call: self, place: Place::Waiting });
    }

    /// The call, which is made from now on; `None` where nobody waits for its answer any more.
    fn begun(self) -> Option<Self> {
        if self.answer.is_closed() {
            return None;
        }
        if let Some(clock) = &self.clock {
            clock.begin();
        }
        Some(self)
    }

    fn make(self, place: Place) {
        let Some(Call { run, head, body, route_times, answer, permit: _permit, .. }) = self.begun() else {
            return;
        };
        let Backend { served, rule, patience, .. } = &*run.0;
        let context = CallContext { route_times: &route_times, rule, place, patience };
        match &**served {
            Served::Native(application) if application.get().is_profiled() => {
                // It is __call__ that is profiled.
                let callable = Python::attach(|py| Callable::new(application.clone_ref(py).into_any()));
                answer_by(&callable, &head, body, answer, context);
                Python::attach(|_| drop(callable));
            }
            Served::Native(application) => match native(application, head, body, context) {
                Ok(response) => {
                    if response.body().is_made_while_sent() {
                        route_times.leave();
                        only_waits_now();
                    }
                    send_blocks(response, answer, patience);
                }
                Err(error) => drop(answer.send(Err(error))),
            },
            Served::Callable { callable, .. } => answer_by(callable, &head, body, answer, context),
        }
    }
}

/// A call on its way to a thread that may wait.
struct OnPool {
    call: Call,
    place: Place,
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
    callable: &Callable,
    head: &HttpHead,
    body: Body,
    answer: oneshot::Sender<Answer>,
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
    body: Body,
    context: CallContext<'_>,
) -> Answer {
    let CallContext { route_times, rule, place, .. } = context;
    // Attached before the time begins: what others compute is not this call's.
    Python::attach(|py| {
        let source = Source::Native(head);
        let response = route_times
            .time(rule, place, |begun| Application::handle(application.bind(py), source, body, begun));
        end_child(py, response.as_ref().err());
        response.map(Response::into_http).map_err(|error| Raised::boxed(py, error))
    })
}

/// The answer to a request that takes too long. Its thread goes on; whoever looks after the process learns of
/// it.
fn stuck() -> http::Response<Body> {
    static STUCK: Name = Name::new("poorwsgi.server", "_stuck");
    static TELLING: AtomicBool = AtomicBool::new(false);
    let page = || page(HTTP_SERVICE_UNAVAILABLE, "The application took too long.".to_owned());
    if TELLING.swap(true, Ordering::AcqRel) {
        return page();
    }
    let tell = || {
        let unforkable = Unforkable::wait();
        Python::attach(|py| {
            drop(unforkable);
            if let Err(error) =
                STUCK.get(py).and_then(|stuck| stuck.call1(("a request takes longer than request_timeout",)))
            {
                error.write_unraisable(py, None);
            }
        });
        TELLING.store(false, Ordering::Release);
    };
    // Whether Python can be called at all is not known, and no connection must wait for that.
    if thread::Builder::new().name("poorwsgi stuck".to_owned()).spawn(tell).is_err() {
        TELLING.store(false, Ordering::Release);
    }
    page()
}

/// The parts of a request's head.
type Parts = http::request::Parts;

/// The answer to a request.
pub(crate) enum Answering {
    /// With the time when nobody waits for it any more.
    OnItsWay {
        receiver: oneshot::Receiver<Answer>,
        late: Option<Box<Alarm>>,
    },
    Gathering(Box<Gather>),
}

/// A request whose body is put together before the application is called.
pub(crate) struct Gather {
    service: Service,
    head: Option<Parts>,
    gathering: Gathering,
    /// Whether its length is known only now, and is said to the application.
    is_chunked: bool,
}

impl Future for Answering {
    type Output = Answer;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Answer> {
        loop {
            let next = match &mut *self {
                Answering::OnItsWay { receiver, late } => {
                    if let Poll::Ready(answer) = Pin::new(receiver).poll(cx) {
                        return Poll::Ready(answer.unwrap_or_else(|gone| Err(gone.into())));
                    }
                    let late = ready!(late.as_mut().map_or(Poll::Pending, |late| late.poll(cx)));
                    return Poll::Ready(Ok(match late {
                        Late::Stuck => stuck(),
                        Late::NotBegun => {
                            page(HTTP_SERVICE_UNAVAILABLE, "The application is busy.".to_owned())
                        }
                    }));
                }
                Answering::Gathering(gather) => match ready!(gather.poll(cx)) {
                    Ok(next) => next,
                    Err(answer) => return Poll::Ready(answer),
                },
            };
            *self = next;
        }
    }
}

impl Gather {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Answering, Answer>> {
        let gathered = ready!(self.gathering.poll(cx));
        let Some(mut head) = self.head.take() else {
            return Poll::Ready(Err(Err("polled after its end".into())));
        };
        Poll::Ready(match gathered {
            Ok(Gathered { body, held }) => {
                if self.is_chunked {
                    say_length(&mut head.headers, body.length().unwrap_or_default());
                }
                let is_in_memory = body.as_bytes().is_some();
                let arrival =
                    if is_in_memory { Arrival::InMemory(Some(held)) } else { Arrival::InFile(held) };
                Ok(self.service.begin(head, body, arrival))
            }
            Err(error) => {
                let detail = error.detail().unwrap_or_default().to_owned();
                log_refusal(&Asked::of(&head), error.status(), &detail);
                Err(Ok(page(error.status(), detail)))
            }
        })
    }
}

/// Has a body that came in chunks look like one that came with its length (RFC 9112, section 7.1.3).
fn say_length(headers: &mut HeaderMap, length: u64) {
    headers.remove(TRANSFER_ENCODING);
    headers.remove(TRAILER);
    headers.insert(CONTENT_LENGTH, length.into());
}
