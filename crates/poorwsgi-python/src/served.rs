//! What the built-in server serves: an application of ours natively, and any other WSGI callable.

use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::{Body as HttpBody, Frame};
use poorwsgi::BoxError;
use poorwsgi::request::{Connection, HttpHead};
use poorwsgi::response::{Body, Response};
use poorwsgi::state::HTTP_SERVICE_UNAVAILABLE;
use poorwsgi::variables::Variables;
use poorwsgi_server::RequestBody;
use poorwsgi_server::event_loop::EventLoop;
use poorwsgi_server::inlining::{Pace, Place, Rule};
use poorwsgi_server::pool::{Pool, only_waits_now};
use pyo3::exceptions::PyTypeError;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use tokio::sync::oneshot;
use tokio::time::{Sleep, sleep};

use crate::application::Application;
use crate::callable::{Answer, Callable, Paces, Raised, page, send_blocks};
use crate::config::Settings;
use crate::names::{Name, overrides};
use crate::request::{Source, Timed};
use crate::running::Running;
use crate::server::around;

/// A body of this length is read before Python is called, so that the call waits for nobody: 64 KiB and what a form puts
/// around them.
const SMALL: u64 = 96 << 10;

/// What such bodies may take together while they arrive. Beyond it they are read by those who need them, which are no more
/// than there are threads.
const TOGETHER: u64 = 32 << 20;

/// What answers the requests.
pub(crate) enum Served {
    /// Called without an environ.
    Native(Py<Application>),
    /// Called with one.
    Callable { callable: Callable, paces: Box<Paces> },
}

impl Served {
    /// An application of ours is called natively unless its class has a `__call__` of its own, which only WSGI reaches.
    /// Middleware around an application is no application.
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
            paces: Box::new(Paces::new()),
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
    /// Bytes of small bodies that are arriving.
    gathered: AtomicU64,
    /// How long the client waits for the application, where that is limited.
    request_timeout: Option<Duration>,
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
            return self.begin(head, Body::empty(), true);
        }
        let small = body.size_hint().exact().filter(|length| *length <= SMALL);
        let body = Body::wrap(body);
        let Some(share) = small.and_then(|length| Share::of(&self.backend, length)) else {
            return self.begin(head, body, false);
        };
        let body = match &*self.backend.served {
            Served::Native(application) => {
                Timed::wrap(body, application.get().tables().settings.read_timeout)
            }
            Served::Callable { .. } => body,
        };
        let service = self.clone();
        let gathering = Gathering { service, head: Some(head), body, data: Bytes::new(), share };
        Answering::Gathering(Box::new(gathering))
    }
}

impl Backend {
    pub(crate) fn new(served: Arc<Served>, running: Running, settings: &Settings, loops: usize) -> Self {
        Backend {
            served,
            running,
            // No more than can be held up on one of them.
            rule: Rule { loops: loops.min(settings.threads), ..settings.rule },
            pool: Pool::new(settings.threads, loops, around),
            gathered: AtomicU64::new(0),
            request_timeout: settings.request_timeout,
        }
    }

    /// Ends the threads of its calls that have nothing to do.
    pub(crate) fn end(&self) {
        self.pool.end();
    }
}

