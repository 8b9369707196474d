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
use poorwsgi_server::RequestBody;
use poorwsgi_server::inlining::{Pace, Place, Rule};
use poorwsgi_server::pool::Pool;
use pyo3::exceptions::PyTypeError;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use tokio::sync::oneshot;
use tokio::time::{Sleep, sleep};

use crate::application::Application;
use crate::callable::{Answer, Callable, Raised, page, send_blocks};
use crate::names::{Name, overrides};
use crate::request::{Source, Timed};
use crate::running::{Run, Running};

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
    Callable(Callable),
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
        Ok(Served::Callable(Callable::new(application.clone().unbind()).paced()))
    }

    /// What Python's collector sees of it.
    pub(crate) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        match self {
            Served::Native(application) => visit.call(application),
            Served::Callable(callable) => callable.traverse(visit),
        }
    }

    pub(crate) const fn is_native(&self) -> bool {
        matches!(self, Served::Native(_))
    }
}

/// What is served, as a service.
#[derive(Clone)]
pub(crate) struct Service {
    pub(crate) served: Arc<Served>,
    pub(crate) running: Running,
    pub(crate) rule: Rule,
    pub(crate) pool: Pool,
    /// Bytes of small bodies that are arriving.
    pub(crate) gathered: Arc<AtomicU64>,
    /// How long the client waits for the application, where that is limited.
    pub(crate) request_timeout: Option<Duration>,
    /// Whose requests this clone gets.
    pub(crate) connection: Option<Connection>,
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
        let Some(share) = small.and_then(|length| Share::of(&self.gathered, length)) else {
            return self.begin(head, body, false);
        };
        let body = match &*self.served {
            Served::Native(application) => {
                Timed::wrap(body, application.get().tables().settings.read_timeout)
            }
            Served::Callable(_) => body,
        };
        let service = self.clone();
        let gathering = Gathering { service, head: Some(head), body, data: BytesMut::new(), _share: share };
        Answering::Gathering(Box::new(gathering))
    }
}

impl Service {
    /// Answers on a thread that may block.
    fn on_pool(
        &self,
        pace: &Arc<Pace>,
        run: Run,
        answer: impl FnOnce(oneshot::Sender<Answer>) + Send + 'static,
    ) -> Answering {
        let (sender, receiver) = oneshot::channel();
        self.spawn(pace, run, move || answer(sender));
        self.on_its_way(receiver)
    }

    fn on_its_way(&self, receiver: oneshot::Receiver<Answer>) -> Answering {
        let late = self.request_timeout.map(|timeout| Box::pin(sleep(timeout)));
        Answering::OnItsWay { receiver, late }
    }

    fn spawn(&self, pace: &Arc<Pace>, run: Run, act: impl FnOnce() + Send + 'static) {
        self.pool.spawn(pace, move || {
            act();
            drop(run);
        });
    }

    /// Calls the application here and now where that is right for this request, and its body `is_there`; else on a thread
    /// that may block.
    fn begin(&self, head: Parts, body: Body, is_there: bool) -> Answering {
        let Service { served, rule, running, .. } = self;
        let run = running.begin();
        match &**served {
            Served::Native(application) => {
                let app = application.get();
                let head = HttpHead::new(head, app.variables().cloned()).with_connection(self.connection);
                if app.is_profiled() {
                    // It is __call__ that is profiled.
                    let callable = Python::attach(|py| Callable::new(application.clone_ref(py).into_any()));
                    let rule = *rule;
                    return self.on_pool(app.pace(None), run, move |answer| {
                        answer_on_pool(&callable, head, body, answer, &rule);
                    });
                }
                let handler = app.handler_of(&head);
                let pace = Arc::clone(app.pace(handler.as_ref()));
                if !is_there || !pace.is_inline(rule) {
                    let (served, rule, timed) = (Arc::clone(served), *rule, Arc::clone(&pace));
                    return self.on_pool(&pace, run, move |answer| {
                        let Served::Native(application) = &*served else { return };
                        match native(application, head, body, Place::Pool, &timed, &rule) {
                            Ok(response) => {
                                if response.body().is_made_while_sent() {
                                    timed.leave();
                                }
                                send_blocks(response, answer);
                            }
                            // Nobody waits for it when the client is gone.
                            Err(error) => drop(answer.send(Err(error))),
                        }
                    });
                }
                match native(application, head, body, Place::Inline, &pace, rule) {
                    Ok(response) if response.body().is_made_while_sent() => {
                        pace.leave();
                        self.on_pool(&pace, run, move |answer| send_blocks(response, answer))
                    }
                    answer => Answering::Now(Some(answer)),
                }
            }
            Served::Callable(callable) => {
                let head = HttpHead::new(head, callable.variables()).with_connection(self.connection);
                let pace = callable.pace(&head);
                if is_there && pace.is_inline(rule) {
                    let (sender, receiver) = oneshot::channel();
                    if let Some(rest) = callable.answer(head, body, sender, rule, Place::Inline) {
                        self.spawn(pace, run, || rest.send());
                    }
                    return self.on_its_way(receiver);
                }
                let (served, rule) = (Arc::clone(served), *rule);
                self.on_pool(pace, run, move |answer| {
                    if let Served::Callable(callable) = &*served {
                        answer_on_pool(callable, head, body, answer, &rule);
                    }
                })
            }
        }
    }
}

