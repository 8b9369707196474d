//! The response that a handler returns.

use std::mem;
use std::time::SystemTime;

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderName, HeaderValue, LAST_MODIFIED};
use http::{Extensions, HeaderMap, StatusCode};

use super::body::Body;
use super::conditional::EntityTag;
use super::content::FIELDS_OF_CONTENT;
use super::error::ResponseError;
use crate::error::BoxError;
use crate::headers::{HeaderError, Headers, RangeSpec, Spellings, date};
use crate::state::{self, IntoStatus};

/// The content type of a response whose maker names no other.
pub const HTML_TYPE: &str = "text/html; charset=utf-8";

pub(super) const HTML: HeaderValue = HeaderValue::from_static(HTML_TYPE);

/// A response: status, header fields and body.
///
/// `Content-Type` comes from the constructor unless a field of that name is set, and `Content-Length` from
/// the body; leave both to the framework.
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
    // Boxed, because a response is moved through many functions, and each would copy all the parts.
    parts: Box<ResponseParts>,
}

#[derive(Debug)]
struct ResponseParts {
    status: StatusCode,
    headers: Headers,
    content_type: Option<HeaderValue>,
    body: Body,
    ranges: Ranges,
    /// The `Content-Length` that [`Response::state_content`] is to write.
    length: Option<u64>,
    extensions: Extensions,
}

/// Whether a response supports range requests, and which ranges of its body are sent.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), poorwsgi::BoxError> {
/// use poorwsgi::response::Ranges;
/// use poorwsgi::{Application, Request, Response, state};
///
/// let mut app = Application::new("demo");
/// app.route("/report", state::METHOD_HEAD | state::METHOD_GET, |_req: Request| {
///     let mut response = Response::text("0123456789");
///     response.set_ranges(Ranges::Offered);
///     response
/// })?;
/// let request = http::Request::get("/report").header("Range", "bytes=2-4").body(String::new())?;
/// assert_eq!(app.handle(request).await.headers()["Content-Range"], "bytes 2-4/10");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Ranges {
    /// The whole body is sent, whatever the request asks for.
    #[default]
    Refused,
    /// The ranges that the request's `Range` field asks for are sent.
    Offered,
    /// These ranges are sent, whatever the request's `Range` field says; an empty list sends the whole body.
    /// They cannot be taken from a body of unknown length: that is a 416.
    Chosen(Vec<RangeSpec>),
}

/// A marker in the extensions of a response: the request is left unanswered, and the server closes the
/// connection. A door that cannot close the connection sends an empty response.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), poorwsgi::BoxError> {
/// use poorwsgi::response::Declined;
/// use poorwsgi::{Application, Request, Response, state};
///
/// let mut app = Application::new("demo");
/// app.route("/wp-login.php", state::METHOD_GET_POST, |_req: Request| Response::declined())?;
///
/// // A layer or a server finds the marker:
/// let answer = app.handle(http::Request::get("/wp-login.php").body(String::new())?).await;
/// assert!(answer.extensions().get::<Declined>().is_some());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Declined;

impl Response {
    pub(super) fn of(status: StatusCode, content_type: Option<HeaderValue>, body: impl Into<Body>) -> Self {
        let parts = ResponseParts {
            status,
            headers: Headers::new(),
            content_type,
            body: body.into(),
            ranges: Ranges::Refused,
            length: None,
            extensions: Extensions::new(),
        };
        Response { parts: Box::new(parts) }
    }

    /// Whether the request is left unanswered; see [`Declined`].
    #[must_use]
    pub fn is_declined(&self) -> bool {
        self.parts.extensions.get::<Declined>().is_some()
    }