impl Service {
    /// Has the application called on the thread of the connections where that is right for this request, and its body
    /// `is_there`; else on one that may block.
    fn begin(&self, head: Parts, body: Body, is_there: bool) -> Answering {
        let backend = &*self.backend;
        let (head, pace, may_be_inline) = match &*backend.served {
            Served::Native(application) => {
                let app = application.get();
                let head = self.boxed(head, app.variables().cloned());
                let pace = app.pace(&*head);
                (head, pace, is_there && !app.is_profiled())
            }
            Served::Callable { callable, paces } => {
                let head = self.boxed(head, callable.variables());
                let pace = Arc::clone(paces.of(&head));
                (head, pace, is_there)
            }
        };
        let (answer, receiver) = oneshot::channel();
        let is_inline = may_be_inline && pace.is_inline(&backend.rule);
        let call = Call { run: Run::begin(&self.backend), head, body, pace, answer };
        if is_inline {
            self.event_loop.call(move || call.make_inline());
        } else {
            call.make_on_pool();
        }
        let late = backend.request_timeout.map(|timeout| Box::pin(sleep(timeout)));
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
    pace: Arc<Pace>,
    answer: oneshot::Sender<Answer>,
}

impl Call {
    /// On this thread, which must not wait. What may wait after all is done on the pool.
    fn make_inline(self) {
        // It may have been a while since it was asked.
        if !self.pace.is_inline(&self.run.0.rule) {
            return self.make_on_pool();
        }
        let Call { run, head, body, pace, answer } = self;
        let Backend { served, rule, pool, .. } = &*run.0;
        match &**served {
            Served::Native(application) => {
                match native(application, head, body, Place::Inline, &pace, rule) {
                    Ok(response) if response.body().is_made_while_sent() => {
                        pace.leave();
                        pool.clone().spawn(&pace, move || {
                            only_waits_now();
                            send_blocks(response, answer);
                            drop(run);
                        });
                    }
                    // Nobody waits for it when the client is gone.
                    result => drop(answer.send(result)),
                }
            }
            Served::Callable { callable, .. } => {
                if let Some(rest) = callable.answer(&head, body, answer, &pace, rule, Place::Inline) {
                    pool.clone().spawn(&pace, move || {
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
        let (pool, pace) = (self.run.0.pool.clone(), Arc::clone(&self.pace));
        pool.spawn(&pace, move || self.make());
    }

    fn make(self) {
        let Call { run, head, body, pace, answer } = self;
        let Backend { served, rule, .. } = &*run.0;
        match &**served {
            Served::Native(application) if application.get().is_profiled() => {
                // It is __call__ that is profiled.
                let callable = Python::attach(|py| Callable::new(application.clone_ref(py).into_any()));
                answer_by(&callable, &head, body, answer, &pace, rule);
            }
            Served::Native(application) => match native(application, head, body, Place::Pool, &pace, rule) {
                Ok(response) => {
                    if response.body().is_made_while_sent() {
                        pace.leave();
                        only_waits_now();
                    }
                    send_blocks(response, answer);
                }
                Err(error) => drop(answer.send(Err(error))),
            },
            Served::Callable { callable, .. } => answer_by(callable, &head, body, answer, &pace, rule),
        }
    }
}

fn answer_by(
    callable: &Callable,
    head: &HttpHead,
    body: Body,
    answer: oneshot::Sender<Answer>,
    pace: &Pace,
    rule: &Rule,
) {
    if let Some(rest) = callable.answer(head, body, answer, pace, rule, Place::Pool) {
        only_waits_now();
        rest.send();
    }
}

/// Calls an application of ours, on this thread.
fn native(
    application: &Py<Application>,
    head: Box<HttpHead>,
    body: Body,
    place: Place,
    pace: &Pace,
    rule: &Rule,
) -> Answer {
    // Attached before the time begins: what others compute is not this call's.
    Python::attach(|py| {
        let source = Source::Native(head);
        let response =
            pace.time(rule, place, |begun| Application::handle(application.bind(py), source, body, begun));
        response.map(Response::into_http).map_err(|error| Raised::boxed(py, error))
    })
}

/// The answer to a request that takes too long. Its thread goes on; whoever looks after the process learns of it.
fn stuck() -> http::Response<Body> {
    static STUCK: Name = Name::new("poorwsgi.server", "_stuck");
    static TELLING: AtomicBool = AtomicBool::new(false);
    let page = || page(HTTP_SERVICE_UNAVAILABLE, "The application took too long.".to_owned());
    if TELLING.swap(true, Ordering::AcqRel) {
        return page();
    }
    // Whether Python can be called at all is not known, and no connection must wait for that.
    std::thread::spawn(|| {
        Python::attach(|py| {
            if let Err(error) =
                STUCK.get(py).and_then(|stuck| stuck.call1(("a request takes longer than request_timeout",)))
            {
                error.write_unraisable(py, None);
            }
        });
        TELLING.store(false, Ordering::Release);
    });
    page()
}

/// The parts of a request's head.
type Parts = http::request::Parts;

/// The answer to a request.
pub(crate) enum Answering {
    /// With the time when nobody waits for it any more.
    OnItsWay {
        receiver: oneshot::Receiver<Answer>,
        late: Option<Pin<Box<Sleep>>>,
    },
    Gathering(Box<Gathering>),
}

/// A small body that is read before the application is called.
pub(crate) struct Gathering {
    service: Service,
    head: Option<Parts>,
    body: Body,
    data: Bytes,
    share: Share,
}

/// A part of the memory for bodies that arrive, until it is dropped.
struct Share {
    backend: Arc<Backend>,
    length: u64,
}

impl Share {
    fn of(backend: &Arc<Backend>, length: u64) -> Option<Self> {
        let share = Share { backend: Arc::clone(backend), length };
        let before = backend.gathered.fetch_add(length, Ordering::Relaxed);
        (before.saturating_add(length) <= TOGETHER).then_some(share)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.backend.gathered.fetch_sub(self.length, Ordering::Relaxed);
    }
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
                    ready!(late.as_mut().map_or(Poll::Pending, |late| late.as_mut().poll(cx)));
                    return Poll::Ready(Ok(stuck()));
                }
                Answering::Gathering(gathering) => match ready!(gathering.poll(cx)) {
                    Some(next) => next,
                    None => return Poll::Ready(Err("polled after its end".into())),
                },
            };
            *self = next;
        }
    }
}

impl Gathering {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Answering>> {
        let failure = loop {
            match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                // Never more than was announced, which hyper sees to.
                Some(Ok(frame)) => self.add(frame.into_data().unwrap_or_default()),
                Some(Err(error)) => break Some(error),
                None => break None,
            }
        };
        let data = mem::take(&mut self.data);
        let body = match failure {
            None => Body::from(data),
            Some(error) => Body::wrap(Broken { data, error: Some(error) }),
        };
        Poll::Ready(self.head.take().map(|head| self.service.begin(head, body, true)))
    }

    /// Mostly all is there at once, and need not be copied.
    fn add(&mut self, data: Bytes) {
        if self.data.is_empty() {
            self.data = data;
            return;
        }
        let mut all = BytesMut::from(mem::take(&mut self.data));
        let length = usize::try_from(self.share.length).unwrap_or_default();
        all.reserve(length.saturating_sub(all.len()));
        all.extend_from_slice(&data);
        self.data = all.freeze();
    }
}

/// A body that broke off.
struct Broken {
    data: Bytes,
    error: Option<BoxError>,
}

impl HttpBody for Broken {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if !self.data.is_empty() {
            return Poll::Ready(Some(Ok(Frame::data(mem::take(&mut self.data)))));
        }
        Poll::Ready(self.error.take().map(Err))
    }
}
