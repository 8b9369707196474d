//! The built-in server for Python applications: native calls, no environ.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use poorwsgi::{Body, BoxError};
use poorwsgi_server::RequestBody;
use pyo3::exceptions::{PyOSError, PyRuntimeError};
use pyo3::prelude::*;
use tokio::runtime::Runtime;

use crate::application::Application;

/// Serves an application until SIGTERM or SIGINT. The address is "host:port" or "unix:/path".
#[pyfunction]
pub(crate) fn run(py: Python<'_>, application: Py<Application>, address: &str) -> PyResult<()> {
    let service = Native(std::sync::Arc::new(application));
    py.detach(|| runtime()?.block_on(poorwsgi_server::run(service, address)).map_err(PyOSError::new_err))
}

/// Waits for a future without holding up other Python threads.
pub(crate) fn wait<T: Send>(py: Python<'_>, future: impl Future<Output = T> + Send) -> PyResult<T> {
    py.detach(|| Ok(runtime()?.block_on(future)))
}

fn runtime() -> PyResult<Runtime> {
    Runtime::new().map_err(|error| PyRuntimeError::new_err(error.to_string()))
}

/// A Python application as a service. Each request runs on a thread that may block.
#[derive(Clone)]
struct Native(std::sync::Arc<Py<Application>>);

impl tower_service::Service<http::Request<RequestBody>> for Native {
    type Response = http::Response<Body>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<RequestBody>) -> Self::Future {
        let application = std::sync::Arc::clone(&self.0);
        let request = request.map(Body::wrap);
        Box::pin(async move {
            let answer = tokio::task::spawn_blocking(move || {
                tokio::runtime::Handle::current().block_on(application.get().handle(request))
            });
            answer.await?.map_err(BoxError::from)
        })
    }
}
