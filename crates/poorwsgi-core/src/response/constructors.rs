//! The constructors of responses, one for each kind of body.

use std::io::Read;
use std::path::Path;

use bytes::Bytes;
use futures_core::Stream;
use http::StatusCode;
use http::header::HeaderValue;
use serde::Serialize;
use tokio::io::AsyncRead;

use super::body::Body;
use super::error::ResponseError;
use super::file::OpenFile;
use super::json::JsonArray;
use super::response::{Declined, HTML, Response, status_code};
use crate::error::BoxError;
use crate::headers::Headers;
use crate::state::IntoStatus;

/// The content type of JSON.
pub const JSON_TYPE: &str = "application/json; charset=utf-8";

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const JSON: HeaderValue = HeaderValue::from_static(JSON_TYPE);
const OCTETS: HeaderValue = HeaderValue::from_static("application/octet-stream");

impl Response {
    /// 200 with this body as `text/html; charset=utf-8`.
    pub fn new(body: impl Into<Body>) -> Self {
        Response::of(StatusCode::OK, Some(HTML), body)
    }

    /// 200 with this body as `text/plain; charset=utf-8`.
    pub fn text(body: impl Into<Body>) -> Self {
        Response::of(StatusCode::OK, Some(TEXT), body)
    }

    /// 200 with this value as `application/json; charset=utf-8`.
    ///
    /// # Errors
    /// [`ResponseError::Json`] for a value that cannot be written as JSON.
    pub fn json<T: Serialize + ?Sized>(value: &T) -> Result<Self, ResponseError> {
        Ok(Response::of(StatusCode::OK, Some(JSON), serde_json::to_vec(value)?))
    }

    /// 200 with a stream's items as a JSON array, which is serialised while it is sent. An error of the
    /// stream or of serialisation closes the connection.
    ///
    /// ```
    /// use poorwsgi::response::{Response, iter};
    ///
    /// let squares = (1..1000_u32).map(|n| Ok::<_, std::io::Error>(n * n));
    /// let response = Response::json_stream(iter(squares));
    /// ```
    pub fn json_stream<S, T, E>(items: S) -> Self
    where
        S: Stream<Item = Result<T, E>> + Send + 'static,
        T: Serialize + 'static,
        E: Into<BoxError> + 'static,
    {
        Response::of(StatusCode::OK, Some(JSON), Body::stream(JsonArray::new(items)))
    }

    /// 200 with the pieces of a stream as `application/octet-stream`.
    pub fn stream<S, T, E>(pieces: S) -> Self
    where
        S: Stream<Item = Result<T, E>> + Send + 'static,
        T: Into<Bytes>,
        E: Into<BoxError>,
    {
        Response::of(StatusCode::OK, Some(OCTETS), Body::stream(pieces))
    }

    /// 200 with the texts of a stream as `text/html; charset=utf-8`.
    pub fn text_stream<S, T, E>(texts: S) -> Self
    where
        S: Stream<Item = Result<T, E>> + Send + 'static,
        T: Into<Bytes>,
        E: Into<BoxError>,
    {
        Response::new(Body::stream(texts))
    }

    /// 200 with everything that an asynchronous reader gives as `application/octet-stream`.
    pub fn reader(reader: impl AsyncRead + Send + 'static) -> Self {
        Response::of(StatusCode::OK, Some(OCTETS), Body::reader(reader))
    }

    /// 200 with everything that a reader gives, from its current position on, as `application/octet-stream`.
    /// The reads run on threads for blocking work.
    pub fn blocking_reader(reader: impl Read + Send + 'static) -> Self {
        Response::of(StatusCode::OK, Some(OCTETS), Body::blocking_reader(reader))
    }

    /// 200 with a file: with a `Content-Type` guessed from its name, `Last-Modified`, `ETag`, and support for
    /// range requests.
    ///
    /// The path has to come from the application. For paths from a request use
    /// [`DocumentRoot`](super::DocumentRoot).
    ///
    /// # Errors
    /// [`ResponseError::File`] where the file cannot be opened or is not a regular file.
    pub fn file(path: impl AsRef<Path>) -> Result<Self, ResponseError> {
        let path = path.as_ref();
        OpenFile::open(path)
            .map(Response::from)
            .map_err(|source| ResponseError::File { path: path.to_owned(), source })
    }

    /// 204, which has no body.
    #[must_use]
    pub fn no_content() -> Self {
        Response::of(StatusCode::NO_CONTENT, None, Body::empty())
    }

    /// A response with this status and no body.
    ///
    /// # Errors
    /// [`ResponseError::Status`] for an unknown status.
    pub fn empty(status: impl IntoStatus) -> Result<Self, ResponseError> {
        Ok(Response::of(status_code(status)?, None, Body::empty()))
    }

