//! The last step before sending: what the request's method and conditions make of a response, and the fields that
//! frame it. Nothing is read or written here.

use std::borrow::Cow;

use http::HeaderName;
use http::header::{
    ACCEPT_RANGES, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG,
    HeaderValue, IF_RANGE, LAST_MODIFIED, RANGE, TRANSFER_ENCODING,
};

use super::body::Body;
use super::conditional::{EntityTag, Outcome, Validators, evaluate, if_range};
use super::error::ResponseError;
use super::range::{self, Ranges};
use super::response::Response;
use crate::state::{self, Method};

/// Makes a response what the request is answered with.
///
/// - A 200 to GET or HEAD that has an `ETag` or `Last-Modified` becomes 304 or 412 where the request's conditions say so
///   (RFC 9110, section 13); for other methods the application [asks](super::conditional::evaluate) before it acts.
/// - A 200 to GET that offers ranges becomes 206 or 416 where the request asks for ranges (section 14).
/// - HEAD, 1xx, 204, 205 and 304 have no body; HEAD has the `Content-Length` of GET.
/// - `Content-Length` is set where the length is known, `Content-Type` where it is not set.
///   `Transfer-Encoding` is the server's and is removed.
///
/// `method` is `None` for a method that the framework does not know. `field` gives the value of a request header, the
/// lines of one name joined by a comma. The response goes to the client by [`Response::into_http`], or by the
/// accessors of [`Response`].
///
/// ```
/// use poorwsgi::response::{Response, finish};
/// use poorwsgi::state::Method;
///
/// let response = Response::text("Hello world").accept_ranges();
/// let field = |name: &http::HeaderName| (name == "range").then_some("bytes=0-4".into());
/// let response = finish(Method::Get, field, response)?;
///
/// assert_eq!(response.status(), 206);
/// assert_eq!(response.headers().get_str("Content-Range"), Some("bytes 0-4/11"));
/// assert_eq!(response.body().as_bytes().unwrap(), "Hello");
/// # Ok::<(), poorwsgi::response::ResponseError>(())
/// ```
///
/// # Errors
/// [`ResponseError::ContentLength`] and [`ResponseError::Length`] where the application set a `Content-Length` that is no
/// number or not that of the body. The error is answered with 500, because wrong framing would corrupt the next answer.
pub fn finish<'r>(
    method: impl Into<Option<Method>>,
    field: impl Fn(&HeaderName) -> Option<Cow<'r, str>>,
    mut response: Response,
) -> Result<Response, ResponseError> {
    let method = method.into();
    let mut declared = declared_length(&mut response)?;
    response.headers_mut().remove(TRANSFER_ENCODING);
    if method != Some(Method::Head) {
        settle_length(&mut response, declared)?;
    }
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

/// Takes the `Content-Length` that the application set.
fn declared_length(response: &mut Response) -> Result<Option<u64>, ResponseError> {
    let headers = response.headers_mut();
    let several = headers.get_all(CONTENT_LENGTH).nth(1).is_some();
    let Some(value) = headers.remove(CONTENT_LENGTH) else { return Ok(None) };
    let text = String::from_utf8_lossy(value.as_bytes());
    let digits = !several && !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(length) if digits => Ok(Some(length)),
        _ => Err(ResponseError::ContentLength(text.into_owned())),
    }
}

fn settle_length(response: &mut Response, declared: Option<u64>) -> Result<(), ResponseError> {
    match (declared, response.body().length()) {
        (Some(declared), Some(actual)) if declared != actual && !is_bodiless(response.status()) => {
            Err(ResponseError::Length { declared, actual })
        }
        (Some(declared), None) => {
            response.map_body(|body| body.with_length(declared));
            Ok(())
        }
        _ => Ok(()),
    }
}

fn validators(response: &Response) -> Option<Validators<'_>> {
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
        Outcome::Proceed => return Ok(()),
        Outcome::NotModified => state::HTTP_NOT_MODIFIED,
        Outcome::PreconditionFailed => state::HTTP_PRECONDITION_FAILED,
    };
    without_representation(response);
    response.set_status(status)
}

/// Takes away the body and the fields that describe nothing but it.
pub(super) fn without_representation(response: &mut Response) {
    response.set_body(Body::empty());
    response.take_content_type();
    for name in [CONTENT_TYPE, CONTENT_LANGUAGE, CONTENT_ENCODING, CONTENT_RANGE] {
        response.headers_mut().remove(name);
    }
    response.headers_mut().remove("Content-MD5");
}

fn ranges<'r>(
    method: Method,
    field: impl Fn(&HeaderName) -> Option<Cow<'r, str>>,
    response: &mut Response,
) -> Result<(), ResponseError> {
    let offered = response.take_ranges();
    if offered == Ranges::Refused || response.status() != state::HTTP_OK {
        return Ok(());
    }
    if response.body().length().is_none() {
        return Ok(());
    }
    response.headers_mut().put(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    // Range means something for GET alone (RFC 9110, section 14.2).
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

/// Statuses whose message ends with its head (RFC 9112, section 6.3), and 205, which has no content by its meaning
/// (RFC 9110, section 15.3.6).
const fn is_bodiless(status: u16) -> bool {
    matches!(
        status,
        100..=199 | state::HTTP_NO_CONTENT | state::HTTP_RESET_CONTENT | state::HTTP_NOT_MODIFIED
    )
}

fn frame(method: Option<Method>, declared: Option<u64>, response: &mut Response) {
    let status = response.status();
    if status == state::HTTP_NOT_MODIFIED {
        // Of the 200's representation only what caches need (RFC 9110, section 15.4.5).
        without_representation(response);
    }
    if is_bodiless(status) || (method == Some(Method::Connect) && matches!(status, 200..=299)) {
        response.set_body(Body::empty());
        if status == state::HTTP_RESET_CONTENT {
            response.headers_mut().put(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        return;
    }
    let head = method == Some(Method::Head);
    let known = response.body().length();
    if let Some(length) = if head { declared.or(known) } else { known } {
        response.headers_mut().put(CONTENT_LENGTH, HeaderValue::from(length));
    }
    if head {
        response.set_body(Body::empty());
    }
    if let Some(content_type) = response.take_content_type()
        && !response.headers().contains(CONTENT_TYPE)
    {
        response.headers_mut().put(CONTENT_TYPE, content_type);
    }
}
