//! One request and its response.

use std::any::Any;
use std::cell::RefCell;
use std::fmt;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body::Body;
use hyper::body::Incoming;
use hyper::ext::ReasonPhrase;
use pin_project_lite::pin_project;
use poorwsgi::clip;
use poorwsgi::headers::connection;
use poorwsgi::response::{BodyKind, Content, DeclaredLength, Declined};
use poorwsgi::{Application, BoxError, state};
use tower_service::Service;

use crate::LOG;
use crate::body::RequestBody;
use crate::context::Context as ConnectionContext;
use crate::date;
use crate::head::{self, KnownHost};
use crate::outgoing::{Outgoing, Payload};
use crate::record::Record;
use crate::refusal::Refusal;
use crate::serve::Introduce;
use crate::spelling;
use crate::stop::Level;

/// What hyper calls for each request of one connection.
pub(crate) struct Exchanger<S, B> {
    service: RefCell<S>,
    context: Arc<ConnectionContext>,
    /// Whether the service knows the connection, so that the requests need not tell it.
    introduced: bool,
    known_host: KnownHost,
    body: PhantomData<fn() -> B>,
}

impl<S: 'static, B> Exchanger<S, B> {
    pub(crate) fn new(
        mut service: S,
        introduce: Option<Introduce<S>>,
        context: Arc<ConnectionContext>,
    ) -> Self {
        let introduced = match introduce {
            Some(introduce) => {
                introduce(&mut service, context.connection);
                true
            }
            // Our own framework need not be asked for it.
            None => match (&mut service as &mut dyn Any).downcast_mut::<Application>() {
                Some(application) => {
                    application.set_connection(context.connection);
                    true
                }
                None => false,
            },
        };
        Exchanger {
            service: RefCell::new(service),
            context,
            introduced,
            known_host: KnownHost::default(),
            body: PhantomData,
        }
    }

    fn admit(&self, request: &mut Request<Incoming>) -> Result<(), Refusal> {
        head::check(request, self.context.trusted, &self.known_host)?;
        let length = request.body().size_hint().lower();
        if length > self.context.config.max_body {
            let (status, limit) = (StatusCode::PAYLOAD_TOO_LARGE, self.context.config.max_body);
            return Err(Refusal::over_limit(status, "bytes of the body", limit, "max_body"));
        }
        Ok(())
    }

    /// Calls a service that is ready at once, as nearly every one is. Another one is asked again when it is
    /// polled.
    fn begin(&self, request: Request<RequestBody>, record: &Record) -> State<S, S::Future>
    where
        S: Service<Request<RequestBody>> + Clone,
    {
        // Borrowed for this call alone, so it is always free.
        let Ok(mut service) = self.service.try_borrow_mut() else {
            return State::Refused { refusal: panicked(record) };
        };
        let ready =
            catch_unwind(AssertUnwindSafe(|| service.poll_ready(&mut Context::from_waker(Waker::noop()))));
        if !matches!(ready, Ok(Poll::Ready(Ok(())))) {
            // The one that was asked keeps what it has been promised.
            let next = service.clone();
            let asked = std::mem::replace(&mut *service, next);
            return State::Waiting { call: Box::new(Call { service: asked, request: Some(request) }) };
        }
        match catch_unwind(AssertUnwindSafe(|| service.call(request))) {
            Ok(future) => State::Running { future },
            Err(_panic) => State::Refused { refusal: panicked(record) },
        }
    }
}

impl<S, B> hyper::service::Service<Request<Incoming>> for Exchanger<S, B>
where
    S: Service<Request<RequestBody>, Response = Response<B>, Error: Into<BoxError>> + Clone + 'static,
    B: Body<Data = Bytes, Error: Into<BoxError>> + 'static,
{
    type Response = Response<Outgoing<B>>;
    type Error = Cut;
    type Future = Exchange<S, S::Future, B>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        let mut record = Record::new(&request, Arc::clone(&self.context));
        let state = match self.admit(&mut request) {
            Err(refusal) => {
                tracing::info!(
                    target: LOG,
                    method = %record.quoted_method(),
                    path = &*record.quoted_path(),
                    peer = %self.context.peer(),
                    "refused: {refusal}",
                );
                State::Refused { refusal }
            }
            Ok(()) => {
                if !self.introduced {
                    request.extensions_mut().insert(self.context.connection);
                }
                let (head, incoming) = request.into_parts();
                let (body, lease) = RequestBody::new(incoming, &self.context);
                record.holds(lease);
                self.begin(Request::from_parts(head, body), &record)
            }
        };
        Exchange { state, record: Some(record), body: PhantomData }
    }
}

/// A call of a service that is not ready.
struct Call<S> {
    service: S,
    request: Option<Request<RequestBody>>,
}

