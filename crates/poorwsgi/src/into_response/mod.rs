//! Values that can become responses: those that PoorWSGI's `make_response` takes.

mod headers;
mod tuples;

use std::borrow::Cow;

use bytes::Bytes;
use poorwsgi_core::headers::Headers;
use poorwsgi_core::response::{Body, Response, assemble, default_headers};
use poorwsgi_core::state::IntoStatus;
use serde_json::Value;

pub use headers::IntoHeaders;

use crate::{Error, Result};

#[diagnostic::on_unimplemented(
    note = "a response is text, bytes, `Json<T>`, `Response`, `()`, a status, an `Option` or `Result` of those, or a tuple: see `IntoResponse`",
    note = "the error of a `Result` implements `std::error::Error`, or is a `poorwsgi::Error`; a `StatusCode` or a `BoxError` is neither: use `abort` or `Error::new`",
    note = "a status in front of a tuple is an `http::StatusCode`"
)]
/// A value that a handler may return.
///
/// | value | response |
/// |---|---|
/// | text, bytes, [`Body`] | 200, `text/html; charset=utf-8` |
/// | [`serde_json::Value`], [`Json<T>`](crate::Json) | 200, `application/json; charset=utf-8` |
/// | `()`, `None` | 204 |
/// | [`Response`] | itself |
/// | `(data, content_type)` | with that type; JSON and no content keep their own |
/// | `(data, content_type, headers)` | with those header fields instead of the default ones |
/// | `(data, content_type, headers, status)` | with that status |
/// | `http::StatusCode` | that status, without content |
/// | `(StatusCode, value)` | the response of the value, with that status |
/// | `(StatusCode, headers, value)` | the same; these header fields replace the value's own fields of the same names |
/// | [`Sse`](crate::sse::Sse) | server-sent events |
/// | `(SealedSession, value)` | the response of the value, with the session in its cookie |
/// | `Ok` of any of these | the same; an `Err` goes to the application's state and error handlers |
///
/// The `Err` is a [`poorwsgi::Error`](crate::Error), or of a type that implements `std::error::Error` and is
/// `Send + Sync + 'static`, such as [`HttpError`](crate::HttpError) or `std::io::Error`. A `StatusCode`, a
/// `String` and a [`BoxError`](crate::BoxError) are not: return [`abort(status)`](crate::abort), or
/// `Err(Error::new(text_or_boxed_error))`.
///
/// ```
/// use poorwsgi::{IntoResponse, state};
///
/// let response = ("gone", "text/plain", ("X-Why", "moved"), state::HTTP_GONE).into_response()?;
///
/// assert_eq!(response.status(), 410);
/// assert_eq!(response.content_type(), Some("text/plain"));
/// assert_eq!(response.headers().get_str("X-Why"), Some("moved"));
///
/// let created = (http::StatusCode::CREATED, [("Location", "/7")], "done").into_response()?;
/// assert_eq!((created.status(), created.headers().get_str("Location")), (201, Some("/7")));
/// # Ok::<(), poorwsgi::Error>(())
/// ```
///
/// A text is a page of HTML. Escape text that a client has sent
/// ([`html_escape`](crate::results::html_escape)), or return [`Response::text`].
///
/// The data of a tuple is a value of the rows above the tuples, or of a type of your own that implements
/// [`ResponseContent`].
pub trait IntoResponse {
    /// Makes the response.
    ///
    /// # Errors
    /// Where no response can be made of the value: for an unknown status, or an invalid header field.
    fn into_response(self) -> Result<Response>;
}

