//! The body of a request, with its limits.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, header};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use poorwsgi_core::HttpError;
use poorwsgi_core::state;

use super::Carrier;

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

#[derive(Debug)]
struct SharedBody {
    state: Mutex<Reading>,
    carrier: Arc<dyn Carrier>,
}

#[derive(Debug)]
enum Reading {
    /// `left` is what the limit still allows; `reader` is a task that waits for more, and is woken when no
    /// more will come.
    Open {
        incoming: Incoming,
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
        self.carrier.abandon_request();
        Poll::Ready(Some(Err(error)))
    }
}

/// hyper reads and discards up to this many bytes of an unread body, so that its connection can be used
/// again.
const FORGOTTEN: u64 = 64 << 10;

impl Lease {
    /// Whether more of the body is left than hyper reads and discards.
    pub(crate) fn is_left(&self) -> bool {
        match &*self.0.state() {
            Reading::Open { incoming, .. } if !incoming.is_end_stream() => {
                incoming.size_hint().exact().is_none_or(|length| length > FORGOTTEN)
            }
            _ => false,
        }
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
    pub(crate) fn new(incoming: Incoming, carrier: &Arc<dyn Carrier>) -> (Self, Option<Lease>) {
        if incoming.is_end_stream() {
            return (RequestBody { shared: None }, None);
        }
        let left = carrier.context().config.max_body;
        let state = Mutex::new(Reading::Open { incoming, left, reader: None });
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
            Reading::TakenBack => return Poll::Ready(Some(Err(BodyError::new(Kind::TakenBack)))),
        };
        let mut frame = match Pin::new(incoming).poll_frame(cx) {
            Poll::Pending => {
                reader.replace(cx.waker().clone());
                return Poll::Pending;
            }
            Poll::Ready(None) => {
                *state = Reading::Ended;
                return Poll::Ready(None);
            }
            Poll::Ready(Some(Ok(frame))) => frame,
            Poll::Ready(Some(Err(error))) => {
                let limit = shared.carrier.context().config.max_body;
                return shared.fail(&mut state, BodyError::from_hyper(&error, limit));
            }
        };
        if let Some(trailers) = frame.trailers_mut() {
            drop_forbidden(trailers);
        } else if let Some(data) = frame.data_ref() {
            let Some(rest) = left.checked_sub(data.len() as u64) else {
                let limit = shared.carrier.context().config.max_body;
                return shared.fail(&mut state, BodyError::new(Kind::TooLarge { limit }));
            };
            *left = rest;
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

/// Removes the fields that must not follow the content (RFC 9110, section 6.5.1): framing, routing,
/// authentication, and fields that say how to read the content.
fn drop_forbidden(trailers: &mut HeaderMap) {
    const FORBIDDEN: [HeaderName; 17] = [
        header::AUTHORIZATION,
        header::CACHE_CONTROL,
        header::CONNECTION,
        header::CONTENT_ENCODING,
        header::CONTENT_LENGTH,
        header::CONTENT_RANGE,
        header::CONTENT_TYPE,
        header::COOKIE,
        header::EXPECT,
        header::FORWARDED,
        header::HOST,
        header::MAX_FORWARDS,
        header::PROXY_AUTHORIZATION,
        header::RANGE,
        header::TE,
        header::TRAILER,
        header::TRANSFER_ENCODING,
    ];
    for name in FORBIDDEN {
        trailers.remove(name);
    }
    super::head::drop_unwanted(trailers, false);
}

/// Why a request body could not be read to its end.
///
/// Its source is a [`poorwsgi_core::HttpError`] with the status of the response: 400, 408 or 413.
#[derive(Debug)]
pub struct BodyError {
    kind: Kind,
    answer: HttpError,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Timeout,
    TooLarge { limit: u64 },
    TooMuchFraming { limit: u64 },
    Incomplete,
    Malformed,
    TakenBack,
}

impl BodyError {
    fn new(kind: Kind) -> Self {
        let answer = match kind {
            Kind::Timeout => HttpError::new(state::HTTP_REQUEST_TIME_OUT)
                .with_detail("the body did not arrive in time (settings body_timeout, min_body_rate)"),
            Kind::TooLarge { limit } => HttpError::too_large("bytes of the body", limit, "max_body"),
            Kind::TooMuchFraming { limit } => {
                HttpError::too_large("bytes of the framing of chunks", limit, "max_body")
            }
            Kind::Incomplete => HttpError::bad_request("the body ends too early"),
            Kind::Malformed => HttpError::bad_request("the body is not chunked as it should be"),
            Kind::TakenBack => HttpError::bad_request("the body cannot be read after the response was sent"),
        };
        BodyError { kind, answer }
    }

    /// hyper's error tells the cause only through its source, an I/O error.
    fn from_hyper(error: &hyper::Error, limit: u64) -> Self {
        let mut source = error.source();
        while let Some(error) = source {
            if let Some(error) = error.downcast_ref::<io::Error>() {
                return BodyError::new(match error.kind() {
                    io::ErrorKind::TimedOut => Kind::Timeout,
                    io::ErrorKind::FileTooLarge => Kind::TooMuchFraming { limit },
                    io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => Kind::Malformed,
                    _ => Kind::Incomplete,
                });
            }
            source = error.source();
        }
        BodyError::new(Kind::Incomplete)
    }

    /// It did not arrive fast enough.
    #[must_use]
    pub const fn is_timeout(&self) -> bool {
        matches!(self.kind, Kind::Timeout)
    }

    /// It was larger than the server allows, or the framing of its small chunks was.
    #[must_use]
    pub const fn is_too_large(&self) -> bool {
        matches!(self.kind, Kind::TooLarge { .. } | Kind::TooMuchFraming { .. })
    }

    /// The client closed the connection, or the server was stopped, before its end.
    #[must_use]
    pub const fn is_incomplete(&self) -> bool {
        matches!(self.kind, Kind::Incomplete)
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
    use super::*;

    #[test]
    fn an_error_names_its_status_and_setting() {
        let error = BodyError::new(Kind::TooLarge { limit: 16 });
        assert!(error.is_too_large() && !error.is_timeout() && !error.is_incomplete());
        assert_eq!(
            error.to_string(),
            "request body: bytes of the body over the limit of 16 (setting max_body)"
        );
        let source = error.source().and_then(|source| source.downcast_ref::<HttpError>());
        assert_eq!(source.map(HttpError::status), Some(413));
        assert_eq!(BodyError::new(Kind::Timeout).status(), 408);
        assert_eq!(BodyError::new(Kind::Malformed).status(), 400);
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
