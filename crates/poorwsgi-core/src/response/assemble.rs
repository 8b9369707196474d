//! A response from the parts that a handler returns, and its `X-Powered-By`.

use http::{HeaderName, HeaderValue};

use super::error::ResponseError;
use super::response::Response;
use crate::headers::Headers;
use crate::state;

const X_POWERED_BY: HeaderName = HeaderName::from_static("x-powered-by");
const POORWSGI: HeaderValue = HeaderValue::from_static("PoorWSGI");

/// The header fields of a response for which the handler gave none: `X-Powered-By: PoorWSGI`.
#[must_use]
pub fn default_headers() -> Headers {
    let mut headers = Headers::new();
    headers.put(X_POWERED_BY, POORWSGI);
    headers
}

/// Whether a content type is that of JSON, with or without parameters.
#[must_use]
pub fn is_json(content_type: &str) -> bool {
    content_type.starts_with("application/json")
}

/// Whether the content type that a handler returns beside the data replaces the one of the response that was
/// made of the data. JSON, and a response without a type, keep theirs.
#[must_use]
pub fn takes_content_type(response: &Response) -> bool {
    response.content_type().is_some_and(|own| !is_json(own))
}

/// The status of a response that a handler returned with the status `given`: 200, which is also what a handler
/// gives that names no status, leaves the data its `own`, such as the 204 of no data.
#[must_use]
pub const fn assembled_status(own: u16, given: u16) -> u16 {
    if given == state::HTTP_OK { own } else { given }
}

/// Applies to a response the parts that a handler may return beside the data. An empty `content_type` keeps
/// the type of the data; JSON, and a response without a type, keep theirs in any case. Without `headers`, the
/// response keeps its header fields; with a `status` of 200, it keeps its status.
///
/// # Errors
/// [`ResponseError::Status`] for an unknown status, [`ResponseError::Header`] for a content type with a
/// control character.
pub fn assemble(
    mut response: Response,
    content_type: &str,
    headers: Option<Headers>,
    status: u16,
) -> Result<Response, ResponseError> {
    if !content_type.is_empty() && takes_content_type(&response) {
        response = response.with_content_type(content_type)?;
    }
    if let Some(headers) = headers {
        response = response.with_headers(headers);
    }
    let status = assembled_status(response.status(), status);
    if status != response.status() {
        response.set_status(status)?;
    }
    Ok(response)
}

/// Adds `X-Powered-By` to a response of the framework's own.
pub(crate) fn powered(mut response: Response) -> Response {
    response.headers_mut().put(X_POWERED_BY, POORWSGI);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_and_no_content_keep_their_type() {
        let json = || Response::json("x").unwrap();
        assert!(
            is_json("application/json") && is_json("application/json; charset=utf-8") && !is_json("text/x")
        );
        assert!(takes_content_type(&Response::new("x")) && takes_content_type(&Response::text("x")));
        assert!(!takes_content_type(&json()) && !takes_content_type(&Response::no_content()));
        let made = assemble(json(), "text/plain", None, 201).unwrap();
        assert_eq!((made.content_type(), made.status()), (Some("application/json; charset=utf-8"), 201));
    }

    /// PoorWSGI's `make_response`: with no data, 200 becomes 204.
    #[test]
    fn a_200_leaves_the_status_of_the_data() {
        let status = |given| assemble(Response::no_content(), "", None, given).unwrap().status();
        assert_eq!((status(200), status(204), status(404)), (204, 204, 404));
        assert_eq!(assemble(Response::new("x"), "", None, 200).unwrap().status(), 200);
    }
}
