//! Handlers with tower layers around them.

use std::fmt;
use std::future::poll_fn;
use std::str::FromStr;
use std::task::{Context, Poll};

use bytes::Bytes;
use poorwsgi_core::dispatch::BodyPlan;
use poorwsgi_core::error::BoxError;
use poorwsgi_core::response::{Body, Response};
use poorwsgi_core::state::Method;
use tower_layer::Layer;
use tower_service::Service;

use super::called::{BoxFuture, Called};
use super::stored::Stored;
use crate::error::{Error, Result};
use crate::language;
use crate::request::Request;

/// A handler as a tower service, which [`Handler::layer`](crate::Handler::layer) puts a layer around. It
/// answers only requests that an application passes to it, because it finds the application's [`Request`] in
/// the extensions of the `http::Request`.
///
/// ```
/// use std::time::Duration;
///
/// use poorwsgi::HandlerService;
/// use tower::Layer;
/// use tower::timeout::{Timeout, TimeoutLayer};
///
/// /// The layer of all reports.
/// fn patience() -> impl Layer<HandlerService, Service = Timeout<HandlerService>> {
///     TimeoutLayer::new(Duration::from_secs(30))
/// }
/// # let _ = patience();
/// ```
#[derive(Clone)]
pub struct HandlerService(Stored<Request>);

/// A handler with a layer around it, made by [`Handler::layer`](crate::Handler::layer).
///
/// ```
/// use std::time::Duration;
///
/// use poorwsgi::routing::RouteError;
/// use poorwsgi::{Application, Handler, Layered, state};
/// use tower::timeout::TimeoutLayer;
///
/// /// Registers a page that may take long.
/// fn slow_page(app: &mut Application, path: &str, page: Layered) -> Result<(), RouteError> {
///     app.route(path, state::METHOD_HEAD | state::METHOD_GET, page).map(drop)
/// }
///
/// let report = async || "a report";
/// slow_page(&mut Application::new("demo"), "/report", report.layer(TimeoutLayer::new(Duration::from_secs(30))))?;
/// # Ok::<(), RouteError>(())
/// ```
#[derive(Clone)]
pub struct Layered(pub(super) Stored<Request>);

impl Layered {
    pub(super) fn new<L, B>(handler: Stored<Request>, layer: L) -> Self
    where
        L: Layer<HandlerService>,
        L::Service:
            Service<http::Request<Body>, Response = http::Response<B>> + Clone + Send + Sync + 'static,
        <L::Service as Service<http::Request<Body>>>::Future: Send,
        <L::Service as Service<http::Request<Body>>>::Error: Into<BoxError>,
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let about = handler.about().clone().reading_body(true);
        let service = layer.layer(HandlerService(handler));
        Layered(Stored::new(about, move |request: Request| {
            let mut service = service.clone();
            Called::later(async move {
                let mut inner = request.to_http();
                inner.extensions_mut().insert(request);
                poll_fn(|context| service.poll_ready(context)).await.map_err(Error::new)?;
                Ok(Response::from(service.call(inner).await.map_err(Error::new)?))
            })
        }))
    }
}

impl<B> Service<http::Request<B>> for HandlerService
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = http::Response<Body>;
    type Error = BoxError;
    type Future = BoxFuture<Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let handler = self.0.clone();
        let (mut parts, body) = request.into_parts();
        let outer = parts.extensions.remove::<Request>();
        Box::pin(async move {
            let outer = outer.ok_or("a layer has dropped the extensions of the request")?;
            let response = answer(&handler, outer.layered(parts, Body::wrap(body))).await?;
            Ok(response.into_http())
        })
    }
}

/// Reads the body as the settings of the application say, and calls the handler.
async fn answer(handler: &Stored<Request>, request: Request) -> Result<Response> {
    if !handler.reads_body()
        && let Ok(method) = Method::from_str(request.method())
    {
        let plan = BodyPlan::of(request.head(), method, request.settings())?;
        language::load(&request, plan).await?;
    }
    handler.call(request).await
}

impl fmt::Debug for HandlerService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("HandlerService").field(&self.0.name()).finish()
    }
}

impl fmt::Debug for Layered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Layered").field(&self.0.name()).finish()
    }
}