    /// 304: the client's copy is current. Add the `ETag`, `Content-Location` and `Vary` that the 200 would
    /// have (RFC 9110, section 15.4.5).
    #[must_use]
    pub fn not_modified() -> Self {
        Response::of(StatusCode::NOT_MODIFIED, None, Body::empty())
    }

    /// Leaves the request unanswered; see [`Declined`].
    #[must_use]
    pub fn declined() -> Self {
        let mut response = Response::of(StatusCode::OK, None, Body::empty()).with_headers(Headers::new());
        response.extensions_mut().insert(Declined);
        response
    }
}

impl From<OpenFile> for Response {
    fn from(file: OpenFile) -> Self {
        let content_type = HeaderValue::from_static(file.media_type());
        let mut response = Response::of(StatusCode::OK, Some(content_type), Body::empty()).accept_ranges();
        if let Some(tag) = file.entity_tag() {
            response = response.with_entity_tag(tag);
        }
        if let Some(modified) = file.modified() {
            response = response.with_last_modified(modified);
        }
        response.set_body(file.into_range());
        response
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::response::body::read;
    use crate::response::{Ranges, iter};

    #[test]
    fn json_is_written_or_refused() {
        let response = Response::json(&serde_json::json!({"a": [1, null]})).unwrap();
        assert_eq!(response.content_type(), Some("application/json; charset=utf-8"));
        assert_eq!(response.body().as_bytes().unwrap(), "{\"a\":[1,null]}");
        let keyed = std::collections::HashMap::from([(vec![1], 1)]);
        assert!(matches!(Response::json(&keyed), Err(ResponseError::Json(_))));
    }

    #[test]
    fn a_streamed_array_is_json_of_any_length() {
        for (items, text) in [(vec![], "[]"), (vec![1], "[1]"), (vec![1, 2, 3], "[1,2,3]")] {
            let items: Vec<Result<u8, BoxError>> = items.into_iter().map(Ok).collect();
            assert_eq!(read(Response::json_stream(iter(items)).into_body()).unwrap(), text);
        }
    }

    #[test]
    fn a_long_array_is_sent_in_pieces_and_none_waits_for_the_next() {
        use std::pin::pin;
        use std::task::{Context, Poll, Waker};

        struct ThenPending(u32);
        impl Stream for ThenPending {
            type Item = Result<u32, BoxError>;

            fn poll_next(
                mut self: std::pin::Pin<&mut Self>,
                _: &mut Context<'_>,
            ) -> Poll<Option<Self::Item>> {
                self.0 += 1;
                if self.0 == 3 { Poll::Pending } else { Poll::Ready(Some(Ok(self.0 % 8))) }
            }
        }
        let mut pieces = pin!(JsonArray::new(ThenPending(0)));
        let mut context = Context::from_waker(Waker::noop());
        let mut next = || match pieces.as_mut().poll_next(&mut context) {
            Poll::Ready(Some(Ok(text))) => text,
            other => panic!("{other:?}"),
        };
        assert_eq!(next(), b"[1,2");
        assert!((8192..8200).contains(&next().len()));
    }

    #[test]
    fn a_streamed_array_with_an_error_is_never_closed() {
        let broken = Response::json_stream(iter([Ok(1), Err("no more"), Ok(2)]));
        assert_eq!(read(broken.into_body()).unwrap_err().to_string(), "no more");
        let keyed = Ok::<_, BoxError>(std::collections::HashMap::from([(vec![1], 1)]));
        assert!(read(Response::json_stream(iter([keyed])).into_body()).is_err());
    }

    /// `Last-Modified` is the modification time; in PoorWSGI 2.8.1 it is the change time of the inode. The
    /// tag of a file that has just changed is weak, because it may change again unnoticed (RFC 9110, section
    /// 8.8.1).
    #[test]
    fn a_file_says_what_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.css");
        std::fs::write(&path, "b {}").unwrap();
        let tag = |path: &Path| {
            let response = Response::file(path).unwrap();
            response.headers().get_str("ETag").unwrap().to_owned()
        };
        assert!(tag(&path).starts_with("W/\""));

        let long_ago = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(784_111_777);
        std::fs::File::options().write(true).open(&path).unwrap().set_modified(long_ago).unwrap();
        let response = Response::file(&path).unwrap();
        assert_eq!(response.content_type(), Some("text/css"));
        assert_eq!(response.headers().get_str("Last-Modified"), Some("Sun, 06 Nov 1994 08:49:37 GMT"));
        assert_eq!(response.body().length(), Some(4));
        assert_eq!(response.ranges(), &Ranges::Offered);
        let strong = tag(&path);
        assert!(strong.starts_with('"'));
        assert_eq!(strong, tag(&path));
        assert_eq!(read(response.into_body()).unwrap(), "b {}");

        assert!(matches!(Response::file(dir.path()), Err(ResponseError::File { .. })));
        assert!(matches!(Response::file(dir.path().join("none")), Err(ResponseError::File { .. })));
    }
}
