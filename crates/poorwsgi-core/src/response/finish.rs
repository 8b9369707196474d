//! The last step before a response is sent: the request's method, conditions and ranges are applied, and its
//! framing is settled. This module does no I/O.

use std::borrow::Cow;

use http::HeaderName;
use http::header::{
    ACCEPT_RANGES, CONTENT_LENGTH, ETAG, HeaderValue, IF_RANGE, LAST_MODIFIED, RANGE, TRANSFER_ENCODING,
};

use super::body::Body;
use super::conditional::{EntityTag, Precondition, Validators, evaluate, if_range};
use super::content::Content;
use super::error::ResponseError;
use super::length::{BadLength, DeclaredLength};
use super::range;
use super::response::{Ranges, Response, state_content};
use crate::state::{self, Method};

/// Turns a handler's response into the response that is sent for this request.
///
/// - A 200 to GET or HEAD that has an `ETag` or `Last-Modified` becomes 304 or 412 where the request's
///   conditions say so (RFC 9110, section 13); for other methods the application has to
///   [evaluate](super::conditional::evaluate) the conditions before it acts.
/// - A 200 to GET that offers ranges becomes 206 or 416 where the request asks for ranges (section 14).
/// - HEAD, 1xx, 204, 205 and 304 have no body; HEAD has the `Content-Length` of GET.
/// - `Transfer-Encoding` is removed, because only the server may set it. A `Content-Length` that the
///   application set is checked and removed: the length, and the `Content-Type` of the constructor, become
///   fields when the response is sent.
///
/// `method` is `None` for a method that the framework does not know. `field` returns the value of a header
/// field of the request, several fields of one name joined by commas. To send the result, convert it with
/// [`Response::into_http`], or call [`state_content`](super::state_content) and read its parts.
///
/// ```
/// use poorwsgi_core::response::{Response, finish};
/// use poorwsgi_core::state::Method;
///
/// let response = Response::text("Hello world").accept_ranges();
/// let field = |name: &http::HeaderName| (name == "range").then_some("bytes=0-4".into());
/// let response = finish(Method::Get, field, response)?;
///
/// assert_eq!(response.status(), 206);
/// assert_eq!(response.headers().get_str("Content-Range"), Some("bytes 0-4/11"));
/// assert_eq!(response.body().as_bytes().unwrap(), "Hello");
/// # Ok::<(), poorwsgi_core::response::ResponseError>(())
/// ```
///
/// # Errors
/// [`ResponseError::ContentLength`] where the application set a `Content-Length` that is not a number, and
/// [`ResponseError::Length`] where the number is not the length of the body. Both are answered with 500,
/// because wrong framing would corrupt the next response on the connection.
pub fn finish<'r>(
    method: impl Into<Option<Method>>,
    field: impl Fn(&HeaderName) -> Option<Cow<'r, str>>,
    mut response: Response,
) -> Result<Response, ResponseError> {
    let method = method.into();
    let mut declared = None;
    // Most responses have no fields yet: their `Content-Type` and `Content-Length` are added when they are
    // sent.
    if !response.headers().is_empty() {
        declared = declared_length(&mut response)?;
        response.headers_mut().remove(TRANSFER_ENCODING);
    }
    settle_length(method, declared, &mut response)?;
    if response.status() == state::HTTP_OK
        && let Some(method @ (Method::Get | Method::Head)) = method
    {
        conditions(method, &field, &mut response)?;
        if response.status() != state::HTTP_OK {
            declared = None;
        }
        ranges(method, &field, &mut response)?;
    }
    frame(method, declared, &mut response);
    Ok(response)
}

/// Removes and returns the `Content-Length` that the application set. Several fields with the same number are
/// allowed (RFC 9110, section 8.6).
fn declared_length(response: &mut Response) -> Result<Option<u64>, ResponseError> {
    let headers = response.headers_mut();
    let mut declared = DeclaredLength::default();
    for value in headers.get_all(CONTENT_LENGTH) {
        declared.add(value.as_bytes()).map_err(|error| {
            ResponseError::ContentLength(match error {
                BadLength::NotANumber(value) => value,
                BadLength::Different(one, other) => format!("{one}, {other}"),
            })
        })?;
    }
    if declared.get().is_some() {
        headers.remove(CONTENT_LENGTH);
    }
    Ok(declared.get())
}

