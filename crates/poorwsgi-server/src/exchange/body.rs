//! The body of a request, with its limits.

use std::error::Error as StdError;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use poorwsgi_core::HttpError;
use poorwsgi_core::headers::trailers::remove_forbidden;
use poorwsgi_core::request::EarlyEnd;
use poorwsgi_core::request::check::hide;
use poorwsgi_core::state;

use super::Carrier;

/// What the setting `max_body` limits.
pub(super) const BYTES: &str = "bytes of the body";

/// The body of a request as it comes from the client.
///
/// Nothing is read before the body is polled, and only a bounded part of what was read waits in memory. An
/// incomplete body ends with an error, never like a complete one. It can be read until its response has been
/// sent: kept longer, it would delay the next request of its connection.
#[derive(Debug)]
pub struct RequestBody {
    /// `None` if there was never anything to read, as in most requests.
    shared: Option<Arc<SharedBody>>,
}

/// Takes the body back when the response is dropped.
#[derive(Debug)]
pub(crate) struct Lease(Arc<SharedBody>);

struct SharedBody {
    state: Mutex<Reading>,
    carrier: Arc<dyn Carrier>,
}

impl fmt::Debug for SharedBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedBody").finish_non_exhaustive()
    }
}

/// A body as its session reads it from the client. The session ends it with an error if it breaks a rule or a
/// deadline of the protocol.
type SessionBody = Pin<Box<dyn Body<Data = Bytes, Error = BodyError> + Send>>;

enum Reading {
    /// `left` is what the limit still allows; `reader` is a task that waits for more, and is woken when no
    /// more will come.
    Open {
        incoming: SessionBody,
        left: u64,
        reader: Option<Waker>,
    },
    /// The body was read to its end, or to the error that ended it.
    Ended,
    TakenBack,
}

impl SharedBody {
    fn state(&self) -> MutexGuard<'_, Reading> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fail(&self, state: &mut Reading, error: BodyError) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        *state = Reading::Ended;
        self.carrier.abandon_request(None);
        Poll::Ready(Some(Err(error)))
    }
}

impl Lease {
    /// Tells the carrier that the rest of the body will not be read.
    pub(crate) fn abandon(&self) {
        let length = match &*self.0.state() {
            Reading::Open { incoming, .. } if !incoming.is_end_stream() => incoming.size_hint().exact(),
            _ => return,
        };
        self.0.carrier.abandon_request(length);
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut state = self.0.state();
        if let Reading::Open { .. } = *state {
            let taken = std::mem::replace(&mut *state, Reading::TakenBack);
            drop(state);
            if let Reading::Open { reader: Some(reader), .. } = taken {
                reader.wake();
            }
        }
    }
}

impl RequestBody {
    /// The body, and if there is one, the guard that takes it back.
    pub(crate) fn new(
        incoming: impl Body<Data = Bytes, Error = BodyError> + Send + 'static,
        carrier: &Arc<dyn Carrier>,
    ) -> (Self, Option<Lease>) {
        if incoming.is_end_stream() {
            return (RequestBody { shared: None }, None);
        }
        let left = carrier.context().config.max_body;
        let state = Mutex::new(Reading::Open { incoming: Box::pin(incoming), left, reader: None });
        let shared = Arc::new(SharedBody { state, carrier: Arc::clone(carrier) });
        (RequestBody { shared: Some(Arc::clone(&shared)) }, Some(Lease(shared)))
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let Some(shared) = &self.shared else { return Poll::Ready(None) };
        let mut state = shared.state();
        let (incoming, left, reader) = match &mut *state {
            Reading::Open { incoming, left, reader } => (incoming, left, reader),
            Reading::Ended => return Poll::Ready(None),
            Reading::TakenBack => return Poll::Ready(Some(Err(BodyError::new(BodyFault::TakenBack)))),
        };
        let mut frame = match incoming.as_mut().poll_frame(cx) {
            Poll::Pending => {
                reader.replace(cx.waker().clone());
                return Poll::Pending;
            }
            Poll::Ready(None) => {
                *state = Reading::Ended;
                return Poll::Ready(None);
            }
            Poll::Ready(Some(Ok(frame))) => frame,
            Poll::Ready(Some(Err(error))) => return shared.fail(&mut state, error),
        };
        if let Some(trailers) = frame.trailers_mut() {
            drop_forbidden(trailers);
        } else if let Some(data) = frame.data_ref() {
            let Some(rest) = left.checked_sub(data.len() as u64) else {
                let limit = shared.carrier.context().config.max_body;
                return shared.fail(&mut state, BodyError::new(BodyFault::TooLarge { what: BYTES, limit }));
            };
            *left = rest;
            if let Some(metrics) = &shared.carrier.context().config.metrics {
                metrics.received(data.len());
            }
        }
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.shared.as_ref().is_none_or(|shared| match &*shared.state() {
            Reading::Open { incoming, .. } => incoming.is_end_stream(),
            Reading::Ended => true,
            Reading::TakenBack => false,
        })
    }

