//! The response that a handler answers with.

use std::io::Read;
use std::mem;
use std::path::Path;
use std::time::SystemTime;

use bytes::{Bytes, BytesMut};
use futures_core::Stream;
use http::header::{CONTENT_TYPE, ETAG, HeaderName, HeaderValue, LAST_MODIFIED, LOCATION};
use http::{Extensions, StatusCode};
use serde::Serialize;
use tokio::io::AsyncRead;

use super::body::Body;
use super::conditional::EntityTag;
use super::error::ResponseError;
use super::file::OpenFile;
use super::json::JsonArray;
use super::range::Ranges;
use crate::error::BoxError;
use crate::headers::{HeaderError, Headers, date};
use crate::state;

pub(super) const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");
const OCTETS: HeaderValue = HeaderValue::from_static("application/octet-stream");
const X_POWERED_BY: HeaderName = HeaderName::from_static("x-powered-by");
const POORWSGI: HeaderValue = HeaderValue::from_static("PoorWSGI");

/// Status, header fields and body of an answer.
///
/// A response that is given no header fields says `X-Powered-By: PoorWSGI`; one that is given some, by
/// [`with_headers`](Response::with_headers), says only those. `Content-Type` comes from the constructor unless a field
/// of that name is set, and `Content-Length` from the body; leave both to the framework.
///
/// ```
/// use poorwsgi::{response::Response, state};
///
/// let mut response = Response::new("<h1>Hello</h1>").with_status(state::HTTP_CREATED)?;
/// response.headers_mut().set("Location", "/hello")?;
/// response.write("<p>How are you?</p>")?;
///
/// assert_eq!(response.status(), 201);
/// assert_eq!(response.content_type(), Some("text/html; charset=utf-8"));
/// assert_eq!(response.body().length(), Some(33));
/// # Ok::<(), poorwsgi::response::ResponseError>(())
/// ```
#[derive(Debug)]
pub struct Response {
    status: StatusCode,
    headers: Headers,
    content_type: Option<HeaderValue>,
    body: Body,
    ranges: Ranges,
    extensions: Extensions,
}

/// The mark, in the extensions of a response, of a request that is left unanswered: the server closes the connection.
/// A door that cannot do that sends an empty answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Declined;

impl Response {
    /// 200 with this body as `text/html; charset=utf-8`.
    pub fn new(body: impl Into<Body>) -> Self {
        Response::of(StatusCode::OK, Some(HTML), body)
    }

    fn of(status: StatusCode, content_type: Option<HeaderValue>, body: impl Into<Body>) -> Self {
        let mut headers = Headers::new();
        headers.put(X_POWERED_BY, POORWSGI);
        Response {
            status,
            headers,
            content_type,
            body: body.into(),
            ranges: Ranges::Refused,
            extensions: Extensions::new(),
        }
    }

    /// 200 with this body as `text/plain; charset=utf-8`.
    pub fn text(body: impl Into<Body>) -> Self {
        Response::of(StatusCode::OK, Some(TEXT), body)
    }

    /// 200 with this value as `application/json; charset=utf-8`.
    ///
    /// # Errors
    /// [`ResponseError::Json`] for a value that JSON has no form for.
    pub fn json<T: Serialize + ?Sized>(value: &T) -> Result<Self, ResponseError> {
        Ok(Response::of(StatusCode::OK, Some(JSON), serde_json::to_vec(value)?))
    }

    /// 200 with the JSON array of a stream's items, written while it is sent. An error on the way cuts the connection.
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

    /// 200 with everything that a reader gives, from its current position on, as `application/octet-stream`. It is read
    /// on threads for blocking work.
    pub fn blocking_reader(reader: impl Read + Send + 'static) -> Self {
        Response::of(StatusCode::OK, Some(OCTETS), Body::blocking_reader(reader))
    }

    /// 200 with a file: its media type by its name, `Last-Modified`, `ETag`, and ranges on offer.
    ///
    /// The path is the application's own. For paths out of a request there is [`DocumentRoot`](super::DocumentRoot).
    ///
    /// # Errors
    /// [`ResponseError::File`] where it cannot be opened or is not a regular file.
    pub fn file(path: impl AsRef<Path>) -> Result<Self, ResponseError> {
        let path = path.as_ref();
        OpenFile::open(path)
            .map(Response::from)
            .map_err(|source| ResponseError::File { path: path.to_owned(), source })
    }

    /// A redirection to `location`, which is sent just as it is given, with a line of HTML for those who have to follow
    /// it by hand.
    ///
    /// # Errors
    /// [`ResponseError::Redirect`] for a status that does not redirect, [`ResponseError::Header`] for a location with
    /// CR, LF, NUL or another control character.
    pub fn redirect(location: &str, status: u16) -> Result<Self, ResponseError> {
        let status = match status_code(status)? {
            code if code.is_redirection() && code != StatusCode::NOT_MODIFIED => code,
            _ => return Err(ResponseError::Redirect(status)),
        };
        let target = field_value(LOCATION, location)?;
        let mut response = Response::of(status, Some(HTML), redirect_note(location));
        response.headers.put(LOCATION, target);
        Ok(response)
    }

