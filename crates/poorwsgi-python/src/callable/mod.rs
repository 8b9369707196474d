//! Any WSGI callable (PEP 3333) on our own server.
//!
//! A request runs on one thread, from the call to the `close` of what it returned. Only where that is the
//! thread of the connections, content that is not at hand goes to one that may block.

mod asked;
mod blocks;
mod body;
pub(crate) mod environ;
mod exchange;
mod file_wrapper;
mod input;
mod path_times;
mod pipe;
mod start_response;

use std::fmt;
use std::sync::Arc;

use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use poorwsgi_core::BoxError;
use poorwsgi_core::request::HttpHead;
use poorwsgi_core::response::Body;
use poorwsgi_core::variables::Variables;
use pyo3::exceptions::{PyBrokenPipeError, PyOSError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use tokio::sync::oneshot;

use crate::error::report;
use crate::forked::end_child;
pub(crate) use asked::Asked;
pub(crate) use blocks::send_blocks;
pub(crate) use exchange::Answer;
use exchange::Exchange;
pub(crate) use file_wrapper::FileWrapper;
pub(crate) use input::{Input, read_what_comes};
pub(crate) use path_times::PathTimes;
pub(crate) use pipe::Patience;
use start_response::StartResponse;

use poorwsgi_calls::inlining::{Place, RouteTimes, Rule};

/// Where a call is made, what is known of its route, and what is done for a client that reads slowly.
#[derive(Clone, Copy)]
pub(crate) struct CallContext<'a> {
    pub(crate) route_times: &'a RouteTimes,
    pub(crate) rule: &'a Rule,
    pub(crate) place: Place,
    pub(crate) patience: &'a Patience,
}

/// A WSGI callable that is served.
pub(crate) struct Callable {
    callable: Py<PyAny>,
    variables: Option<Arc<Variables>>,
}

impl Callable {
    pub(crate) fn new(callable: Py<PyAny>) -> Self {
        Callable { callable, variables: Variables::of_process().map(Arc::new) }
    }

    pub(crate) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.callable)
    }

    pub(crate) fn variables(&self) -> Option<Arc<Variables>> {
        self.variables.clone()
    }

    /// Answers one request, on this thread; the answer is sent when its head is known. What is left of the
    /// content then is handed back: it is for a thread that may wait.
    pub(crate) fn answer(
        &self,
        head: &HttpHead,
        body: Body,
        answer: oneshot::Sender<Answer>,
        context: CallContext<'_>,
    ) -> Option<Rest> {
        let CallContext { route_times, rule, place, patience } = context;
        let exchange = Exchange::new(Asked::of(head.parts()), place, answer, patience);
        Python::attach(|py| {
            let made = Bound::new(py, Input::new(body))
                .and_then(|input| Ok((input, Bound::new(py, StartResponse(exchange))?)));
            let (input, start_response) = match made {
                Ok(made) => made,
                // The other end learns that there will be no answer.
                Err(error) => {
                    error.write_unraisable(py, None);
                    return None;
                }
            };
            let exchange = &start_response.get().0;
            let call = |_| {
                self.call(head, &input, &start_response).and_then(|result| body::begin(&result, exchange))
            };
            let begun = route_times.time(rule, place, call);
            end_child(py, begun.as_ref().err());
            if exchange.is_overfull() {
                route_times.leave();
            }
            match begun {
                Ok(None) => None,
                Ok(Some(content)) => {
                    route_times.leave();
                    Some(Rest { content, start_response: start_response.unbind(), input: input.unbind() })
                }
                Err(error) => {
                    fail(py, error, &input, exchange);
                    None
                }
            }
        })
    }

    fn call<'py>(
        &self,
        head: &HttpHead,
        input: &Bound<'py, Input>,
        start_response: &Bound<'py, StartResponse>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = input.py();
        let environ = environ::of_http(py, head)?;
        environ::set_forwarded_scheme(&environ, head)?;
        environ::set_input(&environ, input)?;
        self.callable.bind(py).call1((environ, start_response))
    }
}

/// Content that is made while it is sent.
pub(crate) struct Rest {
    content: body::Content,
    start_response: Py<StartResponse>,
    input: Py<Input>,
}

impl Rest {
    /// Sends it, on this thread, which waits while the client is slower.
    pub(crate) fn send(self) {
        Python::attach(|py| {
            // Taken apart here, so that what is Python's is let go here.
            let Rest { content, start_response, input } = self;
            let exchange = &start_response.get().0;
            exchange.may_wait();
            let sent = content.send(py, exchange);
            end_child(py, sent.as_ref().err());
            if let Err(error) = sent {
                fail(py, error, input.bind(py), exchange);
            }
        });
    }
}

fn fail(py: Python<'_>, error: PyErr, input: &Bound<'_, Input>, exchange: &Exchange) {
    // A client that goes away is nothing that the log has to know.
    if error.is_instance_of::<PyBrokenPipeError>(py) && exchange.is_gone() {
        return;
    }
    // A body that could not be read is the client's fault, unless the application sees to it itself.
    match input.get().failure() {
        Some((status, detail)) if !exchange.is_begun() && error.is_instance_of::<PyOSError>(py) => {
            log_refusal(exchange.asked(), status, &detail);
            exchange.answer_instead(page(status, detail));
        }
        _ => exchange.fail(Raised::boxed(py, error)),
    }
}

/// A short page of the server.
pub(crate) fn page(status: u16, detail: String) -> http::Response<Body> {
    let mut response = http::Response::new(Body::from(format!("{detail}\n")));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
    let text = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, text);
    response
}

/// An exception that nobody handled, as the log shows it: with its traceback. The exception itself is its
/// source.
#[derive(Debug)]
pub(crate) struct Raised {
    text: String,
    exception: PyErr,
}

impl Raised {
    pub(crate) fn boxed(py: Python<'_>, error: PyErr) -> BoxError {
        Box::new(Raised { text: report(py, &error).to_string(), exception: error })
    }
}

impl fmt::Display for Raised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Raised {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.exception)
    }
}

/// One record of a failure that nobody else reports.
fn log_failure(asked: Option<&Asked>, error: &BoxError) {
    tracing::error!(
        target: "poorwsgi::server",
        method = asked.map(|asked| display(asked.method())),
        path = asked.map(|asked| asked.path()).as_deref(),
        cause = error.source(),
        %error,
        "the application failed after its response was sent",
    );
}

/// One record of a request whose body could not be read, which is answered with this.
pub(crate) fn log_refusal(asked: &Asked, status: u16, detail: &str) {
    tracing::info!(
        target: "poorwsgi::server",
        method = %asked.method(),
        path = &*asked.path(),
        "refused: {status}: {detail}",
    );
}