pin_project! {
    #[project = StateProjection]
    enum State<S, F> {
        Refused { refusal: Refusal },
        Waiting { call: Box<Call<S>> },
        Running { #[pin] future: F },
    }
}

pin_project! {
    /// The future of a response: the application's, watched for panics and for what must not be sent.
    pub(crate) struct Exchange<S, F, B> {
        #[pin]
        state: State<S, F>,
        record: Option<Record>,
        body: PhantomData<fn() -> B>,
    }
}

impl<S, B> Future for Exchange<S, S::Future, B>
where
    S: Service<Request<RequestBody>, Response = Response<B>, Error: Into<BoxError>>,
    B: Body<Data = Bytes, Error: Into<BoxError>> + 'static,
{
    type Output = Result<Response<Outgoing<B>>, Cut>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let end = loop {
            match this.state.as_mut().project() {
                StateProjection::Refused { refusal } => break End::Refused(refusal.clone()),
                StateProjection::Running { future } => {
                    match catch_unwind(AssertUnwindSafe(|| future.poll(cx))) {
                        Ok(Poll::Pending) => return Poll::Pending,
                        // Finished right here: a response is large, and each step further would copy it.
                        Ok(Poll::Ready(Ok(response))) => {
                            return Poll::Ready(
                                this.record.take().ok_or(Cut).and_then(|record| finish(response, record)),
                            );
                        }
                        Ok(Poll::Ready(Err(error))) => break End::Failed(error.into()),
                        Err(_panic) => break End::Panicked,
                    }
                }
                StateProjection::Waiting { call } => {
                    let Call { service, request } = &mut **call;
                    let called = catch_unwind(AssertUnwindSafe(|| {
                        ready!(service.poll_ready(cx))?;
                        Poll::Ready(Ok(request.take().map(|request| service.call(request))))
                    }));
                    match called {
                        Ok(Poll::Pending) => return Poll::Pending,
                        Ok(Poll::Ready(Ok(Some(future)))) => this.state.set(State::Running { future }),
                        Ok(Poll::Ready(Ok(None))) => break End::Panicked,
                        Ok(Poll::Ready(Err(error))) => {
                            let error: S::Error = error;
                            break End::Failed(error.into());
                        }
                        Err(_panic) => break End::Panicked,
                    }
                }
            }
        };
        let Some(record) = this.record.take() else { return Poll::Ready(Err(Cut)) };
        let refusal = match end {
            End::Refused(refusal) => refusal,
            End::Failed(error) => failed(&error, &record),
            End::Panicked => panicked(&record),
        };
        Poll::Ready(Ok(refused(&refusal, record)))
    }
}

/// Why the answer is the server's own.
enum End {
    Refused(Refusal),
    Failed(BoxError),
    Panicked,
}

fn failed(error: &BoxError, record: &Record) -> Refusal {
    tracing::error!(
        target: LOG,
        method = %record.quoted_method(),
        path = &*record.quoted_path(),
        cause = error.source(),
        error = %clip::error(error),
        "the application failed",
    );
    Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "the application failed")
}

fn panicked(record: &Record) -> Refusal {
    tracing::error!(
        target: LOG,
        method = %record.quoted_method(),
        path = &*record.quoted_path(),
        "the application panicked",
    );
    Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "the application failed")
}

/// A response of the server itself.
fn refused<B: Body<Data = Bytes>>(refusal: &Refusal, mut record: Record) -> Response<Outgoing<B>> {
    record.context().spoil();
    let mut response = refusal.to_response();
    record.answered(response.status());
    if let Some(server) = &record.context().config.server_header {
        response.headers_mut().insert(header::SERVER, server.clone());
    }
    name_status(&mut response);
    response.map(|text| Outgoing::new(Payload::Text { text: text.into() }, None, record))
}

