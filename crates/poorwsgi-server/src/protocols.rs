//! The protocols of a server: the one place that chooses the session of a connection.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use poorwsgi_core::BoxError;
use tower_service::Service;

use crate::config::Config;
use crate::exchange::{Introduce, RequestBody};
use crate::h1::H1Protocol;
use crate::stop::Stop;
use crate::transport::Transport;

/// What a server needs for each protocol that it speaks. A protocol that a client may choose (by ALPN, RFC
/// 7301) has its field here, beside HTTP/1.1.
#[derive(Debug)]
pub(crate) struct Protocols {
    h1: H1Protocol,
}

impl Protocols {
    pub(crate) fn new(config: Arc<Config>, stop: Arc<Stop>) -> Self {
        Protocols { h1: H1Protocol::new(config, stop) }
    }

    /// Each connection ends with its first response.
    pub(crate) fn of_one_request(self) -> Self {
        Protocols { h1: self.h1.of_one_request() }
    }

    /// Serves a connection until either side ends it, in the protocol that its transport has agreed upon with
    /// the client. Every transport that there is agrees upon HTTP/1.1.
    pub(crate) async fn drive<S, B>(
        &self,
        transport: impl Transport,
        service: S,
        introduce: Option<Introduce<S>>,
    ) where
        S: Service<Request<RequestBody>, Response = Response<B>, Error: Into<BoxError>> + Clone + 'static,
        B: Body<Data = Bytes, Error: Into<BoxError>> + 'static,
    {
        self.h1.drive(transport, service, introduce).await;
    }
}
