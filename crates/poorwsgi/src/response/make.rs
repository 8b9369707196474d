//! Values that become responses, as PoorWSGI's `make_response` takes them.

use std::borrow::Cow;

use bytes::Bytes;
use serde_json::Value;

use super::body::Body;
use super::error::ResponseError;
use super::response::Response;
use crate::headers::{HeaderError, Headers};
use crate::state;

/// A value that a handler may return.
///
/// | value | response |
/// |---|---|
/// | text, bytes, [`Body`] | 200, `text/html; charset=utf-8` |
/// | [`serde_json::Value`] | 200, `application/json; charset=utf-8` |
/// | `()`, `None` | 204 |
/// | [`Response`] | itself |
/// | `(data, content_type)` | with that type; JSON and no content keep their own |
/// | `(data, content_type, headers)` | with those header fields instead of the default ones |
/// | `(data, content_type, headers, status)` | with that status |
///
/// ```
/// use poorwsgi::{response::{IntoResponse, ResponseError}, state};
///
/// let response = ("gone", "text/plain", ("X-Why", "moved"), state::HTTP_GONE).into_response()?;
///
/// assert_eq!(response.status(), 410);
/// assert_eq!(response.content_type(), Some("text/plain"));
/// assert_eq!(response.headers().get_str("X-Why"), Some("moved"));
/// # Ok::<(), ResponseError>(())
/// ```
pub trait IntoResponse {
    /// The response.
    ///
    /// # Errors
    /// A value that no response can be made of: an unknown status, a header field that was refused.
    fn into_response(self) -> Result<Response, ResponseError>;
}

/// Header fields in the forms that a handler may return: [`Headers`], one pair, or an array or vector of pairs. A name
/// may come several times.
pub trait IntoHeaders {
    /// The fields.
    ///
    /// # Errors
    /// The first field that was refused.
    fn into_headers(self) -> Result<Headers, HeaderError>;
}

/// Makes a response of its four parts. An empty content type is that of the data. Without headers the response has the
/// default ones. 200 without content is 204.
///
/// # Errors
/// An unknown status, or a content type that no header field can hold.
pub fn make_response(
    data: impl IntoResponse,
    content_type: &str,
    headers: Option<Headers>,
    status: u16,
) -> Result<Response, ResponseError> {
    let mut response = data.into_response()?;
    if response.content_type().is_some_and(|own| !own.starts_with("application/json")) && !content_type.is_empty() {
        response = response.with_content_type(content_type)?;
    }
    if let Some(headers) = headers {
        response = response.with_headers(headers);
    }
    if status != state::HTTP_OK {
        response.set_status(status)?;
    }
    Ok(response)
}

impl IntoResponse for Response {
    fn into_response(self) -> Result<Response, ResponseError> {
        Ok(self)
    }
}

impl IntoResponse for () {
    fn into_response(self) -> Result<Response, ResponseError> {
        Ok(Response::no_content())
    }
}

impl IntoResponse for Value {
    fn into_response(self) -> Result<Response, ResponseError> {
        Response::json(&self)
    }
}

impl<T: IntoResponse> IntoResponse for Option<T> {
    fn into_response(self) -> Result<Response, ResponseError> {
        self.map_or_else(|| Ok(Response::no_content()), T::into_response)
    }
}

macro_rules! data {
    ($($data:ty),*) => {$(
        impl IntoResponse for $data {
            fn into_response(self) -> Result<Response, ResponseError> {
                Ok(Response::new(self))
            }
        }
    )*};
}

data!(&'static str, String, Cow<'static, str>, &'static [u8], Vec<u8>, Bytes, Body);

impl<T: IntoResponse, C: AsRef<str>> IntoResponse for (T, C) {
    fn into_response(self) -> Result<Response, ResponseError> {
        make_response(self.0, self.1.as_ref(), None, state::HTTP_OK)
    }
}

impl<T: IntoResponse, C: AsRef<str>, H: IntoHeaders> IntoResponse for (T, C, H) {
    fn into_response(self) -> Result<Response, ResponseError> {
        make_response(self.0, self.1.as_ref(), Some(self.2.into_headers()?), state::HTTP_OK)
    }
}

impl<T: IntoResponse, C: AsRef<str>, H: IntoHeaders> IntoResponse for (T, C, H, u16) {
    fn into_response(self) -> Result<Response, ResponseError> {
        make_response(self.0, self.1.as_ref(), Some(self.2.into_headers()?), self.3)
    }
}

impl IntoHeaders for Headers {
    fn into_headers(self) -> Result<Headers, HeaderError> {
        Ok(self)
    }
}

impl<N: AsRef<str>, V: AsRef<[u8]>> IntoHeaders for (N, V) {
    fn into_headers(self) -> Result<Headers, HeaderError> {
        collect([self])
    }
}

impl<N: AsRef<str>, V: AsRef<[u8]>, const COUNT: usize> IntoHeaders for [(N, V); COUNT] {
    fn into_headers(self) -> Result<Headers, HeaderError> {
        collect(self)
    }
}

impl<N: AsRef<str>, V: AsRef<[u8]>> IntoHeaders for Vec<(N, V)> {
    fn into_headers(self) -> Result<Headers, HeaderError> {
        collect(self)
    }
}

fn collect<N: AsRef<str>, V: AsRef<[u8]>>(
    pairs: impl IntoIterator<Item = (N, V)>,
) -> Result<Headers, HeaderError> {
    let mut headers = Headers::new();
    for (name, value) in pairs {
        headers.append(name, value)?;
    }
    Ok(headers)
}