#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the data of a tuple",
    note = "a tuple begins with the data, `(data, content_type, headers, status)`, or with a status",
    note = "a status in front of a tuple is an `http::StatusCode`"
)]
/// A value that may be the data of a tuple, in front of the content type: `(data, content_type, headers,
/// status)`.
///
/// `http::StatusCode` is not `ResponseContent`: in front of a tuple it is the status of the
/// response, as in `(StatusCode, headers, value)`.
///
/// ```
/// use poorwsgi::{ResponseContent, IntoResponse, Response, Result};
///
/// /// A table for a spreadsheet.
/// struct Table(Vec<[i32; 2]>);
///
/// impl IntoResponse for Table {
///     fn into_response(self) -> Result<Response> {
///         Ok(Response::text(self.0.iter().map(|[a, b]| format!("{a},{b}\n")).collect::<String>()))
///     }
/// }
///
/// impl ResponseContent for Table {}
///
/// let response = (Table(vec![[1, 2]]), "text/csv").into_response()?;
/// assert_eq!(response.content_type(), Some("text/csv"));
/// # Ok::<(), poorwsgi::Error>(())
/// ```
pub trait ResponseContent: IntoResponse {}

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
    status: impl IntoStatus,
) -> Result<Response> {
    let headers = headers.unwrap_or_else(default_headers);
    Ok(assemble(data.into_response()?, content_type, Some(headers), status.into_status())?)
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

impl ResponseContent for Response {}
impl ResponseContent for () {}
impl ResponseContent for Value {}
impl<T: ResponseContent> ResponseContent for Option<T> {}
impl<T: ResponseContent, E: Into<Error>> ResponseContent for Result<T, E> {}

macro_rules! data {
    ($($data:ty),*) => {$(
        impl IntoResponse for $data {
            fn into_response(self) -> Result<Response> {
                Ok(Response::new(self))
            }
        }

        impl ResponseContent for $data {}
    )*};
}

data!(&'static str, String, Cow<'static, str>, &'static [u8], Vec<u8>, Bytes, Body);

#[cfg(test)]
mod tests {
    use http::{HeaderMap, StatusCode};
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
    fn a_status_comes_first_or_alone() {
        assert_eq!(made(StatusCode::IM_A_TEAPOT), (418, None, Bytes::new()));
        let (status, content_type, body) = made((StatusCode::CREATED, json!([1])));
        assert_eq!((status, body), (201, "[1]".into()));
        assert_eq!(content_type.as_deref(), Some("application/json; charset=utf-8"));
        let nested = (StatusCode::GONE, ("x", "text/plain", ("X-A", "1"))).into_response().unwrap();
        assert_eq!((nested.status(), nested.headers().get_str("X-A")), (410, Some("1")));
        assert_eq!(made(("x", "text/plain", (), StatusCode::GONE)).0, 410);
        assert_eq!(made(Ok::<_, Error>((StatusCode::ACCEPTED, "later"))).0, 202);
        assert!(StatusCode::from_u16(299).unwrap().into_response().is_err());
    }

    #[test]
    fn fields_between_status_and_data_replace_those_of_the_data() {
        let data =
            || Response::text("x").with_header("X-A", "old").unwrap().with_header("X-B", "kept").unwrap();
        let fields = [("X-A", "1"), ("x-a", "2"), ("Content-Type", "text/csv")];
        let mut map = HeaderMap::new();
        for (name, value) in [("x-a", "1"), ("x-a", "2"), ("content-type", "text/csv")] {
            map.append(name, value.parse().unwrap());
        }
        for response in [
            (StatusCode::OK, fields, data()).into_response().unwrap(),
            (StatusCode::OK, map, data()).into_response().unwrap(),
        ] {
            let all: Vec<_> = response.headers().get_all("X-A").collect();
            assert_eq!(all, ["1", "2"]);
            assert_eq!(response.headers().get_str("X-B"), Some("kept"));
            assert_eq!(response.content_type(), Some("text/csv"));
        }
        assert!((StatusCode::OK, ("X-A", "a\r\nb"), "x").into_response().is_err());
    }

    #[test]
    fn what_no_message_can_hold_is_an_error() {
        assert!(("x", "a\nb").into_response().is_err());
        assert!(("x", "", ("X-A", "a\r\nb")).into_response().is_err());
        assert!(("x", "", ("X A", "b")).into_response().is_err());
        assert!(("x", "", Headers::new(), 99).into_response().is_err());
    }
}
