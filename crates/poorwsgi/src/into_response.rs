//! Values that can become responses: those that PoorWSGI's `make_response` takes.

use std::borrow::Cow;

use bytes::Bytes;
use poorwsgi_core::headers::{HeaderError, Headers};
use poorwsgi_core::response::{Body, Response, assemble, default_headers};
use poorwsgi_core::state;
use serde_json::Value;

use crate::{Error, Result};

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
/// | `Ok` of any of these | the same; an `Err` goes to the application's state and error handlers |
///
/// ```
/// use poorwsgi::{IntoResponse, state};
///
/// let response = ("gone", "text/plain", ("X-Why", "moved"), state::HTTP_GONE).into_response()?;
///
/// assert_eq!(response.status(), 410);
/// assert_eq!(response.content_type(), Some("text/plain"));
/// assert_eq!(response.headers().get_str("X-Why"), Some("moved"));
/// # Ok::<(), poorwsgi::Error>(())
/// ```
pub trait IntoResponse {
    /// Makes the response.
    ///
    /// # Errors
    /// Where no response can be made of the value: for an unknown status, or an invalid header field.
    fn into_response(self) -> Result<Response>;
}

/// Header fields in the forms that a handler may return: [`Headers`], `()` for none, one pair, or an array or
/// vector of pairs. A name may come several times.
///
/// ```
/// use poorwsgi::{IntoResponse, state};
///
/// let none = ("ok", "text/plain", (), state::HTTP_OK).into_response()?;
/// assert!(none.headers().is_empty());
///
/// let cookies = [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")];
/// let two = ("ok", "text/plain", cookies).into_response()?;
/// assert_eq!(two.headers().get_all("Set-Cookie").count(), 2);
///
/// assert!(("ok", "text/plain", ("X-Note", "two\nlines")).into_response().is_err());
/// # Ok::<(), poorwsgi::Error>(())
/// ```
pub trait IntoHeaders {
    /// Makes the header fields.
    ///
    /// # Errors
    /// That of the first field with an invalid name or value.
    fn into_headers(self) -> Result<Headers, HeaderError>;
}

/// Makes a response of its four parts, as PoorWSGI does. An empty `content_type` keeps the type of the data.
/// Without `headers`, the response has `X-Powered-By: PoorWSGI`; otherwise it has only these. Data without
/// content gives a 204 where `status` is 200.
///
/// ```
/// use poorwsgi::{make_response, state};
///
/// let response = make_response("gone", "text/plain", None, state::HTTP_GONE)?;
///
/// assert_eq!(response.status(), 410);
/// assert_eq!(response.headers().get_str("X-Powered-By"), Some("PoorWSGI"));
/// # Ok::<(), poorwsgi::Error>(())
/// ```
///
/// # Errors
/// For an unknown status, or a content type with a control character; and those of `data`.
pub fn make_response(
    data: impl IntoResponse,
    content_type: &str,
    headers: Option<Headers>,
    status: u16,
) -> Result<Response> {
    let headers = headers.unwrap_or_else(default_headers);
    Ok(assemble(data.into_response()?, content_type, Some(headers), status)?)
}

impl IntoResponse for Response {
    fn into_response(self) -> Result<Response> {
        Ok(self)
    }
}

impl IntoResponse for () {
    fn into_response(self) -> Result<Response> {
        Ok(Response::no_content())
    }
}

impl IntoResponse for Value {
    fn into_response(self) -> Result<Response> {
        Ok(Response::json(&self)?)
    }
}

impl<T: IntoResponse> IntoResponse for Option<T> {
    fn into_response(self) -> Result<Response> {
        self.map_or_else(|| Ok(Response::no_content()), T::into_response)
    }
}

impl<T: IntoResponse, E: Into<Error>> IntoResponse for Result<T, E> {
    fn into_response(self) -> Result<Response> {
        self.map_err(Into::into)?.into_response()
    }
}

macro_rules! data {
    ($($data:ty),*) => {$(
        impl IntoResponse for $data {
            fn into_response(self) -> Result<Response> {
                Ok(Response::new(self))
            }
        }
    )*};
}

