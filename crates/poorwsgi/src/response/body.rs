//! The body of a response.

use std::borrow::Cow;
use std::fmt;
use std::io::Read;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use tokio::io::AsyncRead;

use super::blocks::{Blocking, Blocks, ReaderBlocks};
use super::file::FileRange;
use super::stream::{ReaderBody, StreamBody, WindowBody};
use super::window::Window;
use crate::error::BoxError;

/// The body of a response: bytes at hand, part of a file, or anything that gives bytes bit by bit.
///
/// Text and bytes cost no allocation of their own. An error while a body is sent cuts the connection, so that the
/// client never takes a part for the whole.
///
/// ```
/// use http_body::Body as _;
/// use poorwsgi::response::Body;
///
/// assert_eq!(Body::from("Hello world").size_hint().exact(), Some(11));
/// assert!(Body::empty().is_end_stream());
/// ```
pub struct Body {
    kind: BodyKind,
}

/// The kinds of body, for a door that sends them in its own way.
#[derive(Debug)]
#[non_exhaustive]
pub enum BodyKind {
    /// Bytes at hand; an empty body is one of no bytes.
    Bytes(Bytes),
    /// Part of a file.
    File(FileRange),
    /// Blocks that are read by calls which may block.
    Blocks(Blocking),
    /// Anything else, polled by an event loop.
    Stream(UnsyncBoxBody<Bytes, BoxError>),
}

impl Body {
    /// No body.
    #[must_use]
    pub const fn empty() -> Self {
        Body { kind: BodyKind::Bytes(Bytes::new()) }
    }

    /// The items of a stream of bytes or texts. [`iter`](super::iter) makes such a stream of an iterator.
    pub fn stream<S, T, E>(stream: S) -> Self
    where
        S: Stream<Item = Result<T, E>> + Send + 'static,
        T: Into<Bytes>,
        E: Into<BoxError>,
    {
        Body::wrap(StreamBody { stream })
    }

    /// Everything up to the end of an asynchronous reader.
    pub fn reader(reader: impl AsyncRead + Send + 'static) -> Self {
        Body::wrap(ReaderBody::new(reader))
    }

    /// Everything from the current position of a reader to its end. It is read on threads for blocking work.
    pub fn blocking_reader(reader: impl Read + Send + 'static) -> Self {
        Body::blocks(ReaderBlocks(reader))
    }

    /// Blocks that are produced by calls which may block. They are called on threads for blocking work.
    pub fn blocks(blocks: impl Blocks + 'static) -> Self {
        Body { kind: BodyKind::Blocks(Blocking::new(Box::new(blocks))) }
    }

    /// Another body, of the response of some tower service for example.
    pub fn wrap<B>(body: B) -> Self
    where
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        Body { kind: BodyKind::Stream(body.map_err(Into::into).boxed_unsync()) }
    }

    /// The bytes, where they are at hand.
    #[must_use]
    pub const fn as_bytes(&self) -> Option<&Bytes> {
        match &self.kind {
            BodyKind::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// Which kind of body it is.
    #[must_use]
    pub const fn kind(&self) -> &BodyKind {
        &self.kind
    }

    /// The body itself, for a door that sends it in its own way.
    #[must_use]
    pub fn into_kind(self) -> BodyKind {
        self.kind
    }

    /// The length in bytes, where it is known before the body is read.
    #[must_use]
    pub fn length(&self) -> Option<u64> {
        self.size_hint().exact()
    }

    /// A body of unknown length that is going to have exactly this one: should it turn out longer or shorter, sending it
    /// ends with an error. A body whose length is known stays as it is.
    #[must_use]
    pub fn with_length(self, length: u64) -> Self {
        if self.length().is_some() { self } else { self.through(Window::exactly(length)) }
    }

    /// The bytes from `start` on, `length` of them. The body has to have so many.
    pub(super) fn part(self, start: u64, length: u64) -> Self {
        self.through(Window::part(start, length))
    }

    fn through(self, mut window: Window) -> Self {
        let kind = match self.kind {
            // A window past the end of known bytes is never asked for; `cut` would answer with the bytes there are.
            BodyKind::Bytes(bytes) => BodyKind::Bytes(window.cut(bytes).unwrap_or_default()),
            BodyKind::File(file) => BodyKind::File(file.through(&window)),
            BodyKind::Blocks(blocks) => BodyKind::Blocks(blocks.through(window)),
            BodyKind::Stream(whole) => BodyKind::Stream(WindowBody { whole, window }.boxed_unsync()),
        };
        Body { kind }
    }

    pub(super) const fn file(range: FileRange) -> Self {
        Body { kind: BodyKind::File(range) }
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let BodyKind::File(range) = &self.kind {
            self.kind = BodyKind::Blocks(Blocking::new(Box::new(range.clone())));
        }
        match &mut self.kind {
            BodyKind::Bytes(bytes) if bytes.is_empty() => Poll::Ready(None),
            BodyKind::Bytes(bytes) => Poll::Ready(Some(Ok(Frame::data(mem::take(bytes))))),
            BodyKind::Blocks(blocks) => {
                blocks.poll_block(cx).map(|block| block.map(|block| block.map(Frame::data)))
            }
            BodyKind::Stream(stream) => Pin::new(stream).poll_frame(cx),
            BodyKind::File(_) => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            BodyKind::Bytes(bytes) => bytes.is_empty(),
            BodyKind::File(range) => range.is_empty(),
            BodyKind::Blocks(blocks) => blocks.is_done(),
            BodyKind::Stream(stream) => stream.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            BodyKind::Bytes(bytes) => SizeHint::with_exact(bytes.len() as u64),
            BodyKind::File(range) => SizeHint::with_exact(range.len()),
            BodyKind::Blocks(blocks) => blocks.remaining().map_or_else(SizeHint::new, SizeHint::with_exact),
            BodyKind::Stream(stream) => stream.size_hint(),
        }
    }
}

impl Default for Body {
    fn default() -> Self {
        Body::empty()
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)
    }
}

macro_rules! from_bytes {
    ($($data:ty),*) => {$(
        impl From<$data> for Body {
            fn from(data: $data) -> Self {
                Body { kind: BodyKind::Bytes(data.into()) }
            }
        }
    )*};
}

from_bytes!(Bytes, String, Vec<u8>, &'static str, &'static [u8]);

impl From<Cow<'static, str>> for Body {
    fn from(data: Cow<'static, str>) -> Self {
        match data {
            Cow::Borrowed(text) => text.into(),
            Cow::Owned(text) => text.into(),
        }
    }
}

impl From<FileRange> for Body {
    fn from(range: FileRange) -> Self {
        Body::file(range)
    }
}
