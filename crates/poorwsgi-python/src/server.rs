//! The built-in server for Python applications: native calls, no environ.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll};

use poorwsgi::BoxError;
use poorwsgi::request::HttpHead;
use poorwsgi::response::Body;
use poorwsgi_server::{Bound as BoundServer, RequestBody};
use pyo3::exceptions::{PyOSError, PyRuntimeError};
use pyo3::prelude::*;
use tokio::runtime::Runtime;
use tokio::sync::watch;

use crate::application::Application;
use crate::request::Source;

/// A server that has its address: "host:port", where port 0 is one that the system chooses, or "unix:/path".
///
/// Connections wait until serve is called. It serves once.
#[pyclass(frozen, module = "poorwsgi.server")]
pub(crate) struct Server {
    address: String,
    ready: Mutex<Option<(Runtime, BoundServer<Native>)>>,
    stops: watch::Sender<u32>,
    /// Every running handler holds one more.
    handlers: Arc<()>,
}

#[pymethods]
impl Server {
    #[new]
    fn new(py: Python<'_>, application: Py<Application>, address: &str) -> PyResult<Self> {
        let handlers = Arc::new(());
        let service = Native { application: Arc::new(application), handlers: Arc::downgrade(&handlers) };
        py.detach(|| {
            let runtime = Runtime::new()?;
            let bound = runtime.block_on(poorwsgi_server::Server::new(service).bind(address))?;
            let address = bound.address().to_string();
            let ready = Mutex::new(Some((runtime, bound)));
            Ok(Server { address, ready, stops: watch::Sender::new(0), handlers })
        })
        .map_err(|error: std::io::Error| PyOSError::new_err(format!("{address}: {error}")))
    }

    /// Where it listens, such as "http://127.0.0.1:8080".
    #[getter]
    fn address(&self) -> &str {
        &self.address
    }

    /// Serves until stop is called. Other Python threads go on meanwhile; signal handlers do not run in this one, so
    /// the main thread had better call poorwsgi.server.run.
    fn serve(&self, py: Python<'_>) -> PyResult<()> {
        let ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (runtime, bound) = ready.ok_or_else(|| PyRuntimeError::new_err("a server serves only once"))?;
        py.detach(|| {
            let served = runtime.block_on(async {
                tokio::select! {
                    served = bound.serve_until(self.stopped(1)) => served,
                    () = self.stopped(2) => Ok(()),
                }
            });
            // A handler that outlived the stop must not hold up whoever waits for this call.
            runtime.shutdown_background();
            served.map_err(PyErr::from)
        })
    }

    /// Whether handlers still run that a second stop has cut off. The interpreter must not end before they do.
    #[getter]
    fn is_abandoned(&self) -> bool {
        Arc::strong_count(&self.handlers) > 1
    }

    /// Stops the server, from any thread: requests that run are finished first. A second call cuts them off.
    fn stop(&self) {
        self.stops.send_modify(|count| *count = count.saturating_add(1));
    }
}

impl Server {
    /// Ends when `stop` was called so many times.
    async fn stopped(&self, times: u32) {
        // The sender is ours, so the channel stays open.
        let _ = self.stops.subscribe().wait_for(|count| *count >= times).await;
    }
}

/// A Python application as a service. Each request runs on a thread that may block.
#[derive(Clone)]
struct Native {
    application: Arc<Py<Application>>,
    handlers: Weak<()>,
}

impl tower_service::Service<http::Request<RequestBody>> for Native {
    type Response = http::Response<Body>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<RequestBody>) -> Self::Future {
        let Native { application, handlers } = self.clone();
        Box::pin(async move {
            let answer = tokio::task::spawn_blocking(move || {
                let _running = handlers.upgrade();
                let (parts, body) = request.into_parts();
                Python::attach(|py| {
                    let application = application.bind(py);
                    let head = HttpHead::new(parts, application.get().variables().cloned());
                    Application::handle(application, Source::Native(Box::new(head)), Body::wrap(body))
                })
            });
            Ok(answer.await??.into_http())
        })
    }
}
