//! The service that hyper calls for each request of a connection.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, header};
use http_body::Body;
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use poorwsgi_core::BoxError;
use poorwsgi_core::headers::list::has_token;
use tower_service::Service;

use super::body::H1Body;
use super::carrier::H1Session;
use crate::exchange::{Carrier, Cut, Exchange, Exchanger, Outgoing, RequestBody};

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
    type Future = Exchange<S, S::Future, B>;

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
        self.exchanger.exchange(request, carrier)
    }
}

/// Whether `Connection` names `Upgrade`, without which the field is not meant for this server (RFC 9110,
/// section 7.8).
fn names_upgrade(headers: &HeaderMap) -> bool {
    headers.get_all(header::CONNECTION).iter().any(|value| has_token(value.as_bytes(), "upgrade"))
}
