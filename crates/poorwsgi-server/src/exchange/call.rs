//! The call of the service.

use std::cell::{Cell, RefCell};
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::Body;
use pin_project_lite::pin_project;
use poorwsgi_core::BoxError;
use poorwsgi_core::clip;
use poorwsgi_core::request::{Connection, ForwardedClient};
use tower_service::Service;

use super::body::BYTES;
use super::finish::{Cut, finish, refused};
use super::head::{self, KnownHost};
use super::ids::identify;
use super::outgoing::Outgoing;
use super::record::Record;
use super::{BodyError, Carrier, Refusal, RequestBody};
use crate::LOG;
use crate::call_report::CallReport;
use crate::connection::ConnectionContext;

thread_local! {
    /// The report of a call whose response this thread returns next.
    static REPORT: Cell<Option<CallReport>> = const { Cell::new(None) };
}

/// Reports how the application was called, for the access log. The future of a service calls this function right
/// before it returns the response.
pub fn report_call(call: CallReport) {
    REPORT.set(Some(call));
}

/// Tells a service of the connection that it is going to serve.
pub(crate) type Introduce<S> = fn(&mut S, Connection);

/// The service of one connection, which is called for each of its requests.
pub(crate) struct Exchanger<S, B> {
    service: RefCell<S>,
    /// Whether the service knows the connection, so that the requests need no extension for it.
    introduced: bool,
    known_host: KnownHost,
    body: PhantomData<fn() -> B>,
}

impl<S: 'static, B> Exchanger<S, B> {
    pub(crate) fn new(mut service: S, introduce: Option<Introduce<S>>, context: &ConnectionContext) -> Self {
        let introduced = introduce.is_some();
        if let Some(introduce) = introduce {
            introduce(&mut service, context.connection);
        }
        Exchanger {
            service: RefCell::new(service),
            introduced,
            known_host: KnownHost::default(),
            body: PhantomData,
        }
    }

    /// Checks a request. Returns the connection as the service is to see it, where a trusted proxy names its
    /// client.
    fn admit<I: Body>(
        &self,
        request: &mut Request<I>,
        carrier: &dyn Carrier,
    ) -> Result<Option<Connection>, Refusal> {
        let context = carrier.context();
        let opens_protocol = carrier.upgrade_status().is_some();
        let names_client = head::check(request, context.believed, opens_protocol, &self.known_host)?;
        let length = request.body().size_hint().lower();
        if length > context.config.max_body {
            let (status, limit) = (StatusCode::PAYLOAD_TOO_LARGE, context.config.max_body);
            return Err(Refusal::over_limit(status, BYTES, limit, "max_body"));
        }
        let Some(fields) = context.believed.filter(|_| names_client) else { return Ok(None) };
        let trusts = |address| context.config.trusts(Some(address));
        let client = ForwardedClient::read(request.headers(), fields, trusts)?;
        Ok(Some(client.apply(request.headers_mut(), context.connection)))
    }

    /// Calls a service that is ready at once, as nearly every service is. The returned future polls any other
    /// service again.
    fn begin(&self, request: Request<RequestBody>, record: &Record) -> CallState<S, S::Future>
    where
        S: Service<Request<RequestBody>> + Clone,
    {
        // Borrowed only for this call, so it is always free.
        let Ok(mut service) = self.service.try_borrow_mut() else {
            return CallState::Refused { refusal: panicked(record) };
        };
        let ready =
            catch_unwind(AssertUnwindSafe(|| service.poll_ready(&mut Context::from_waker(Waker::noop()))));
        if !matches!(ready, Ok(Poll::Ready(Ok(())))) {
            // The service that was polled keeps its reservation (`poll_ready`).
            let next = service.clone();
            let asked = std::mem::replace(&mut *service, next);
            return CallState::Waiting {
                call: Box::new(PendingCall { service: asked, request: Some(request) }),
            };
        }
        match catch_unwind(AssertUnwindSafe(|| service.call(request))) {
            Ok(future) => CallState::Running { future },
            Err(_panic) => CallState::Refused { refusal: panicked(record) },
        }
    }
}

