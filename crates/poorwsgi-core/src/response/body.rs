//! The body of a response.

use std::borrow::Cow;
use std::fmt;
use std::io::Read;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

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

/// The body of a response: bytes in memory, part of a file, or a source that gives bytes piece by piece.
///
/// Text and bytes are taken over without a copy. An error while a body is sent closes the connection, so that
/// the client never takes a part for the whole.
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
    /// Bytes in memory; an empty body has none.
    Bytes(Bytes),
    /// Part of a file.
    File(FileRange),
    /// Blocks that are read by calls which may block.
    Blocks(Blocking),
    /// Anything else, polled by an event loop.
    Stream(UnsyncBoxBody<Bytes, BoxError>),
}

impl BodyKind {
    /// The kind of a body.
    #[must_use]
    pub const fn of(body: &Body) -> &Self {
        &body.kind
    }

    /// Takes a body apart, for a door that sends it in its own way.
    #[must_use]
    pub fn from_body(body: Body) -> Self {
        body.kind
    }

    /// The body of this kind.
    #[must_use]
    pub const fn into_body(self) -> Body {
        Body { kind: self }
    }

    /// Whether the body is produced while it is sent, by calls that may block.
    #[must_use]
    pub const fn is_made_while_sent(&self) -> bool {
        matches!(self, BodyKind::Blocks(_))
    }

    /// The next block, read on this thread, or `None` at the end. For a door that has no event loop.
    ///
    /// # Errors
    /// An error of the source. A stream that is not ready is an error, too, because this function cannot wait
    /// for it.
    pub fn next_block(&mut self) -> Result<Option<Bytes>, BoxError> {
        let stream = match self {
            BodyKind::Bytes(bytes) if bytes.is_empty() => return Ok(None),
            BodyKind::Bytes(bytes) => return Ok(Some(mem::take(bytes))),
            BodyKind::File(range) => return range.next_block(),
            BodyKind::Blocks(blocks) => return blocks.next_block(),
            BodyKind::Stream(stream) => stream,
        };
        let mut context = Context::from_waker(Waker::noop());
        loop {
            match Pin::new(&mut *stream).poll_frame(&mut context) {
                Poll::Pending => return Err("this body has to be waited for".into()),
                Poll::Ready(None) => return Ok(None),
                Poll::Ready(Some(frame)) => match frame?.into_data() {
                    Ok(block) if !block.is_empty() => return Ok(Some(block)),
                    _ => {}
                },
            }
        }
    }
}

impl Blocking {
    /// A body of these blocks. An event loop calls them on threads for blocking work.
    pub fn body(blocks: impl Blocks + 'static) -> Body {
        Body { kind: BodyKind::Blocks(Blocking::new(Box::new(blocks))) }
    }
}

impl Body {
    /// An empty body.
    #[must_use]
    pub const fn empty() -> Self {
        Body { kind: BodyKind::Bytes(Bytes::new()) }
    }

    /// The items of a stream of bytes or texts. [`iter`](super::iter) turns an iterator into such a stream.
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

    /// Everything from the current position of a reader to its end. The reads run on threads for blocking
    /// work.
    pub fn blocking_reader(reader: impl Read + Send + 'static) -> Self {
        Blocking::body(ReaderBlocks(reader))
    }

