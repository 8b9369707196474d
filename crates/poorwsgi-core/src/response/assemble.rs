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
    if !content_type.is_empty()
        && response.content_type().is_some_and(|own| !own.starts_with("application/json"))
    {
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

/// Adds `X-Powered-By` to a response of the framework's own.
pub(crate) fn powered(mut response: Response) -> Response {
    response.headers_mut().put(X_POWERED_BY, POORWSGI);
    response
}