    /// The status code.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.parts.status.as_u16()
    }

    /// The reason phrase of the status.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        state::reason(self.parts.status.as_u16()).unwrap_or_default()
    }

    /// Changes the status.
    ///
    /// # Errors
    /// [`ResponseError::Status`] for an unknown status; the response then stays unchanged.
    pub fn set_status(&mut self, status: impl IntoStatus) -> Result<(), ResponseError> {
        self.parts.status = status_code(status)?;
        Ok(())
    }

    /// With another status.
    ///
    /// # Errors
    /// [`ResponseError::Status`] for an unknown status.
    pub fn with_status(mut self, status: impl IntoStatus) -> Result<Self, ResponseError> {
        self.set_status(status)?;
        Ok(self)
    }

    /// The header fields.
    #[must_use]
    pub fn headers(&self) -> &Headers {
        &self.parts.headers
    }

    /// The header fields, to change them.
    pub fn headers_mut(&mut self) -> &mut Headers {
        &mut self.parts.headers
    }

    /// With these header fields instead of the present ones.
    #[must_use]
    pub fn with_headers(mut self, headers: Headers) -> Self {
        self.parts.headers = headers;
        self
    }

    /// With this header field, which replaces all fields of its name.
    ///
    /// # Errors
    /// [`ResponseError::Header`] for a name that is not a token, or a value with a control character.
    pub fn with_header(
        mut self,
        name: impl AsRef<str>,
        value: impl AsRef<[u8]>,
    ) -> Result<Self, ResponseError> {
        self.parts.headers.set(name, value)?;
        Ok(self)
    }

    /// The `Content-Type` that will be sent: the header field where it is set, else the type of the
    /// constructor.
    #[must_use]
    pub fn content_type(&self) -> Option<&str> {
        let field = self.parts.headers.get(CONTENT_TYPE).or(self.parts.content_type.as_ref())?;
        std::str::from_utf8(field.as_bytes()).ok()
    }

    /// Replaces the content type of the constructor; an empty text removes it. A `Content-Type` among the
    /// header fields still takes precedence.
    ///
    /// # Errors
    /// [`ResponseError::Header`] for a control character.
    pub fn with_content_type(mut self, content_type: impl AsRef<str>) -> Result<Self, ResponseError> {
        let content_type = content_type.as_ref();
        self.parts.content_type = match content_type {
            "" => None,
            _ => Some(field_value(CONTENT_TYPE, content_type)?),
        };
        Ok(self)
    }

    pub(super) fn drop_content_type(&mut self) {
        self.parts.content_type = None;
    }

    /// The body.
    #[must_use]
    pub fn body(&self) -> &Body {
        &self.parts.body
    }

    /// Takes the body out of the response.
    #[must_use]
    pub fn into_body(self) -> Body {
        self.parts.body
    }

    /// Changes the body.
    pub fn set_body(&mut self, body: impl Into<Body>) {
        self.parts.body = body.into();
    }

    pub(super) fn map_body(&mut self, change: impl FnOnce(Body) -> Body) {
        self.parts.body = change(mem::take(&mut self.parts.body));
    }

    /// Appends to a body in memory.
    ///
    /// # Errors
    /// [`ResponseError::Write`] where the body is a file or a stream.
    pub fn write(&mut self, data: impl AsRef<[u8]>) -> Result<(), ResponseError> {
        let Some(bytes) = self.parts.body.as_bytes() else { return Err(ResponseError::Write) };
        let bytes = bytes.clone();
        self.parts.body = Body::empty();
        let mut bytes = bytes.try_into_mut().unwrap_or_else(|shared| BytesMut::from(&*shared));
        bytes.extend_from_slice(data.as_ref());
        self.parts.body = bytes.freeze().into();
        Ok(())
    }

    /// Removes the body and the fields that describe only the content.
    pub(super) fn drop_representation(&mut self) {
        self.parts.body = Body::empty();
        self.drop_content_type();
        for name in FIELDS_OF_CONTENT {
            self.parts.headers.remove(name);
        }
    }

    /// How the response answers range requests.
    #[must_use]
    pub fn ranges(&self) -> &Ranges {
        &self.parts.ranges
    }

    /// Sets how the response answers range requests. It has an effect on a 200 only.
    pub fn set_ranges(&mut self, ranges: Ranges) {
        self.parts.ranges = ranges;
    }

    /// With support for range requests: the response has `Accept-Ranges: bytes`, and becomes a 206 where the
    /// request asks for ranges. A body of unknown length is always sent whole.
    #[must_use]
    pub fn accept_ranges(mut self) -> Self {
        self.parts.ranges = Ranges::Offered;
        self
    }

    pub(super) fn take_ranges(&mut self) -> Ranges {
        mem::take(&mut self.parts.ranges)
    }

    /// With this `ETag`.
    ///
    /// ```
    /// use poorwsgi::response::{EntityTag, Response};
    ///
    /// let response = Response::new("Hello").with_entity_tag(&EntityTag::strong("v1").unwrap());
    /// assert_eq!(response.headers().get_str("ETag"), Some("\"v1\""));
    /// ```
    #[must_use]
    pub fn with_entity_tag(mut self, tag: &EntityTag<'_>) -> Self {
        // Every character that a tag may hold is valid in a header field.
        if let Ok(value) = HeaderValue::try_from(tag.to_string()) {
            self.parts.headers.put(ETAG, value);
        }
        self
    }

    /// With this `Last-Modified`. A time outside the years 1 to 9999, which HTTP cannot write, changes
    /// nothing.
    #[must_use]
    pub fn with_last_modified(mut self, time: SystemTime) -> Self {
        if let Some(date) = date::system_time_to_http(time).and_then(|date| HeaderValue::try_from(date).ok())
        {
            self.parts.headers.put(LAST_MODIFIED, date);
        }
        self
    }

    /// Values for the server or for outer layers. They are not sent.
    #[must_use]
    pub fn extensions(&self) -> &Extensions {
        &self.parts.extensions
    }

    /// Values for the server or for outer layers, to change them.
    pub fn extensions_mut(&mut self) -> &mut Extensions {
        &mut self.parts.extensions
    }

    /// Sets the length that [`state_content`] writes. [`into_http`](Self::into_http) does not need it, because
    /// the server asks the body for its length.
    pub(super) fn expect_length(&mut self, length: Option<u64>) {
        self.parts.length = length;
    }

    fn unstated_content_type(&mut self) -> Option<HeaderValue> {
        self.parts.content_type.take().filter(|_| !self.parts.headers.contains(CONTENT_TYPE))
    }

    /// Converts the response for hyper and tower, which ask the body for its length.
    /// [`finish`](super::finish) has to come first: this function does not apply the request's method,
    /// conditions and ranges.
    #[must_use]
    #[inline]
    pub fn into_http(self) -> http::Response<Body> {
        into_http_with(self, HeaderMap::new())
    }
}