/// Checks the declared length, and holds a body of unknown length to it.
fn settle_length(
    method: Option<Method>,
    declared: Option<u64>,
    response: &mut Response,
) -> Result<(), ResponseError> {
    let Some(length) = declared else { return Ok(()) };
    let actual = response.body().length();
    Content::of(method, response.status()).check_length(declared, actual)?;
    if actual.is_none() {
        response.map_body(|body| body.with_length(length));
    }
    Ok(())
}

fn validators(response: &Response) -> Option<Validators<'_>> {
    if response.headers().is_empty() {
        return None;
    }
    let entity_tag = response.headers().get_str(ETAG);
    let last_modified = response.headers().get_str(LAST_MODIFIED);
    if entity_tag.is_none() && last_modified.is_none() {
        return None;
    }
    Some(Validators {
        entity_tag: entity_tag.and_then(EntityTag::parse),
        last_modified: last_modified.and_then(|date| httpdate::parse_http_date(date).ok()),
    })
}

fn conditions<'r>(
    method: Method,
    field: impl Fn(&HeaderName) -> Option<Cow<'r, str>>,
    response: &mut Response,
) -> Result<(), ResponseError> {
    let Some(current) = validators(response) else { return Ok(()) };
    let status = match evaluate(method, field, Some(&current)) {
        Precondition::Proceed => return Ok(()),
        Precondition::NotModified => state::HTTP_NOT_MODIFIED,
        Precondition::Failed => state::HTTP_PRECONDITION_FAILED,
    };
    response.drop_representation();
    response.set_status(status)
}

