//! Any WSGI callable (PEP 3333) on our own server.
//!
//! A request runs on one thread that may block, from the call to the `close` of what it returned.

mod blocks;
mod body;
pub(crate) mod environ;
mod exchange;
mod file_wrapper;
mod input;
mod pipe;
mod start_response;

use std::fmt;
use std::sync::Arc;

use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, StatusCode};
use poorwsgi::BoxError;
use poorwsgi::request::HttpHead;
use poorwsgi::response::Body;
use poorwsgi::variables::Variables;
use pyo3::exceptions::{PyBrokenPipeError, PyOSError};
use pyo3::prelude::*;
use tokio::sync::oneshot;

use crate::error::traceback;
pub(crate) use blocks::send_blocks;
pub(crate) use exchange::Answer;
use exchange::Exchange;
pub(crate) use file_wrapper::FileWrapper;
pub(crate) use input::Input;
use start_response::StartResponse;

/// A WSGI callable that is served.
pub(crate) struct Callable {
    callable: Py<PyAny>,
    variables: Option<Arc<Variables>>,
}

impl Callable {
    pub(crate) fn new(callable: Py<PyAny>) -> Self {
        Callable { callable, variables: Variables::of_process().map(Arc::new) }
    }

    /// Answers one request, on this thread; the answer is sent when its head is known, while the content may go on.
    pub(crate) fn answer<B>(&self, request: http::Request<B>, answer: oneshot::Sender<Answer>)
    where
        B: http_body::Body<Data = bytes::Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let (parts, body) = request.into_parts();
        let exchange = Arc::new(Exchange::new(parts.method == Method::HEAD, answer));
        let head = HttpHead::new(parts, self.variables.clone());
        Python::attach(|py| {
            let input = match Bound::new(py, Input::new(Body::wrap(body))) {
                Ok(input) => input,
                Err(error) => return exchange.fail(Raised::boxed(py, error)),
            };
            let result = self.call(&head, &input, &exchange);
            if let Err(error) = result.and_then(|result| body::send(&result, &exchange)) {
                fail(py, error, &input, &exchange);
            }
        });
    }

    fn call<'py>(
        &self,
        head: &HttpHead,
        input: &Bound<'py, Input>,
        exchange: &Arc<Exchange>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = input.py();
        let environ = environ::of_http(py, head)?;
        environ::set_input(&environ, input)?;
        self.callable.bind(py).call1((environ, StartResponse(Arc::clone(exchange))))
    }
}

fn fail(py: Python<'_>, error: PyErr, input: &Bound<'_, Input>, exchange: &Exchange) {
    // A client that goes away is nothing that the log has to know.
    if error.is_instance_of::<PyBrokenPipeError>(py) && exchange.is_begun() && !exchange.wants_more() {
        return;
    }
    // A body that could not be read is the client's fault, unless the application sees to it itself.
    match input.get().failure() {
        Some((status, detail)) if !exchange.is_begun() && error.is_instance_of::<PyOSError>(py) => {
            exchange.answer_instead(page(status, detail));
        }
        _ => exchange.fail(Raised::boxed(py, error)),
    }
}

/// A short page for whoever sent a body that could not be read.
fn page(status: u16, detail: String) -> http::Response<Body> {
    let mut response = http::Response::new(Body::from(format!("{detail}\n")));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
    let text = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, text);
    response
}

/// An exception that nobody handled, as the log shows it: with its traceback.
#[derive(Debug)]
struct Raised(String);

impl Raised {
    fn boxed(py: Python<'_>, error: PyErr) -> BoxError {
        let text = traceback(py, &error).unwrap_or_else(|_| error.to_string());
        Box::new(Raised(text.trim_end().to_owned()))
    }
}

impl fmt::Display for Raised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Raised {}

/// One line about a failure that nobody else reports.
fn log_failure(error: &BoxError) {
    tracing::error!(target: "poorwsgi::server", %error, "the application failed after its response was sent");
}