    fn size_hint(&self) -> SizeHint {
        let Some(shared) = &self.shared else { return SizeHint::with_exact(0) };
        match &*shared.state() {
            Reading::Open { incoming, .. } => incoming.size_hint(),
            Reading::Ended => SizeHint::with_exact(0),
            Reading::TakenBack => SizeHint::new(),
        }
    }
}

/// Removes the trailers that the application must not see.
fn drop_forbidden(trailers: &mut HeaderMap) {
    remove_forbidden(trailers);
    hide(trailers, None);
}

/// Why a request body could not be read to its end.
///
/// The source of the error is a [`poorwsgi_core::HttpError`] with the status of the response: 400, 408 or
/// 413.
#[derive(Debug)]
pub struct BodyError {
    fault: BodyFault,
    answer: HttpError,
}

/// What is wrong with a request body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyFault {
    Timeout,
    /// More than the setting `max_body` allows: of what, its session says.
    TooLarge {
        what: &'static str,
        limit: u64,
    },
    Incomplete,
    /// The framing of the body breaks a rule of the protocol, which the session names.
    Malformed {
        why: &'static str,
    },
    TakenBack,
}

impl BodyError {
    pub(crate) fn new(fault: BodyFault) -> Self {
        let answer = match fault {
            BodyFault::Timeout => HttpError::new(state::HTTP_REQUEST_TIME_OUT)
                .with_detail("the body did not arrive in time (settings body_timeout, min_body_rate)"),
            BodyFault::TooLarge { what, limit } => HttpError::too_large(what, limit, "max_body"),
            BodyFault::Incomplete => EarlyEnd::default().into(),
            BodyFault::Malformed { why } => HttpError::bad_request(why),
            BodyFault::TakenBack => {
                HttpError::bad_request("the body cannot be read after the response was sent")
            }
        };
        BodyError { fault, answer }
    }

    /// Whether the body did not arrive fast enough.
    #[must_use]
    pub const fn is_timeout(&self) -> bool {
        matches!(self.fault, BodyFault::Timeout)
    }

    /// Whether the body, or its framing, was larger than the server allows.
    #[must_use]
    pub const fn is_too_large(&self) -> bool {
        matches!(self.fault, BodyFault::TooLarge { .. })
    }

    /// The client closed the connection, or the server was stopped, before its end.
    #[must_use]
    pub const fn is_incomplete(&self) -> bool {
        matches!(self.fault, BodyFault::Incomplete)
    }

    /// The status of the response.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.answer.status()
    }
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("request body: ")?;
        f.write_str(self.answer.detail().unwrap_or_default())
    }
}

impl StdError for BodyError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&self.answer)
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::*;

    #[test]
    fn an_error_names_its_status_and_setting() {
        let error = BodyError::new(BodyFault::TooLarge { what: BYTES, limit: 16 });
        assert!(error.is_too_large() && !error.is_timeout() && !error.is_incomplete());
        assert_eq!(
            error.to_string(),
            "request body: bytes of the body over the limit of 16 (setting max_body)"
        );
        let source = error.source().and_then(|source| source.downcast_ref::<HttpError>());
        assert_eq!(source.map(HttpError::status), Some(413));
        assert_eq!(BodyError::new(BodyFault::Timeout).status(), 408);
        assert_eq!(BodyError::new(BodyFault::Malformed { why: "so" }).status(), 400);
    }

    #[test]
    fn trailers_cannot_change_the_message() {
        let mut trailers = HeaderMap::new();
        for name in
            ["host", "content-length", "transfer-encoding", "x_checksum", "x-forwarded-for", "x-checksum"]
        {
            trailers.insert(HeaderName::from_static(name), http::HeaderValue::from_static("1"));
        }
        drop_forbidden(&mut trailers);
        assert_eq!(trailers.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["x-checksum"]);
    }
}
