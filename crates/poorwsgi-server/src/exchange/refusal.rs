//! The response to a request that never reaches the application.

use std::fmt;

use http::{HeaderValue, StatusCode, header};
use poorwsgi_core::HttpError;
use poorwsgi_core::error::{OverLimit, StatusText};

use super::date;

/// Why a request is refused, and with which status.
///
/// The connection of a refused request is not used again: what follows a request that was not understood may
/// not be the next request (RFC 9112, section 11.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    status: StatusCode,
    reason: String,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, reason: impl Into<String>) -> Self {
        Refusal { status, reason: reason.into() }
    }

    pub(crate) fn bad_request(reason: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, reason)
    }

    /// A limit that was exceeded, and its setting.
    pub(crate) fn over_limit(status: StatusCode, what: &str, limit: u64, setting: &str) -> Self {
        Self::new(status, OverLimit { what, limit, setting }.to_string())
    }

    pub(crate) const fn status(&self) -> StatusCode {
        self.status
    }

    /// The text of the response.
    pub(crate) fn page(&self) -> String {
        format!("{self}\n")
    }

    /// The response.
    pub(crate) fn to_response(&self) -> http::Response<String> {
        let mut response = http::Response::new(self.page());
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        date::put(headers);
        response
    }
}

impl From<HttpError> for Refusal {
    fn from(error: HttpError) -> Self {
        let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Refusal::new(status, error.detail().unwrap_or_default())
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        StatusText::new(self.status.as_u16(), &self.reason).fmt(f)
    }
}

impl std::error::Error for Refusal {}