data!(&'static str, String, Cow<'static, str>, &'static [u8], Vec<u8>, Bytes, Body);

impl<T: IntoResponse, C: AsRef<str>> IntoResponse for (T, C) {
    fn into_response(self) -> Result<Response> {
        Ok(assemble(self.0.into_response()?, self.1.as_ref(), None, state::HTTP_OK)?)
    }
}

impl<T: IntoResponse, C: AsRef<str>, H: IntoHeaders> IntoResponse for (T, C, H) {
    fn into_response(self) -> Result<Response> {
        Ok(assemble(self.0.into_response()?, self.1.as_ref(), Some(self.2.into_headers()?), state::HTTP_OK)?)
    }
}

impl<T: IntoResponse, C: AsRef<str>, H: IntoHeaders> IntoResponse for (T, C, H, u16) {
    fn into_response(self) -> Result<Response> {
        Ok(assemble(self.0.into_response()?, self.1.as_ref(), Some(self.2.into_headers()?), self.3)?)
    }
}

impl IntoHeaders for Headers {
    fn into_headers(self) -> Result<Headers, HeaderError> {
        Ok(self)
    }
}

impl IntoHeaders for () {
    fn into_headers(self) -> Result<Headers, HeaderError> {
        Ok(Headers::new())
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn made(value: impl IntoResponse) -> (u16, Option<String>, Bytes) {
        let response = value.into_response().unwrap();
        let body = response.body().as_bytes().unwrap().clone();
        (response.status(), response.content_type().map(str::to_owned), body)
    }

    /// As in PoorWSGI, `X-Powered-By` is added only where no headers were given.
    #[test]
    fn x_powered_by_is_said_only_where_no_headers_were_given() {
        let plain = make_response("x", "", None, 200).unwrap();
        assert_eq!(plain.headers().get_str("X-Powered-By"), Some("PoorWSGI"));
        let given = make_response("x", "", Some(Headers::new()), 200).unwrap();
        assert!(!given.headers().contains("X-Powered-By"));
    }

    /// PoorWSGI's `make_response`, row by row of its documentation.
    #[test]
    fn values_become_the_responses_that_poorwsgi_makes_of_them() {
        let html = || Some("text/html; charset=utf-8".to_owned());
        let json = || Some("application/json; charset=utf-8".to_owned());
        assert_eq!(made("Hello"), (200, html(), "Hello".into()));
        assert_eq!(made("Hello".to_owned()), (200, html(), "Hello".into()));
        assert_eq!(made(vec![50]), (200, html(), "2".into()));
        assert_eq!(made(Some(Bytes::from("x"))), (200, html(), "x".into()));
        assert_eq!(made(()), (204, None, Bytes::new()));
        assert_eq!(made(None::<String>), (204, None, Bytes::new()));
        assert_eq!(made(json!([["key", "value"]])), (200, json(), "[[\"key\",\"value\"]]".into()));
        assert_eq!(made(json!([])), (200, json(), "[]".into()));
        assert_eq!(made(("x", "text/plain")), (200, Some("text/plain".into()), "x".into()));
        assert_eq!(made((json!({}), "text/plain", Headers::new(), 201)), (201, json(), "{}".into()));
        assert_eq!(made(((), "text/plain", Headers::new(), 201)), (201, None, Bytes::new()));
        assert_eq!(made(((), "text/plain", Headers::new(), 200)), (204, None, Bytes::new()));
    }

    /// PoorWSGI 2.8.1 answers 500 where headers are given as one pair.
    #[test]
    fn headers_come_as_a_map_a_pair_or_pairs() {
        let one = ("x", "text/plain", ("X-A", "1")).into_response().unwrap();
        assert_eq!(one.headers().iter().collect::<Vec<_>>(), [("X-A".into(), &"1".parse().unwrap())]);
        let several = ("x", "", [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")]).into_response().unwrap();
        assert_eq!(several.headers().get_all("set-cookie").count(), 2);
        assert_eq!(several.content_type(), Some("text/html; charset=utf-8"));
        let none = ("x", "", Vec::<(String, String)>::new()).into_response().unwrap();
        assert!(none.headers().is_empty());
    }

    #[test]
    fn what_no_message_can_hold_is_an_error() {
        assert!(("x", "a\nb").into_response().is_err());
        assert!(("x", "", ("X-A", "a\r\nb")).into_response().is_err());
        assert!(("x", "", ("X A", "b")).into_response().is_err());
        assert!(("x", "", Headers::new(), 99).into_response().is_err());
    }
}