fn ranges<'r>(
    method: Method,
    field: impl Fn(&HeaderName) -> Option<Cow<'r, str>>,
    response: &mut Response,
) -> Result<(), ResponseError> {
    let offered = response.take_ranges();
    if offered == Ranges::Refused || !range::may_be_cut(response.status()) {
        return Ok(());
    }
    if response.body().length().is_none() {
        // The ranges that the application chose cannot be cut out of a body of unknown length, and it did not
        // ask for the whole body.
        return match offered {
            Ranges::Chosen(specs) if !specs.is_empty() => range::unsatisfiable(response, None),
            _ => Ok(()),
        };
    }
    response.headers_mut().put(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    // `Range` is defined for GET only (RFC 9110, section 14.2).
    if method != Method::Get {
        return Ok(());
    }
    let specs = match offered {
        Ranges::Chosen(specs) => Some(specs),
        _ => field(&RANGE).and_then(|value| range::requested(&value)),
    };
    let Some(specs) = specs else { return Ok(()) };
    if let Some(condition) = field(&IF_RANGE)
        && !if_range(&condition, &validators(response).unwrap_or_default())
    {
        return Ok(());
    }
    range::apply(response, &specs)
}

fn frame(method: Option<Method>, declared: Option<u64>, response: &mut Response) {
    let status = response.status();
    let content = Content::of(method, status);
    if content.is_allowed() {
        return response.expect_length(response.body().length());
    }
    if status == state::HTTP_NOT_MODIFIED {
        // A 304 keeps only those fields of the 200 that caches need (RFC 9110, section 15.4.5).
        return response.drop_representation();
    }
    if content != Content::Described {
        response.drop_content_type();
    }
    response.expect_length(content.stated_length(declared.or(response.body().length())));
    response.set_body(Body::empty());
    // The body is empty now, so the server cannot take the length from it.
    state_content(response);
}

#[cfg(test)]
mod tests {
    use super::super::body::read;
    use super::super::stream::iter;
    use super::*;
    use crate::error::BoxError;
    use crate::headers::Headers;

    const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

    fn ask(method: Method, fields: &[(&str, &str)], response: Response) -> Response {
        let field = |name: &HeaderName| {
            fields.iter().find(|(field, _)| name == *field).map(|(_, value)| Cow::Owned((*value).to_owned()))
        };
        let mut response = finish(method, field, response).unwrap();
        state_content(&mut response);
        response
    }

    fn get(response: Response) -> Response {
        ask(Method::Get, &[], response)
    }

    fn page() -> Response {
        let mut headers = Headers::new();
        headers.set("ETag", "\"v1\"").unwrap();
        headers.set("Last-Modified", DATE).unwrap();
        headers.set("Cache-Control", "max-age=5").unwrap();
        headers.set("Content-Language", "cs").unwrap();
        Response::new("0123456789").with_headers(headers).accept_ranges()
    }

    fn names(response: &Response) -> Vec<String> {
        response.headers().iter().map(|(name, _)| name.into_owned()).collect()
    }

    fn streamed() -> Response {
        Response::text_stream(iter([Ok::<_, BoxError>("abc")]))
    }

    #[test]
    fn length_and_type_are_said_where_they_are_known() {
        let response = get(Response::new("abc"));
        assert_eq!(response.headers().get_str("Content-Length"), Some("3"));
        assert_eq!(response.headers().get_str("Content-Type"), Some("text/html; charset=utf-8"));
        let response = get(Response::new("abc").with_header("content-type", "image/png").unwrap());
        assert_eq!(response.headers().get_all("Content-Type").count(), 1);
        assert_eq!(response.headers().get_str("Content-Type"), Some("image/png"));
        assert!(!get(streamed()).headers().contains("Content-Length"));
        assert_eq!(get(Response::empty(404).unwrap()).headers().get_str("Content-Length"), Some("0"));
    }

    /// RFC 9110, section 9.3.2: a response to HEAD has the `Content-Length` of GET, and never a body.
    #[test]
    fn head_is_get_without_a_body() {
        for fields in [&[][..], &[("range", "bytes=0-1")], &[("if-none-match", "\"v1\"")]] {
            let plain =
                if fields.first().is_some_and(|(name, _)| *name == "range") { &[][..] } else { fields };
            let head = ask(Method::Head, fields, page());
            let get = ask(Method::Get, plain, page());
            assert_eq!(head.status(), get.status());
            assert_eq!(head.headers(), get.headers());
            assert!(head.body().as_bytes().unwrap().is_empty());
        }
        // A handler may know the length without making the body.
        let response = Response::new("").with_header("Content-Length", "1234").unwrap();
        assert_eq!(ask(Method::Head, &[], response).headers().get_str("Content-Length"), Some("1234"));
        // A stream of a declared length offers and chooses ranges as its GET does.
        let offers = || streamed().with_header("Content-Length", "3").unwrap().accept_ranges();
        let (head, get) = (ask(Method::Head, &[], offers()), get(offers()));
        assert_eq!((head.status(), head.headers()), (get.status(), get.headers()));
        assert_eq!(head.headers().get_str("Accept-Ranges"), Some("bytes"));
    }

    /// RFC 9110, sections 8.6, 15.2, 15.3.5, 15.3.6 and 15.4.5: the header fields are sent, a body is not.
    #[test]
    fn some_statuses_have_no_body() {
        for status in [100, 101, 204, 205, 304] {
            for body in [Response::new("body"), streamed()] {
                let response = body.with_status(status).unwrap().with_header("X-A", "1").unwrap();
                let response = response.with_header("Transfer-Encoding", "chunked").unwrap();
                let response = get(response.with_header("Content-Length", "4").unwrap());
                assert!(response.body().as_bytes().unwrap().is_empty(), "{status}");
                assert_eq!(response.headers().get_str("X-A"), Some("1"));
                assert!(!response.headers().contains("Transfer-Encoding"), "{status}");
                assert!(!response.headers().contains("Content-Type"), "{status}");
                let length = (status == 205).then_some("0");
                assert_eq!(response.headers().get_str("Content-Length"), length, "{status}");
            }
        }
    }

    /// RFC 9110, section 9.3.6.
    #[test]
    fn a_tunnel_has_no_length() {
        let response = ask(Method::Connect, &[], Response::new("x"));
        assert!(response.body().as_bytes().unwrap().is_empty());
        assert!(!response.headers().contains("Content-Length"));
        assert_eq!(
            ask(Method::Connect, &[], Response::new("x").with_status(403).unwrap()).body().length(),
            Some(1)
        );
    }

    /// A length contradicts only content that is sent.
    #[test]
    fn a_length_is_checked_where_content_is_sent() {
        let with = |method: Method, status: u16| {
            let response = Response::new("abc").with_status(status).unwrap();
            finish(method, |_| None, response.with_header("Content-Length", "9").unwrap()).is_ok()
        };
        for (method, status, passes) in [
            (Method::Get, 200, false),
            (Method::Head, 200, true),
            (Method::Get, 304, true),
            (Method::Connect, 200, true),
            (Method::Connect, 403, false),
        ] {
            assert_eq!(with(method, status), passes, "{method:?} {status}");
        }
    }

    /// RFC 9110, sections 13.2 and 15.4.5.
    #[test]
    fn what_the_client_has_is_not_sent_again() {
        for fields in [&[("if-none-match", "W/\"v1\"")][..], &[("if-modified-since", DATE)]] {
            let response = ask(Method::Get, fields, page());
            assert_eq!(response.status(), 304);
            assert_eq!(names(&response), ["ETag", "Last-Modified", "Cache-Control"]);
            assert!(response.body().as_bytes().unwrap().is_empty());
        }
        assert_eq!(ask(Method::Get, &[("if-none-match", "\"v2\"")], page()).status(), 200);
    }

    /// RFC 9110, section 13.2.1: conditions apply only where the response would otherwise be a 2xx; after a
    /// POST has taken effect it is too late for them.
    #[test]
    fn conditions_count_for_what_would_be_sent() {
        let fields = &[("if-none-match", "*"), ("if-match", "\"other\"")];
        assert_eq!(ask(Method::Get, fields, page().with_status(404).unwrap()).status(), 404);
        assert_eq!(ask(Method::Post, fields, page()).status(), 200);
        assert_eq!(ask(Method::Get, fields, Response::new("no validator")).status(), 200);
        assert_eq!(finish(None, |_| Some("*".into()), page()).unwrap().status(), 200);
    }

    #[test]
    fn a_failed_precondition_is_412_without_the_page() {
        for method in [Method::Get, Method::Head] {
            let page = page().with_header("Content-Length", "10").unwrap();
            let response = ask(method, &[("if-match", "\"other\"")], page);
            assert_eq!(response.status(), 412);
            assert_eq!(response.headers().get_str("Content-Length"), Some("0"));
            assert!(!response.headers().contains("Content-Language"));
        }
    }

    /// RFC 9110, sections 13.1.5 and 13.2.2.
    #[test]
    fn a_part_is_sent_only_to_the_same_whole() {
        let range = ("range", "bytes=2-3");
        for (condition, status) in
            [("\"v1\"", 206), (DATE, 206), ("\"v2\"", 200), ("W/\"v1\"", 200), ("x", 200)]
        {
            let response = ask(Method::Get, &[range, ("if-range", condition)], page());
            assert_eq!(response.status(), status, "{condition}");
        }
        assert_eq!(ask(Method::Get, &[range, ("if-none-match", "\"v1\"")], page()).status(), 304);
        assert_eq!(ask(Method::Post, &[range], page()).status(), 200);
        let unnamed = Response::new("0123456789").accept_ranges();
        assert_eq!(ask(Method::Get, &[range, ("if-range", DATE)], unnamed).status(), 200);
    }

    /// An application that sets a wrong length gets a 500, never wrong framing.
    #[test]
    fn a_length_that_contradicts_the_body_is_an_error() {
        for value in ["4", "2", "0", "", "x", "+3", "3, 3", "-1", "99999999999999999999"] {
            let response = Response::new("abc").with_header("Content-Length", value).unwrap();
            assert!(finish(Method::Get, |_| None, response).is_err(), "{value}");
        }
        let with = |lengths: [&str; 2]| {
            let mut response = Response::new("abc");
            for length in lengths {
                response.headers_mut().append("Content-Length", length).unwrap();
            }
            finish(Method::Get, |_| None, response)
        };
        assert!(with(["3", "4"]).is_err() && with(["4", "3"]).is_err() && with(["4", "4"]).is_err());
        let mut response = with(["3", " 3 "]).unwrap();
        state_content(&mut response);
        assert_eq!(response.headers().get_str("Content-Length"), Some("3"));
        assert_eq!(response.headers().get_all("Content-Length").count(), 1);
    }

    #[test]
    fn a_stream_is_held_to_the_length_it_was_given() {
        let with = |length: &str| get(streamed().with_header("Content-Length", length).unwrap());
        assert_eq!(with("3").headers().get_str("Content-Length"), Some("3"));
        assert_eq!(read(with("3").into_body()).unwrap(), "abc");
        assert!(read(with("2").into_body()).is_err());
        assert!(read(with("4").into_body()).is_err());
    }

    #[test]
    fn the_message_for_hyper_is_the_same() {
        let mut response = Response::new("abc");
        response.headers_mut().append("Set-Cookie", "a=1").unwrap();
        response.headers_mut().append("Set-Cookie", "b=2").unwrap();
        let message = get(response).into_http();
        assert_eq!(message.status(), 200);
        assert_eq!(message.headers().get_all("set-cookie").iter().count(), 2);
        assert_eq!(message.headers()["content-length"], "3");
        assert!(get(Response::declined()).into_http().extensions().get::<super::super::Declined>().is_some());
    }
}