    /// 204: done, and nothing to say about it.
    #[must_use]
    pub fn no_content() -> Self {
        Response::of(StatusCode::NO_CONTENT, None, Body::empty())
    }

    /// This status without a body.
    ///
    /// # Errors
    /// [`ResponseError::Status`] for an unknown status.
    pub fn empty(status: u16) -> Result<Self, ResponseError> {
        Ok(Response::of(status_code(status)?, None, Body::empty()))
    }

    /// 304: what the client has is still good. Add the `ETag`, `Content-Location` and `Vary` of the 200.
    #[must_use]
    pub fn not_modified() -> Self {
        Response::of(StatusCode::NOT_MODIFIED, None, Body::empty())
    }

    /// No answer at all; see [`Declined`].
    #[must_use]
    pub fn declined() -> Self {
        let mut response = Response::of(StatusCode::OK, None, Body::empty()).with_headers(Headers::new());
        response.extensions.insert(Declined);
        response
    }

    /// Whether this is no answer at all.
    #[must_use]
    pub fn is_declined(&self) -> bool {
        self.extensions.get::<Declined>().is_some()
    }

    /// The status code.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status.as_u16()
    }

    /// The reason phrase of the status.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        state::reason(self.status.as_u16()).unwrap_or_default()
    }

    /// Changes the status.
    ///
    /// # Errors
    /// [`ResponseError::Status`] for an unknown status; the response is then as it was.
    pub fn set_status(&mut self, status: u16) -> Result<(), ResponseError> {
        self.status = status_code(status)?;
        Ok(())
    }

    /// With another status.
    ///
    /// # Errors
    /// [`ResponseError::Status`] for an unknown status.
    pub fn with_status(mut self, status: u16) -> Result<Self, ResponseError> {
        self.set_status(status)?;
        Ok(self)
    }

    /// The header fields.
    #[must_use]
    pub const fn headers(&self) -> &Headers {
        &self.headers
    }

    /// The header fields, to change them.
    pub const fn headers_mut(&mut self) -> &mut Headers {
        &mut self.headers
    }

    /// With these header fields instead of those there are.
    #[must_use]
    pub fn with_headers(mut self, headers: Headers) -> Self {
        self.headers = headers;
        self
    }

    /// With this header field, in place of every field of its name.
    ///
    /// # Errors
    /// [`ResponseError::Header`] for a name or value that could break the message apart.
    pub fn with_header(
        mut self,
        name: impl AsRef<str>,
        value: impl AsRef<[u8]>,
    ) -> Result<Self, ResponseError> {
        self.headers.set(name, value)?;
        Ok(self)
    }

    /// What `Content-Type` is going to say: the field where it is set, else the type of the constructor.
    #[must_use]
    pub fn content_type(&self) -> Option<&str> {
        let field = self.headers.get(CONTENT_TYPE).or(self.content_type.as_ref())?;
        std::str::from_utf8(field.as_bytes()).ok()
    }

    /// With another type than that of the constructor, or with none for an empty one. A `Content-Type` among the header
    /// fields still wins.
    ///
    /// # Errors
    /// [`ResponseError::Header`] for a control character.
    pub fn with_content_type(mut self, content_type: impl AsRef<str>) -> Result<Self, ResponseError> {
        let content_type = content_type.as_ref();
        self.content_type = match content_type {
            "" => None,
            _ => Some(field_value(CONTENT_TYPE, content_type)?),
        };
        Ok(self)
    }

    pub(super) fn take_content_type(&mut self) -> Option<HeaderValue> {
        self.content_type.take()
    }

    /// The body.
    #[must_use]
    pub const fn body(&self) -> &Body {
        &self.body
    }

    /// The body alone.
    #[must_use]
    pub fn into_body(self) -> Body {
        self.body
    }

    /// Changes the body.
    pub fn set_body(&mut self, body: impl Into<Body>) {
        self.body = body.into();
    }

    pub(super) fn map_body(&mut self, change: impl FnOnce(Body) -> Body) {
        self.body = change(mem::take(&mut self.body));
    }

    /// Appends to a body in memory.
    ///
    /// # Errors
    /// [`ResponseError::Write`] where the body is a file or a stream.
    pub fn write(&mut self, data: impl AsRef<[u8]>) -> Result<(), ResponseError> {
        let Some(bytes) = self.body.as_bytes() else { return Err(ResponseError::Write) };
        let bytes = bytes.clone();
        self.body = Body::empty();
        let mut bytes = bytes.try_into_mut().unwrap_or_else(|shared| BytesMut::from(&*shared));
        bytes.extend_from_slice(data.as_ref());
        self.body = bytes.freeze().into();
        Ok(())
    }

    /// Which parts of the body may be, or have been, asked for.
    #[must_use]
    pub const fn ranges(&self) -> &Ranges {
        &self.ranges
    }

    /// Offers parts of the body, or chooses them. Only a 200 has parts.
    pub fn set_ranges(&mut self, ranges: Ranges) {
        self.ranges = ranges;
    }

    /// With parts on offer: `Accept-Ranges: bytes`, and 206 where the request asks for some. It needs a body of known
    /// length; one of unknown length is sent whole.
    #[must_use]
    pub fn accept_ranges(mut self) -> Self {
        self.ranges = Ranges::Offered;
        self
    }

    pub(super) fn take_ranges(&mut self) -> Ranges {
        mem::take(&mut self.ranges)
    }

    /// With an `ETag`.
    ///
    /// ```
    /// use poorwsgi::response::{EntityTag, Response};
    ///
    /// let response = Response::new("Hello").with_entity_tag(&EntityTag::strong("v1").unwrap());
    /// assert_eq!(response.headers().get_str("ETag"), Some("\"v1\""));
    /// ```
    #[must_use]
    pub fn with_entity_tag(mut self, tag: &EntityTag<'_>) -> Self {
        // A tag holds nothing that a header field refuses.
        if let Ok(value) = HeaderValue::try_from(tag.to_string()) {
            self.headers.put(ETAG, value);
        }
        self
    }

    /// With a `Last-Modified`. A time that HTTP cannot write, outside the years 1 to 9999, leaves it out.
    #[must_use]
    pub fn with_last_modified(mut self, time: SystemTime) -> Self {
        if let Some(date) = date::system_time_to_http(time).and_then(|date| HeaderValue::try_from(date).ok())
        {
            self.headers.put(LAST_MODIFIED, date);
        }
        self
    }

    /// Values for the server or the layers above, which are not sent.
    #[must_use]
    pub const fn extensions(&self) -> &Extensions {
        &self.extensions
    }

    /// Values for the server or the layers above, to change them.
    pub const fn extensions_mut(&mut self) -> &mut Extensions {
        &mut self.extensions
    }

    /// The same for hyper and tower. Nothing is added: [`finish`](super::finish) does that.
    #[must_use]
    pub fn into_http(self) -> http::Response<Body> {
        let mut response = http::Response::new(self.body);
        *response.status_mut() = self.status;
        *response.extensions_mut() = self.extensions;
        *response.headers_mut() = self.headers.into_map();
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
        response.body = file.into_range().into();
        response
    }
}

