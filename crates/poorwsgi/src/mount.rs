//! Mounting of tower services below a path prefix.

use bytes::Bytes;
use tower_service::Service;

use crate::error::Error;
use crate::handler::{About, Called, Stored};
use crate::request::Request;
use poorwsgi_core::error::BoxError;
use poorwsgi_core::request::enter_mount;
use poorwsgi_core::response::{Body, Response};

/// The handler that calls a service that is mounted below a prefix.
pub(super) fn handler<S, B>(about: About, prefix: &str, service: S) -> Stored<Request>
where
    S: Service<http::Request<Body>, Response = http::Response<B>> + Clone + Send + Sync + 'static,
    S::Future: Send,
    S::Error: Into<BoxError>,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let prefix = prefix.to_owned();
    Stored::new(about, move |request: Request| {
        let mut service = service.clone();
        let (mut head, body) = request.to_http().into_parts();
        let entered = enter_mount(&mut head, &prefix);
        Called::later(async move {
            entered?;
            std::future::poll_fn(|context| service.poll_ready(context)).await.map_err(Error::new)?;
            let called = service.call(http::Request::from_parts(head, body));
            Ok(Response::from(called.await.map_err(Error::new)?))
        })
    })
}
