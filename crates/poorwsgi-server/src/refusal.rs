//! The answer to a request that never reaches the application.

use std::fmt;

use http::{HeaderValue, StatusCode, header};
use poorwsgi::error::OverLimit;

use crate::date;

/// Why a request is refused, and with which status.
///
/// The connection is closed after it: what follows a request that was not understood cannot be trusted to be
/// the next request (RFC 9112, section 11.2).
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

    /// A limit that was passed, and the setting that moves it.
    pub(crate) fn over_limit(status: StatusCode, what: &str, limit: u64, setting: &str) -> Self {
        Self::new(status, OverLimit { what, limit, setting }.to_string())
    }

    #[cfg(test)]
    pub(crate) const fn status(&self) -> StatusCode {
        self.status
    }

    /// The text of the answer.
    fn page(&self) -> String {
        format!("{}: {}\n", self.status, self.reason)
    }

    /// The answer for a connection whose HTTP state machine is still usable.
    pub(crate) fn to_response(&self) -> http::Response<String> {
        let mut response = http::Response::new(self.page());
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        date::put(headers);
        response
    }

    /// The answer as bytes, for a head that was refused before it was parsed. `HEAD` gets no content (RFC
    /// 9110, section 9.3.2).
    pub(crate) fn to_bytes(&self, to_head: bool, server: Option<&HeaderValue>) -> Vec<u8> {
        let page = self.page();
        let mut bytes = format!(
            "HTTP/1.1 {}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n",
            self.status,
            page.len(),
        )
        .into_bytes();
        for (name, value) in [("Date", Some(&date::now())), ("Server", server)] {
            let Some(value) = value else { continue };
            bytes.extend_from_slice(name.as_bytes());
            bytes.extend_from_slice(b": ");
            bytes.extend_from_slice(value.as_bytes());
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(b"\r\n");
        if !to_head {
            bytes.extend_from_slice(page.as_bytes());
        }
        bytes
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.status, self.reason)
    }
}

impl std::error::Error for Refusal {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_status_length_close_and_reason() {
        let refusal = Refusal::over_limit(StatusCode::URI_TOO_LONG, "request line", 100, "max_request_line");
        let server = HeaderValue::from_static("PoorWSGI");
        let text = String::from_utf8(refusal.to_bytes(false, Some(&server))).unwrap();
        assert!(text.starts_with("HTTP/1.1 414 URI Too Long\r\n"), "{text}");
        assert!(
            text.contains("\r\nConnection: close\r\n") && text.contains("\r\nServer: PoorWSGI\r\n"),
            "{text}"
        );
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert_eq!(body, "414 URI Too Long: request line over the limit of 100 (setting max_request_line)\n");
        assert!(head.contains(&format!("Content-Length: {}", body.len())));
        assert!(refusal.to_bytes(true, None).ends_with(b"\r\n\r\n"));
    }
}
