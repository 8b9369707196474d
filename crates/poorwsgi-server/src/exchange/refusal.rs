//! The response to a request that never reaches the application.

use std::fmt;

use bytes::Bytes;
use http::header::ACCEPT;
use http::{HeaderMap, StatusCode};
use poorwsgi_core::HttpError;
use poorwsgi_core::error::{OverLimit, StatusText};
use poorwsgi_core::headers::list::combined;
use poorwsgi_core::results::{self, RefusedRequest};

use super::date;

/// Why a request is refused, and with which status.
///
/// The connection of a refused request is not used again: what follows a request that was not understood may
/// not be the next request (RFC 9112, section 11.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    status: StatusCode,
    reason: String,
    /// The value of the request's `Accept`, where it is known.
    accept: Option<String>,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, reason: impl Into<String>) -> Self {
        Refusal { status, reason: reason.into(), accept: None }
    }

    pub(crate) fn bad_request(reason: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, reason)
    }

    /// A limit that was exceeded, and its setting.
    pub(crate) fn over_limit(status: StatusCode, what: &str, limit: u64, setting: &str) -> Self {
        Self::new(status, OverLimit { what, limit, setting }.to_string())
    }

    /// The refusal of a request with these header fields.
    pub(crate) fn to(self, headers: &HeaderMap) -> Self {
        let accept = combined(&ACCEPT, headers.get_all(ACCEPT));
        self.accepting(accept.and_then(|accept| String::from_utf8(accept.into_owned()).ok()))
    }

    /// The refusal of a request with this `Accept`.
    pub(crate) fn accepting(self, accept: Option<String>) -> Self {
        Refusal { accept, ..self }
    }

    pub(crate) const fn status(&self) -> StatusCode {
        self.status
    }

    /// The response, to a request with this method and path, which are empty where they are not known.
    pub(crate) fn to_response(&self, method: &str, path: &str) -> http::Response<Bytes> {
        let request = RefusedRequest { method, path, accept: self.accept.as_deref() };
        let page = results::refusal(self.status.as_u16(), &self.reason, request);
        let mut response = page.into_http().map(|page| page.as_bytes().cloned().unwrap_or_default());
        date::put(response.headers_mut());
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
