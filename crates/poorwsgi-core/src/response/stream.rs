//! Bodies that are read asynchronously, piece by piece.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use futures_core::Stream;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;
use pin_project_lite::pin_project;
use tokio::io::{AsyncRead, ReadBuf};

use super::window::Window;
use crate::error::BoxError;

/// A stream of the items of an iterator, for the constructors that take a stream.
///
/// The iterator runs on the event loop, so it must not block.
///
/// ```
/// use poorwsgi::response::{Response, iter};
///
/// let lines = (1..=3).map(|number| Ok::<_, std::io::Error>(format!("{number}\n")));
/// let response = Response::text_stream(iter(lines));
/// ```
pub fn iter<I: IntoIterator>(items: I) -> Iter<I::IntoIter> {
    Iter { items: items.into_iter() }
}

/// The stream made by [`iter`].
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), poorwsgi::BoxError> {
/// use std::convert::Infallible;
///
/// use poorwsgi::response::{Iter, iter};
/// use poorwsgi::{Application, Request, Response, state};
///
/// /// Rows of a table that is too long to be held in memory.
/// fn rows() -> Iter<impl Iterator<Item = Result<String, Infallible>>> {
///     iter((1..=100_000_u64).map(|row| Ok(format!("{row};{}\n", row * row))))
/// }
///
/// let mut app = Application::new("demo");
/// app.route("/squares.csv", state::METHOD_HEAD | state::METHOD_GET, |_req: Request| {
///     Response::text_stream(rows()).with_content_type("text/csv")
/// })?;
/// # let answer = app.handle(http::Request::get("/squares.csv").body(String::new())?).await;
/// # assert_eq!(answer.headers()["Content-Type"], "text/csv");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Iter<I> {
    items: I,
}

impl<I> Unpin for Iter<I> {}

impl<I: Iterator> Stream for Iter<I> {
    type Item = I::Item;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<I::Item>> {
        Poll::Ready(self.items.next())
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.items.size_hint()
    }
}

pin_project! {
    /// A body of the items of a stream.
    pub(super) struct StreamBody<S> {
        #[pin]
        pub(super) stream: S,
    }
}

impl<S, T, E> HttpBody for StreamBody<S>
where
    S: Stream<Item = Result<T, E>>,
    T: Into<Bytes>,
    E: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let item = ready!(self.project().stream.poll_next(cx));
        Poll::Ready(item.map(|item| match item {
            Ok(data) => Ok(Frame::data(data.into())),
            Err(error) => Err(error.into()),
        }))
    }
}

pin_project! {
    /// A body of everything that a reader gives, up to its end.
    pub(super) struct ReaderBody<R> {
        #[pin]
        reader: R,
        buffer: BytesMut,
    }
}

impl<R> ReaderBody<R> {
    /// The size of a new buffer in bytes. One read of a socket or a pipe seldom gives more.
    const BUFFER: usize = 64 * 1024;
    /// A buffer with less room than this is replaced by a new one before the next read.
    const WORTH_A_READ: usize = 4 * 1024;

    pub(super) fn new(reader: R) -> Self {
        ReaderBody { reader, buffer: BytesMut::new() }
    }
}

impl<R: AsyncRead> HttpBody for ReaderBody<R> {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.project();
        if this.buffer.len() < Self::WORTH_A_READ {
            *this.buffer = BytesMut::zeroed(Self::BUFFER);
        }
        let mut unread = ReadBuf::new(this.buffer);
        ready!(this.reader.poll_read(cx, &mut unread))?;
        let length = unread.filled().len();
        if length == 0 {
            return Poll::Ready(None);
        }
        Poll::Ready(Some(Ok(Frame::data(this.buffer.split_to(length).freeze()))))
    }
}

/// The part of another body that a [`Window`] lets through. Trailers are left out, because they belong to the
/// whole body.
pub(super) struct WindowBody {
    pub(super) whole: UnsyncBoxBody<Bytes, BoxError>,
    pub(super) window: Window,
}

impl HttpBody for WindowBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        while !self.is_end_stream() {
            let Some(frame) = ready!(Pin::new(&mut self.whole).poll_frame(cx)) else {
                return Poll::Ready(self.window.end().err().map(|error| Err(error.into())));
            };
            let Ok(chunk) = frame?.into_data() else { continue };
            let chunk = self.window.cut(chunk)?;
            if !chunk.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(chunk))));
            }
        }
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        self.window.left() == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.window.left())
    }
}
