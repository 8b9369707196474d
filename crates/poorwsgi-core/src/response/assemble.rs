//! A response of the parts that a handler returns, and who made it.

use http::{HeaderName, HeaderValue};

use super::error::ResponseError;
use super::response::Response;
use crate::headers::Headers;
use crate::state;

const X_POWERED_BY: HeaderName = HeaderName::from_static("x-powered-by");
const POORWSGI: HeaderValue = HeaderValue::from_static("PoorWSGI");

/// The headers of a response that is given none: `X-Powered-By: PoorWSGI`.
#[must_use]
pub fn default_headers() -> Headers {
    let mut headers = Headers::new();
    headers.put(X_POWERED_BY, POORWSGI);
    headers
}

impl Response {
    /// Gives this response the parts that a handler may return beside the data. An empty content type is that
    /// of the data; JSON and no content keep their own. Without headers it keeps those that it has.
    ///
    /// # Errors
    /// An unknown status, or a content type that no header field can hold.
    pub fn assemble(
        mut self,
        content_type: &str,
        headers: Option<Headers>,
        status: u16,
    ) -> Result<Self, ResponseError> {
        if !content_type.is_empty()
            && self.content_type().is_some_and(|own| !own.starts_with("application/json"))
        {
            self = self.with_content_type(content_type)?;
        }
        if let Some(headers) = headers {
            self = self.with_headers(headers);
        }
        if status != state::HTTP_OK {
            self.set_status(status)?;
        }
        Ok(self)
    }
}

/// A response of the framework's own, which says so like one that is given no headers.
pub(crate) fn powered(mut response: Response) -> Response {
    response.headers_mut().put(X_POWERED_BY, POORWSGI);
    response
}