/// A response of the application, as far as it can be sent.
fn finish<B: Body<Data = Bytes> + 'static>(
    mut response: Response<B>,
    mut record: Record,
) -> Result<Response<Outgoing<B>>, Cut> {
    if response.extensions().get::<Declined>().is_some() {
        record.finish();
        return Err(Cut);
    }
    let status = response.status();
    let content = Content::of(record.method().as_str().parse().ok(), status.as_u16());
    let said = match Said::of(&response, content) {
        Ok(said) => said,
        Err(reason) => {
            tracing::error!(
                target: LOG,
                method = %record.quoted_method(),
                path = &*record.quoted_path(),
                "the response cannot be sent: {reason}",
            );
            return Ok(refused(&Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "bad response"), record));
        }
    };
    record.answered(status);
    name_status(&mut response);
    spelling::keep(&mut response, said.acronym);
    let context = record.context();
    let leaves_body = is_at_hand(response.body()) && record.leaves_body();
    let closes = said.closes || leaves_body || context.is_spoilt() || context.stop.level() > Level::Running;
    let headers = response.headers_mut();
    if said.connection {
        connection::remove(headers, status.as_u16());
    }
    match (content, said.length) {
        (Content::Empty, _) => drop(headers.insert(header::CONTENT_LENGTH, 0.into())),
        (Content::Absent, _) => drop(headers.remove(header::CONTENT_LENGTH)),
        (_, Some(length)) if said.restates_length => {
            headers.insert(header::CONTENT_LENGTH, length.into());
        }
        _ => {}
    }
    if let Some(server) = context.config.server_header.as_ref().filter(|_| !said.server) {
        headers.append(header::SERVER, server.clone());
    }
    if !said.date && date::is_set_back() {
        date::put(headers);
    }
    if closes {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    if said.connection && headers.contains_key(header::UPGRADE) {
        // Whoever sends Upgrade says so (RFC 9110, section 7.8).
        headers.append(header::CONNECTION, HeaderValue::from_static("upgrade"));
    }
    Ok(response.map(|body| {
        let is_left_out = content == Content::Empty || !content.is_allowed() && said.length.is_some();
        let payload = if is_left_out { Payload::Text { text: Bytes::new() } } else { Payload::of(body) };
        Outgoing::new(payload, said.length, record)
    }))
}

fn has_token(value: &HeaderValue, token: &str) -> bool {
    value.to_str().is_ok_and(|value| value.split(',').any(|each| each.trim().eq_ignore_ascii_case(token)))
}

/// Has hyper send the reason phrase of [`state`], which knows more statuses, unless the application has given
/// its own.
fn name_status<B>(response: &mut Response<B>) {
    let status = response.status();
    let reason = state::reason(status.as_u16()).filter(|reason| status.canonical_reason() != Some(*reason));
    if let Some(reason) = reason.and_then(|reason| ReasonPhrase::try_from(reason.as_bytes()).ok())
        && response.extensions().get::<ReasonPhrase>().is_none()
    {
        response.extensions_mut().insert(reason);
    }
}

/// Whether content is known not to be made of the body of the request while it is sent.
fn is_at_hand<B: 'static>(body: &B) -> bool {
    let ours = (body as &dyn Any).downcast_ref::<poorwsgi::response::Body>();
    ours.is_some_and(|body| matches!(body.kind(), BodyKind::Bytes(_) | BodyKind::File(_)))
}

/// What the head of a response says of the things that are the server's.
#[derive(Default)]
struct Said {
    server: bool,
    date: bool,
    /// Fields about the connection, the transfer coding among them (RFC 9112, section 6.1); whether they ask
    /// for its end.
    connection: bool,
    closes: bool,
    /// A field that nobody writes in Title-Case.
    acronym: bool,
    length: Option<u64>,
    /// More than one field says it, or one with blanks: it is written anew, for hyper reads digits alone.
    restates_length: bool,
}

impl Said {
    /// Reads the head, and sees to it that what it says about the content is true: hyper sends a
    /// `Content-Length` as it is given.
    fn of<B: Body>(response: &Response<B>, content: Content) -> Result<Self, BoxError> {
        let status = response.status();
        if status == StatusCode::SWITCHING_PROTOCOLS {
            return Err("101: this server does not switch protocols".into());
        }
        if status.is_informational() {
            return Err("a final status is wanted".into());
        }
        let mut said = Said::default();
        let mut declared = DeclaredLength::default();
        for (name, value) in response.headers() {
            match *name {
                header::SERVER => said.server = true,
                header::DATE => said.date = true,
                header::CONNECTION => {
                    said.connection = true;
                    said.closes |= has_token(value, "close");
                }
                header::ETAG | header::WWW_AUTHENTICATE => said.acronym = true,
                header::CONTENT_LENGTH => {
                    let is_bare = value.as_bytes().iter().all(u8::is_ascii_digit);
                    said.restates_length |= declared.get().is_some() || !is_bare;
                    declared.add(value.as_bytes())?;
                }
                // Of a 426 as well, which names the protocols.
                header::UPGRADE => said.connection = true,
                header::CONTENT_TYPE | header::SET_COOKIE | header::CACHE_CONTROL => {}
                _ => said.connection |= connection::position(name, status.as_u16()).is_some(),
            }
        }
        said.length = declared.get();
        match (said.length, response.body().size_hint().exact()) {
            (Some(length), Some(size)) if size != length && content.is_allowed() => {
                Err("Content-Length differs from the content's length".into())
            }
            _ => Ok(said),
        }
    }
}

/// Ends a connection without a response.
#[derive(Debug)]
pub(crate) struct Cut;

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the application declined to answer")
    }
}

impl std::error::Error for Cut {}
