//! The body of a request as hyper reads it.

use std::error::Error as _;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use crate::exchange::{BodyError, BodyFault};

/// hyper's body, with the errors of an exchange in place of hyper's. Limits of the framing and deadlines are
/// enforced below hyper, by [`GuardedIo`](super::io::GuardedIo).
pub(super) struct H1Body {
    incoming: Incoming,
    /// The limit that an error names.
    max_body: u64,
}

impl H1Body {
    pub(super) const fn new(incoming: Incoming, max_body: u64) -> Self {
        H1Body { incoming, max_body }
    }
}

impl Body for H1Body {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let limit = self.max_body;
        let frame = Pin::new(&mut self.incoming).poll_frame(cx);
        frame.map(|frame| frame.map(|frame| frame.map_err(|error| BodyError::new(fault(&error, limit)))))
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

/// hyper's error tells the cause only through its source, an I/O error.
fn fault(error: &hyper::Error, limit: u64) -> BodyFault {
    let mut source = error.source();
    while let Some(error) = source {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return match error.kind() {
                io::ErrorKind::TimedOut => BodyFault::Timeout,
                io::ErrorKind::FileTooLarge => {
                    BodyFault::TooLarge { what: "bytes of the framing of chunks", limit }
                }
                io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => {
                    BodyFault::Malformed { why: "the chunked request body is malformed" }
                }
                _ => BodyFault::Incomplete,
            };
        }
        source = error.source();
    }
    BodyFault::Incomplete
}
