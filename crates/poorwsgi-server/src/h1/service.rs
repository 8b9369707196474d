//! The service that hyper calls for each request of a connection.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, header};
use http_body::Body;
use hyper::body::Incoming;
use hyper::ext::ReasonPhrase;
use hyper::upgrade::OnUpgrade;
use pin_project_lite::pin_project;
use poorwsgi_core::headers::list::has_token;
use poorwsgi_core::{BoxError, state};
use tower_service::Service;

use super::body::H1Body;
use super::carrier::H1Session;
use super::spelling;
use crate::exchange::{Carrier, Cut, Exchange, Exchanger, FinishedResponse, Outgoing, RequestBody};

/// The requests of one connection.
pub(super) struct Exchanges<S, B> {
    exchanger: Exchanger<S, B>,
    session: Arc<H1Session>,
}

impl<S, B> Exchanges<S, B> {
    pub(super) const fn new(exchanger: Exchanger<S, B>, session: Arc<H1Session>) -> Self {
        Exchanges { exchanger, session }
    }
}

impl<S, B> hyper::service::Service<Request<Incoming>> for Exchanges<S, B>
where
    S: Service<Request<RequestBody>, Response = Response<B>, Error: Into<BoxError>> + Clone + 'static,
    B: Body<Data = Bytes, Error: Into<BoxError>> + 'static,
{
    type Response = Response<Outgoing<B>>;
    type Error = Cut;
    type Future = H1Response<S, S::Future, B>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        // hyper adds this extension if a request of HTTP/1.1 has the field Upgrade, and to each CONNECT, which
        // asks for a tunnel.
        let has_upgrade = request.extensions_mut().remove::<OnUpgrade>().is_some();
        self.session.may_upgrade_if(
            has_upgrade
                && request.method() != Method::CONNECT
                && request.body().is_end_stream()
                && names_upgrade(request.headers()),
        );
        let max_body = self.session.context().config.max_body;
        let request = request.map(|incoming| H1Body::new(incoming, max_body));
        let carrier: Arc<dyn Carrier> = Arc::<H1Session>::clone(&self.session);
        let exchange = self.exchanger.exchange(request, carrier);
        H1Response { exchange, session: Arc::clone(&self.session) }
    }
}

pin_project! {
    /// The future of a response as HTTP/1.1 sends it.
    pub(super) struct H1Response<S, F, B> {
        #[pin]
        exchange: Exchange<S, F, B>,
        session: Arc<H1Session>,
    }
}

impl<S, B> Future for H1Response<S, S::Future, B>
where
    S: Service<Request<RequestBody>, Response = Response<B>, Error: Into<BoxError>>,
    B: Body<Data = Bytes, Error: Into<BoxError>> + 'static,
{
    type Output = Result<Response<Outgoing<B>>, Cut>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        Poll::Ready(ready!(this.exchange.poll(cx)).map(|answer| dress(answer, this.session)))
    }
}

/// Whether `Connection` names `Upgrade`, without which the field is not meant for this server (RFC 9110,
/// section 7.8).
fn names_upgrade(headers: &HeaderMap) -> bool {
    headers.get_all(header::CONNECTION).iter().any(|value| has_token(value.as_bytes(), "upgrade"))
}

/// Adds to the response what only HTTP/1.1 needs.
fn dress<B>(answer: FinishedResponse<B>, session: &H1Session) -> Response<Outgoing<B>> {
    let FinishedResponse { mut response, upgrade } = answer;
    name_status(&mut response);
    spelling::keep(&mut response);
    if let Some(upgrade) = upgrade {
        session.upgrade_to(upgrade);
    } else if session.ends_with_response() {
        let headers = response.headers_mut();
        // A 426 already names `upgrade` there, which stays, after `close`.
        if let Some(named) = headers.insert(header::CONNECTION, HeaderValue::from_static("close")) {
            headers.append(header::CONNECTION, named);
        }
    }
    response
}

/// Has hyper send the reason phrase of [`state`], which knows more statuses than hyper, unless the
/// application has set its own.
fn name_status<B>(response: &mut Response<B>) {
    let status = response.status();
    let reason = state::reason(status.as_u16()).filter(|reason| status.canonical_reason() != Some(*reason));
    if let Some(reason) = reason.and_then(|reason| ReasonPhrase::try_from(reason.as_bytes()).ok())
        && response.extensions().get::<ReasonPhrase>().is_none()
    {
        response.extensions_mut().insert(reason);
    }
}