    /// A body of another type, for example that of a tower service's response.
    pub fn wrap<B>(body: B) -> Self
    where
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        if body.is_end_stream() {
            return Body::empty();
        }
        Body { kind: BodyKind::Stream(body.map_err(Into::into).boxed_unsync()) }
    }

    /// The bytes, where the body is in memory.
    #[must_use]
    pub const fn as_bytes(&self) -> Option<&Bytes> {
        match &self.kind {
            BodyKind::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The length in bytes, where it is known before the body is read.
    #[must_use]
    pub fn length(&self) -> Option<u64> {
        self.size_hint().exact()
    }

    /// Announces the length of a body whose length is unknown. If the body turns out longer or shorter,
    /// sending it ends with an error. A body whose length is known stays as it is.
    #[must_use]
    pub fn with_length(self, length: u64) -> Self {
        if self.length().is_some() { self } else { self.through(Window::exactly(length)) }
    }

    /// The `length` bytes that begin at `start`. The body has to have that many.
    pub(super) fn part(self, start: u64, length: u64) -> Self {
        self.through(Window::part(start, length))
    }

    fn through(self, mut window: Window) -> Self {
        let kind = match self.kind {
            // No caller asks for bytes past the end of a body in memory; `cut` would return those that exist.
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

impl From<BodyKind> for Body {
    fn from(kind: BodyKind) -> Self {
        Body { kind }
    }
}

impl From<FileRange> for Body {
    fn from(range: FileRange) -> Self {
        Body::file(range)
    }
}

/// Everything that a body sends.
#[cfg(test)]
pub(super) fn read(body: Body) -> Result<Bytes, BoxError> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    Ok(runtime.block_on(body.collect())?.to_bytes())
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write};

    use super::super::stream::iter;
    use super::*;

    fn chunks() -> Body {
        Body::stream(iter(["ab", "", "cde"].map(Ok::<_, BoxError>)))
    }

    fn file(content: &[u8]) -> std::fs::File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(content).unwrap();
        file
    }

    #[test]
    fn a_door_without_an_event_loop_reads_every_kind_block_by_block() {
        let source = file(b"file");
        for (body, expected) in [
            (Body::empty(), vec![]),
            (Body::from("text"), vec!["text"]),
            (FileRange::new(source, 1..3).into(), vec!["il"]),
            (Body::blocking_reader(Cursor::new("reader")), vec!["reader"]),
            (chunks(), vec!["ab", "cde"]),
        ] {
            let (mut body, mut blocks) = (BodyKind::from_body(body), Vec::new());
            while let Some(block) = body.next_block().unwrap() {
                blocks.push(block);
            }
            assert_eq!(blocks, expected);
        }
        assert!(BodyKind::from_body(Body::reader(tokio::io::simplex(8).0)).next_block().is_err());
    }

    #[test]
    fn every_kind_of_body_sends_what_it_holds() {
        let large: Vec<u8> = (0..700_001_u32).map(|number| (number % 251) as u8).collect();
        for (body, length, content) in [
            (Body::empty(), Some(0), Vec::new()),
            (Body::from("abc"), Some(3), b"abc".to_vec()),
            (Body::from(vec![1, 2]), Some(2), vec![1, 2]),
            (chunks(), None, b"abcde".to_vec()),
            (Body::reader(&b"async"[..]), None, b"async".to_vec()),
            (Body::reader(Cursor::new(large.clone())), None, large.clone()),
            (Body::blocking_reader(Cursor::new(large.clone())), None, large.clone()),
            (FileRange::new(file(&large), 0..700_001).into(), Some(700_001), large.clone()),
            (FileRange::new(file(&large), 5..65_541).into(), Some(65_536), large[5..65_541].to_vec()),
            (FileRange::new(file(b"x"), 1..1).into(), Some(0), Vec::new()),
            (Body::wrap(http_body_util::Full::new(Bytes::from("full"))), Some(4), b"full".to_vec()),
        ] {
            let name = format!("{body:?}");
            assert_eq!(body.length(), length, "{name}");
            assert_eq!(read(body).unwrap(), content, "{name}");
        }
    }

    /// A reader is read from its current position. PoorWSGI 2.8.1 sends wrong bytes of a file object that is
    /// not at its beginning.
    #[test]
    fn a_reader_is_read_from_its_position() {
        let mut reader = Cursor::new("abcdef");
        reader.set_position(2);
        assert_eq!(read(Body::blocking_reader(reader)).unwrap(), "cdef");
    }

    /// RFC 9112, section 8: an incomplete message is not presented as a complete one.
    #[test]
    fn a_file_that_became_shorter_is_an_error() {
        for size in [10_u64, 500_000] {
            let file = file(&vec![7; size as usize]);
            let range = FileRange::new(file.try_clone().unwrap(), 0..size);
            file.set_len(size - 1).unwrap();
            assert!(read(range.into()).is_err());
        }
    }

    #[test]
    fn a_body_of_another_length_than_promised_is_an_error() {
        assert_eq!(read(chunks().with_length(5)).unwrap(), "abcde");
        assert_eq!(chunks().with_length(5).length(), Some(5));
        assert!(read(chunks().with_length(4)).is_err());
        assert!(read(chunks().with_length(6)).is_err());
        let reader = || Body::blocking_reader(Cursor::new("abcde"));
        assert_eq!(read(reader().with_length(5)).unwrap(), "abcde");
        assert!(read(reader().with_length(4)).is_err());
        assert!(read(reader().with_length(6)).is_err());
    }

    #[test]
    fn errors_and_panics_of_a_source_end_the_body() {
        struct Panics;
        impl Blocks for Panics {
            fn next_block(&mut self) -> Result<Option<Bytes>, BoxError> {
                panic!("a source that panics")
            }
        }
        assert!(read(Blocking::body(Panics)).is_err());
        assert!(read(Body::stream(iter([Ok("a"), Err("broken")]))).is_err());
    }

    /// A synchronous door can read blocks without an async runtime.
    #[test]
    fn blocks_are_read_by_hand_as_well() {
        let BodyKind::Blocks(mut blocks) = BodyKind::from_body(Body::blocking_reader(Cursor::new("abc")))
        else {
            panic!()
        };
        assert_eq!(blocks.next_block().unwrap().unwrap(), "abc");
        assert_eq!(blocks.next_block().unwrap(), None);
        assert_eq!(blocks.next_block().unwrap(), None);
        let BodyKind::File(mut range) = BodyKind::from_body(Body::from(FileRange::new(file(b"abc"), 1..3)))
        else {
            panic!()
        };
        assert_eq!(range.next_block().unwrap().unwrap(), "bc");
        assert_eq!(range.next_block().unwrap(), None);
    }

    #[test]
    fn bodies_go_to_other_threads() {
        const fn sendable<T: Send>() {}
        sendable::<Body>();
        sendable::<crate::response::Response>();
    }
}