impl<B> From<http::Response<B>> for Response
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    /// The response of another service. Its status is taken as it is.
    fn from(response: http::Response<B>) -> Self {
        let (head, body) = response.into_parts();
        Response {
            status: head.status,
            headers: Headers::from(&head.headers),
            content_type: None,
            body: Body::wrap(body),
            ranges: Ranges::Refused,
            extensions: head.extensions,
        }
    }
}

fn status_code(status: u16) -> Result<StatusCode, ResponseError> {
    match StatusCode::from_u16(status) {
        Ok(code) if state::reason(status).is_some() => Ok(code),
        _ => Err(ResponseError::Status(status)),
    }
}

fn field_value(name: HeaderName, value: &str) -> Result<HeaderValue, HeaderError> {
    HeaderValue::from_bytes(value.as_bytes()).map_err(|_| {
        let at = value.bytes().position(|byte| byte.is_ascii_control() && byte != b'\t').unwrap_or_default();
        HeaderError::Value { name: name.to_string(), at }
    })
}

/// The note that RFC 9110, section 15.4 asks for. Only a web address becomes a link, lest a `javascript:` be clicked.
fn redirect_note(location: &str) -> String {
    let mut target = String::with_capacity(location.len());
    for character in location.chars() {
        match character {
            '&' => target.push_str("&amp;"),
            '<' => target.push_str("&lt;"),
            '>' => target.push_str("&gt;"),
            '"' => target.push_str("&quot;"),
            '\'' => target.push_str("&#x27;"),
            other => target.push(other),
        }
    }
    if is_web_address(location) {
        target = format!("<a href=\"{target}\">{target}</a>");
    }
    format!("<!DOCTYPE html>\n<title>Moved</title>\n<p>The document is at {target}.</p>\n")
}

