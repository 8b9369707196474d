//! What the built-in server serves: an application of ours natively, and any other WSGI callable.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use poorwsgi::BoxError;
use poorwsgi::request::HttpHead;
use poorwsgi::response::Body;
use poorwsgi_server::RequestBody;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use tokio::sync::oneshot;

use crate::application::Application;
use crate::callable::{Answer, Callable, send_blocks};
use crate::names::overrides;
use crate::request::Source;
use crate::running::Running;

/// What answers the requests.
pub(crate) enum Served {
    /// Called without an environ.
    Native(Py<Application>),
    /// Called with one.
    Callable(Callable),
}

impl Served {
    /// An application of ours is called natively unless its class has a `__call__` of its own, which only WSGI reaches.
    /// Middleware around an application is no application.
    pub(crate) fn of(application: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = application.py();
        if let Ok(ours) = application.cast::<Application>() {
            let class = py.get_type::<Application>();
            if !overrides(&ours.get_type(), &class, &["__call__", "__request__"])? {
                return Ok(Served::Native(ours.clone().unbind()));
            }
        }
        if !application.is_callable() {
            return Err(PyTypeError::new_err(format!(
                "{} is not callable: a server serves an Application or a WSGI callable",
                application.get_type().fully_qualified_name()?
            )));
        }
        Ok(Served::Callable(Callable::new(application.clone().unbind())))
    }

    pub(crate) const fn is_native(&self) -> bool {
        matches!(self, Served::Native(_))
    }
}

/// What is served, as a service. Each request runs on a thread that may block.
#[derive(Clone)]
pub(crate) struct Service {
    pub(crate) served: Arc<Served>,
    pub(crate) running: Running,
}

impl tower_service::Service<http::Request<RequestBody>> for Service {
    type Response = http::Response<Body>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Answer> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<RequestBody>) -> Self::Future {
        let Service { served, running } = self.clone();
        let run = running.begin();
        let (sender, receiver) = oneshot::channel();
        Box::pin(async move {
            tokio::task::spawn_blocking(move || {
                match &*served {
                    Served::Native(application) => native(application, request, sender),
                    Served::Callable(callable) => callable.answer(request, sender),
                }
                drop(run);
            });
            receiver.await?
        })
    }
}

/// Calls an application of ours, on this thread.
fn native(
    application: &Py<Application>,
    request: http::Request<RequestBody>,
    answer: oneshot::Sender<Answer>,
) {
    // It is __call__ that is profiled.
    let profiled = Python::attach(|py| application.get().profile(py).map(|_| application.clone_ref(py)));
    if let Some(application) = profiled {
        return Callable::new(application.into_any()).answer(request, answer);
    }
    let (parts, body) = request.into_parts();
    let response = Python::attach(|py| {
        let application = application.bind(py);
        let head = HttpHead::new(parts, application.get().variables().cloned());
        Application::handle(application, Source::Native(Box::new(head)), Body::wrap(body))
    });
    match response {
        Ok(response) => send_blocks(response.into_http(), answer),
        Err(error) => {
            // Nobody waits for it when the client is gone.
            let _ = answer.send(Err(error.into()));
        }
    }
}
