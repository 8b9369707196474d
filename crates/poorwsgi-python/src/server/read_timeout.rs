//! The read timeout of a request body.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use poorwsgi_core::BoxError;
use poorwsgi_core::response::Body;
use poorwsgi_core::state::HTTP_REQUEST_TIME_OUT;
use pyo3::prelude::*;
use tokio::runtime::Handle;
use tokio::time::{Sleep, sleep};

use crate::exceptions::body_exception;

/// The body of a request on the built-in server, with the read timeout of the application.
pub(super) struct Timed {
    body: Body,
    timeout: Duration,
    sleep: Option<Pin<Box<Sleep>>>,
    /// The reader may be a thread of the application.
    runtime: Handle,
}

impl Timed {
    /// The body itself if it has arrived already, or if the application sets no timeout.
    pub(super) fn wrap(body: Body, timeout: Duration) -> Body {
        if body.as_bytes().is_some() || timeout == Duration::MAX {
            return body;
        }
        match Handle::try_current() {
            Ok(runtime) => Body::wrap(Timed { body, timeout, sleep: None, runtime }),
            Err(_) => body,
        }
    }
}

impl HttpBody for Timed {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        if let ready @ Poll::Ready(_) = Pin::new(&mut this.body).poll_frame(context) {
            this.sleep = None;
            return ready;
        }
        let sleep = this.sleep.get_or_insert_with(|| {
            let _entered = this.runtime.enter();
            Box::pin(sleep(this.timeout))
        });
        match sleep.as_mut().poll(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(()) => {
                let text = format!(
                    "no bytes of the request body came for {} s (setting read_timeout)",
                    this.timeout.as_secs_f64()
                );
                let error = Python::attach(|py| body_exception(py, HTTP_REQUEST_TIME_OUT, text));
                Poll::Ready(Some(Err(error.into())))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
