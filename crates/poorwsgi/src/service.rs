//! The application as a tower service.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use tower_service::Service;

use crate::application::Application;
use crate::request::Request;
use poorwsgi_core::dispatch::dispatch;
use poorwsgi_core::error::BoxError;
use poorwsgi_core::response::{Body, into_http_with};

impl Application {
    /// Answers one request. It cannot fail: every error becomes a response.
    pub async fn handle<B>(&self, request: http::Request<B>) -> http::Response<Body>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let Ok(response) = answer(self.request(request)).await;
        response
    }

    fn request<B>(&self, request: http::Request<B>) -> Request
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let (parts, body) = request.into_parts();
        Request::new(Arc::clone(self.shared()), self.head(parts), Body::wrap(body))
    }
}

async fn answer(mut request: Request) -> Result<http::Response<Body>, Infallible> {
    let response = dispatch(request.tables(), &request).await?;
    Ok(into_http_with(response, request.take_fields()))
}

impl<B> Service<http::Request<B>> for Application
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        // Made before the future, so that the future holds one pointer and not the whole head.
        let request = self.request(request);
        Box::pin(answer(request))
    }
}
