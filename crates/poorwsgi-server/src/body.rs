//! The body of a request, with its limits.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, header};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use poorwsgi::HttpError;
use poorwsgi::state;

use crate::context::Context as ConnectionContext;

/// The body of a request as it comes from the client.
///
/// Nothing is read before it is polled, and of what was read only a bounded part waits in memory. A body that does not
/// come whole ends with an error, never like one that does.
#[derive(Debug)]
pub struct RequestBody {
    /// `None` where there is nothing (more) to read, as in most requests.
    unread: Option<Box<Unread>>,
}

#[derive(Debug)]
struct Unread {
    incoming: Incoming,
    left: u64,
    connection: Arc<ConnectionContext>,
}

impl RequestBody {
    pub(crate) fn new(incoming: Incoming, connection: &Arc<ConnectionContext>) -> Self {
        if incoming.is_end_stream() {
            return RequestBody { unread: None };
        }
        let left = connection.config.max_body;
        RequestBody { unread: Some(Box::new(Unread { incoming, left, connection: Arc::clone(connection) })) }
    }

    fn fail(&mut self, error: BodyError) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if let Some(unread) = self.unread.take() {
            unread.connection.spoil();
        }
        Poll::Ready(Some(Err(error)))
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let Some(unread) = &mut self.unread else { return Poll::Ready(None) };
        let mut frame = match ready!(Pin::new(&mut unread.incoming).poll_frame(cx)) {
            None => return Poll::Ready(None),
            Some(Ok(frame)) => frame,
            Some(Err(error)) => return self.fail(BodyError::from_hyper(&error)),
        };
        if let Some(trailers) = frame.trailers_mut() {
            drop_forbidden(trailers);
        } else if let Some(data) = frame.data_ref() {
            let Some(left) = unread.left.checked_sub(data.len() as u64) else {
                let limit = unread.connection.config.max_body;
                return self.fail(BodyError::new(Kind::TooLarge { limit }));
            };
            unread.left = left;
        }
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.unread.as_ref().is_none_or(|unread| unread.incoming.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.unread.as_ref().map_or_else(|| SizeHint::with_exact(0), |unread| unread.incoming.size_hint())
    }
}

/// Removes the fields that must not come after the content (RFC 9110, section 6.5.1): framing, routing,
/// authentication, and what says how the content is to be read.
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
    crate::head::drop_unwanted(trailers, false);
}

/// Why a request body could not be read to its end.
///
/// Its source is a [`poorwsgi::HttpError`] with the status that answers it: 400, 408 or 413.
#[derive(Debug)]
pub struct BodyError {
    kind: Kind,
    answer: HttpError,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Timeout,
    TooLarge { limit: u64 },
    Incomplete,
    Malformed,
}

impl BodyError {
    fn new(kind: Kind) -> Self {
        let answer = match kind {
            Kind::Timeout => HttpError::new(state::HTTP_REQUEST_TIME_OUT)
                .with_detail("the body did not arrive in time (settings body_timeout, min_body_rate)"),
            Kind::TooLarge { limit } => HttpError::too_large("bytes of the body", limit, "max_body"),
            Kind::Incomplete => HttpError::bad_request("the body ends too early"),
            Kind::Malformed => HttpError::bad_request("the body is not chunked as it should be"),
        };
        BodyError { kind, answer }
    }

    /// hyper tells what happened only through the I/O error behind its own.
    fn from_hyper(error: &hyper::Error) -> Self {
        let mut source = error.source();
        while let Some(error) = source {
            if let Some(error) = error.downcast_ref::<io::Error>() {
                return BodyError::new(match error.kind() {
                    io::ErrorKind::TimedOut => Kind::Timeout,
                    io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => Kind::Malformed,
                    _ => Kind::Incomplete,
                });
            }
            source = error.source();
        }
        BodyError::new(Kind::Incomplete)
    }

    /// It did not come fast enough.
    #[must_use]
    pub const fn is_timeout(&self) -> bool {
        matches!(self.kind, Kind::Timeout)
    }

    /// It was larger than the server allows.
    #[must_use]
    pub const fn is_too_large(&self) -> bool {
        matches!(self.kind, Kind::TooLarge { .. })
    }

    /// The client closed the connection, or the server was stopped, before its end.
    #[must_use]
    pub const fn is_incomplete(&self) -> bool {
        matches!(self.kind, Kind::Incomplete)
    }

    /// The status that answers it.
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