/// Whether a reference (RFC 3986, section 4.1) is relative, or `http` or `https`.
fn is_web_address(reference: &str) -> bool {
    let before_path = reference.split(['/', '?', '#']).next().unwrap_or_default();
    match before_path.split_once(':') {
        Some((scheme, _)) => scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https"),
        None => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::response::body::read;
    use crate::response::iter;

    /// behaviour.md: status codes outside the table are an error at construction.
    #[test]
    fn an_unknown_status_is_refused_and_changes_nothing() {
        for status in [0, 99, 299, 600, 1000, u16::MAX] {
            assert!(matches!(Response::empty(status), Err(ResponseError::Status(_))), "{status}");
        }
        let mut response = Response::new("x");
        assert!(response.set_status(418).is_ok());
        assert!(response.set_status(777).is_err());
        assert_eq!((response.status(), response.reason()), (418, "I'm a teapot"));
    }

    /// behaviour.md: `X-Powered-By` is added only where no headers were given.
    #[test]
    fn x_powered_by_is_said_only_where_no_headers_were_given() {
        let plain = Response::new("x");
        assert_eq!(plain.headers().get_str("X-Powered-By"), Some("PoorWSGI"));
        let mut headers = Headers::new();
        headers.set("X-A", "1").unwrap();
        assert!(!Response::new("x").with_headers(headers).headers().contains("X-Powered-By"));
        assert!(!Response::new("x").with_headers(Headers::new()).headers().contains("X-Powered-By"));
    }

    /// behaviour.md: `Response("abc").write("x")` appends.
    #[test]
    fn writing_appends() {
        let mut response = Response::new("abc");
        for _ in 0..3 {
            response.write("xy").unwrap();
        }
        response.write(b"\xFF").unwrap();
        assert_eq!(response.body().as_bytes().unwrap(), &b"abcxyxyxy\xFF"[..]);
        let mut streamed = Response::stream(iter([Ok::<_, BoxError>("x")]));
        assert!(matches!(streamed.write("y"), Err(ResponseError::Write)));
    }

    #[test]
    fn written_bytes_do_not_show_in_a_body_that_shares_them() {
        let shared = Bytes::from("abc".to_owned());
        let mut response = Response::new(shared.clone());
        response.write("d").unwrap();
        assert_eq!(shared, "abc");
        assert_eq!(response.body().as_bytes().unwrap(), "abcd");
    }

    /// behaviour.md: CR, LF and NUL in `Location` are an error where it is set.
    #[test]
    fn a_redirect_cannot_be_split() {
        for location in ["/a\r\nSet-Cookie: b", "/a\nb", "/a\0b", "\r"] {
            assert!(
                matches!(Response::redirect(location, 302), Err(ResponseError::Header(_))),
                "{location:?}"
            );
        }
        for status in [200, 304, 404, 306] {
            assert!(Response::redirect("/", status).is_err(), "{status}");
        }
    }

    /// RFC 9110, section 15.4: a short note with a link, which is as safe as the header.
    #[test]
    fn a_redirect_says_where_to_without_becoming_markup() {
        let response = Response::redirect("/a?b=\"><script>&c='", 303).unwrap();
        assert_eq!(response.headers().get_str("Location"), Some("/a?b=\"><script>&c='"));
        let note = std::str::from_utf8(response.body().as_bytes().unwrap()).unwrap();
        assert!(note.contains("<a href=\"/a?b=&quot;&gt;&lt;script&gt;&amp;c=&#x27;\">"), "{note}");
        for (location, linked) in [
            ("https://example.org/x:y", true),
            ("x/y:z", true),
            ("?a:b", true),
            ("javascript:alert(1)", false),
            ("data:text/html,x", false),
        ] {
            let response = Response::redirect(location, 302).unwrap();
            let note = response.body().as_bytes().unwrap().clone();
            assert_eq!(String::from_utf8(note.to_vec()).unwrap().contains("<a "), linked, "{location}");
        }
    }

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
    fn a_streamed_array_with_an_error_is_never_closed() {
        let broken = Response::json_stream(iter([Ok(1), Err("no more"), Ok(2)]));
        assert_eq!(read(broken.into_body()).unwrap_err().to_string(), "no more");
        let keyed = Ok::<_, BoxError>(std::collections::HashMap::from([(vec![1], 1)]));
        assert!(read(Response::json_stream(iter([keyed])).into_body()).is_err());
    }

    #[test]
    fn a_content_type_is_that_of_the_field_before_that_of_the_constructor() {
        let response = Response::new("x").with_content_type("text/csv").unwrap();
        assert_eq!(response.content_type(), Some("text/csv"));
        let response = response.with_header("content-type", "image/png").unwrap();
        assert_eq!(response.content_type(), Some("image/png"));
        assert_eq!(Response::new("x").with_content_type("").unwrap().content_type(), None);
        assert!(Response::new("x").with_content_type("a\nb").is_err());
    }

    /// behaviour.md: `Last-Modified` is the modification time. The tag of a file that has just changed is weak, because
    /// it may change again unnoticed (RFC 9110, section 8.8.1).
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