fn answer_on_pool(
    callable: &Callable,
    head: HttpHead,
    body: Body,
    answer: oneshot::Sender<Answer>,
    rule: &Rule,
) {
    if let Some(rest) = callable.answer(head, body, answer, rule, Place::Pool) {
        rest.send();
    }
}

/// Calls an application of ours, on this thread.
fn native(
    application: &Py<Application>,
    head: HttpHead,
    body: Body,
    place: Place,
    pace: &Pace,
    rule: &Rule,
) -> Answer {
    // Attached before the time begins: what others compute is not this call's.
    Python::attach(|py| {
        let source = Source::Native(Box::new(head));
        let response = pace.time(rule, place, || Application::handle(application.bind(py), source, body));
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

/// The answer to a request: there already, or on its way.
pub(crate) enum Answering {
    Now(Option<Answer>),
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
    data: BytesMut,
    _share: Share,
}

/// A part of the memory for bodies that arrive, until it is dropped.
struct Share {
    all: Arc<AtomicU64>,
    length: u64,
}

impl Share {
    fn of(all: &Arc<AtomicU64>, length: u64) -> Option<Self> {
        let share = Share { all: Arc::clone(all), length };
        let before = all.fetch_add(length, Ordering::Relaxed);
        (before.saturating_add(length) <= TOGETHER).then_some(share)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.all.fetch_sub(self.length, Ordering::Relaxed);
    }
}

impl Future for Answering {
    type Output = Answer;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Answer> {
        loop {
            let next = match &mut *self {
                Answering::Now(answer) => {
                    let answer = answer.take();
                    return Poll::Ready(answer.unwrap_or_else(|| Err("polled after its end".into())));
                }
                Answering::OnItsWay { receiver, late } => {
                    if let Poll::Ready(answer) = Pin::new(receiver).poll(cx) {
                        return Poll::Ready(answer.unwrap_or_else(|gone| Err(gone.into())));
                    }
                    ready!(late.as_mut().map_or(Poll::Pending, |late| late.as_mut().poll(cx)));
                    return Poll::Ready(Ok(stuck()));
                }
                Answering::Gathering(gathering) => ready!(gathering.poll(cx)),
            };
            *self = next;
        }
    }
}

impl Gathering {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Answering> {
        let failure = loop {
            match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                // Never more than was announced, which hyper sees to.
                Some(Ok(frame)) => self.data.extend_from_slice(frame.data_ref().map_or(&[], |data| data)),
                Some(Err(error)) => break Some(error),
                None => break None,
            }
        };
        let data = mem::take(&mut self.data).freeze();
        let body = match failure {
            None => Body::from(data),
            Some(error) => Body::wrap(Broken { data, error: Some(error) }),
        };
        let Some(head) = self.head.take() else { return Poll::Ready(Answering::Now(None)) };
        Poll::Ready(self.service.begin(head, body, true))
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