/// Adds `Content-Type` and `Content-Length` to the header fields of a response that [`finish`](super::finish)
/// has returned, where they are not there yet. For a door whose server reads only the header fields.
pub fn state_content(response: &mut Response) {
    if let Some(content_type) = response.unstated_content_type() {
        response.parts.headers.put(CONTENT_TYPE, content_type);
    }
    if let Some(length) = response.parts.length.take() {
        response.parts.headers.put(CONTENT_LENGTH, HeaderValue::from(length));
    }
}

/// Like [`Response::into_http`], but puts the header fields into `map`, whose present content is removed. This
/// reuses the map's allocation.
#[must_use]
#[inline]
pub fn into_http_with(mut response: Response, mut map: HeaderMap) -> http::Response<Body> {
    let content_type = response.unstated_content_type();
    let ResponseParts { status, headers, body, mut extensions, .. } = *response.parts;
    let spellings = Spellings::of(&headers);
    if !spellings.is_empty() {
        extensions.insert(spellings);
    }
    map.clear();
    // Leaves room for the fields that a server adds, because a map that grows is allocated anew.
    map.reserve(headers.len() + 3);
    headers.extend_map(&mut map);
    if let Some(content_type) = content_type {
        map.append(CONTENT_TYPE, content_type);
    }
    let mut response = http::Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = map;
    *response.extensions_mut() = extensions;
    response
}

impl<B> From<http::Response<B>> for Response
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    /// Takes over the response of another service. Its status is not checked.
    fn from(response: http::Response<B>) -> Self {
        let (head, body) = response.into_parts();
        let parts = ResponseParts {
            status: head.status,
            headers: Headers::from(&head.headers),
            content_type: None,
            body: Body::wrap(body),
            ranges: Ranges::Refused,
            length: None,
            extensions: head.extensions,
        };
        Response { parts: Box::new(parts) }
    }
}

pub(super) fn status_code(status: impl IntoStatus) -> Result<StatusCode, ResponseError> {
    let status = status.into_status();
    match StatusCode::from_u16(status) {
        Ok(code) if state::reason(status).is_some() => Ok(code),
        _ => Err(ResponseError::Status(status)),
    }
}

pub(super) fn field_value(name: HeaderName, value: &str) -> Result<HeaderValue, HeaderError> {
    HeaderValue::from_bytes(value.as_bytes()).map_err(|_| {
        let at = value.bytes().position(|byte| byte.is_ascii_control() && byte != b'\t').unwrap_or_default();
        HeaderError::Value { name: name.to_string(), at }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::response::iter;

    /// As in PoorWSGI, a status outside the table is an error when the response is made.
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

    /// PoorWSGI 2.8.1 overwrites the beginning of the body.
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

    #[test]
    fn a_content_type_is_that_of_the_field_before_that_of_the_constructor() {
        let response = Response::new("x").with_content_type("text/csv").unwrap();
        assert_eq!(response.content_type(), Some("text/csv"));
        let response = response.with_header("content-type", "image/png").unwrap();
        assert_eq!(response.content_type(), Some("image/png"));
        assert_eq!(Response::new("x").with_content_type("").unwrap().content_type(), None);
        assert!(Response::new("x").with_content_type("a\nb").is_err());
    }
}