impl<S, B> Exchanger<S, B>
where
    S: Service<Request<RequestBody>, Response = Response<B>, Error: Into<BoxError>> + Clone + 'static,
    B: Body<Data = Bytes, Error: Into<BoxError>> + 'static,
{
    /// Begins the exchange of a request. Its body is read from the session, which times the body.
    pub(crate) fn exchange<I>(
        &self,
        mut request: Request<I>,
        carrier: Arc<dyn Carrier>,
    ) -> Exchange<S, S::Future, B>
    where
        I: Body<Data = Bytes, Error = BodyError> + Send + 'static,
    {
        let mut record = Record::new(&request, Arc::clone(&carrier));
        let context = carrier.context();
        let state = match self.admit(&mut request, &*carrier) {
            Err(refusal) => {
                record.describe(&request, None);
                tracing::info!(
                    target: LOG,
                    method = %record.quoted_method(),
                    path = &*record.quoted_path(),
                    peer = %context.peer(),
                    "refused: {refusal}",
                );
                CallState::Refused { refusal: refusal.to(request.headers()) }
            }
            Ok(named) => {
                // Before the record describes the request: the log names the same client.
                if let Some(connection) = named {
                    request.extensions_mut().insert(connection);
                }
                let is_trusted = context.believed.is_some();
                let id = context.config.request_id.then(|| identify(request.headers_mut(), is_trusted));
                record.describe(&request, id);
                if named.is_none() && !self.introduced {
                    request.extensions_mut().insert(context.connection);
                }
                let (head, incoming) = request.into_parts();
                let (body, lease) = RequestBody::new(incoming, &carrier);
                record.holds(lease);
                self.begin(Request::from_parts(head, body), &record)
            }
        };
        Exchange { state, record: Some(record), body: PhantomData }
    }
}

/// A call of a service that is not ready.
struct PendingCall<S> {
    service: S,
    request: Option<Request<RequestBody>>,
}

pin_project! {
    #[project = CallStateProjection]
    enum CallState<S, F> {
        Refused { refusal: Refusal },
        Waiting { call: Box<PendingCall<S>> },
        Running { #[pin] future: F },
    }
}

pin_project! {
    /// The future of a response: the application's future, with panics caught and the response checked.
    pub(crate) struct Exchange<S, F, B> {
        #[pin]
        state: CallState<S, F>,
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
                CallStateProjection::Refused { refusal } => break OwnResponse::Refused(refusal.clone()),
                CallStateProjection::Running { future } => {
                    let polled = catch_unwind(AssertUnwindSafe(|| future.poll(cx)));
                    if let (Ok(Poll::Ready(_)) | Err(_), Some(record)) = (&polled, &mut this.record) {
                        // Also of a call that has failed: a report that stays would count for the next request.
                        record.called(REPORT.take());
                    }
                    match polled {
                        Ok(Poll::Pending) => return Poll::Pending,
                        // Finished right here: a response is large, and each further step would copy it.
                        Ok(Poll::Ready(Ok(response))) => {
                            return Poll::Ready(
                                this.record.take().ok_or(Cut).and_then(|record| finish(response, record)),
                            );
                        }
                        Ok(Poll::Ready(Err(error))) => break OwnResponse::Failed(error.into()),
                        Err(_panic) => break OwnResponse::Panicked,
                    }
                }
                CallStateProjection::Waiting { call } => {
                    let PendingCall { service, request } = &mut **call;
                    let called = catch_unwind(AssertUnwindSafe(|| {
                        ready!(service.poll_ready(cx))?;
                        Poll::Ready(Ok(request.take().map(|request| service.call(request))))
                    }));
                    match called {
                        Ok(Poll::Pending) => return Poll::Pending,
                        Ok(Poll::Ready(Ok(Some(future)))) => this.state.set(CallState::Running { future }),
                        Ok(Poll::Ready(Ok(None))) => break OwnResponse::Panicked,
                        Ok(Poll::Ready(Err(error))) => {
                            let error: S::Error = error;
                            break OwnResponse::Failed(error.into());
                        }
                        Err(_panic) => break OwnResponse::Panicked,
                    }
                }
            }
        };
        let Some(record) = this.record.take() else { return Poll::Ready(Err(Cut)) };
        let refusal = match end {
            OwnResponse::Refused(refusal) => refusal,
            OwnResponse::Failed(error) => failed(&error, &record),
            OwnResponse::Panicked => panicked(&record),
        };
        Poll::Ready(Ok(refused(&refusal, record)))
    }
}

/// Why the response is the server's own.
enum OwnResponse {
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
