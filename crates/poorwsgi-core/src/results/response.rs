//! The pages as responses.

use http::{HeaderValue, header};

#[cfg(feature = "pages")]
use super::CONTENT_SECURITY_POLICY;
use super::problem::{PROBLEM, prefers_problem};
use super::{ErrorPage, Site};
#[cfg(not(feature = "pages"))]
use crate::error::StatusText;
use crate::headers::Headers;
use crate::response::{Response, default_headers};
use crate::state;

/// A page of this module as a response, with [`CONTENT_SECURITY_POLICY`]: browsers load and run nothing, even
/// if the page had a fault that let markup through.
#[cfg(feature = "pages")]
#[must_use]
pub fn page_response(page: String) -> Response {
    html(page, default_headers())
}

#[cfg(feature = "pages")]
fn html(page: String, mut headers: Headers) -> Response {
    headers.put(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT_SECURITY_POLICY));
    Response::new(page).with_headers(headers)
}

/// The request that a server refuses, as far as the server knows it.
#[derive(Clone, Copy, Debug, Default)]
pub struct RefusedRequest<'a> {
    /// The method; empty where it is not known.
    pub method: &'a str,
    /// The path without the query; empty where it is not known.
    pub path: &'a str,
    /// The value of `Accept`; `None` where there is none, or where it is not known.
    pub accept: Option<&'a str>,
}

/// The response to a request that a server refuses before, or instead of, the application: the page of the
/// status with the reason, in the form that the client prefers.
///
/// ```
/// use poorwsgi_core::results::{PROBLEM, RefusedRequest, refusal};
///
/// let request = RefusedRequest { accept: Some("application/json"), ..RefusedRequest::default() };
/// let response = refusal(503, "too many requests wait", request);
/// assert_eq!((response.status(), response.content_type()), (503, Some(PROBLEM)));
/// ```
#[must_use]
pub fn refusal(status: u16, reason: &str, request: RefusedRequest<'_>) -> Response {
    let RefusedRequest { method, path, accept } = request;
    let page =
        ErrorPage { method, uri: path, detail: Some(reason), ..ErrorPage::new(status, Site::default()) };
    page.response(accept, Headers::new())
}

impl ErrorPage<'_> {
    /// The page as a response of its status, with `Allow` where methods are to be named (RFC 9110, section
    /// 15.5.6). A client whose `Accept` field [prefers](prefers_problem) JSON gets
    /// [`application/problem+json`](PROBLEM), any other client HTML, or one line of text where the feature
    /// `pages` is off.
    #[must_use]
    pub fn to_response(&self, accept: Option<&str>) -> Response {
        self.response(accept, default_headers())
    }

    fn response(&self, accept: Option<&str>, headers: Headers) -> Response {
        // The response to a HEAD has the header fields of a GET (RFC 9110, section 9.3.2), including the
        // length, so this page has to name the same method.
        let method = if self.method == "HEAD" { "GET" } else { self.method };
        let page = ErrorPage { method, ..*self };
        let mut response = if accept.is_some_and(prefers_problem) {
            page.problem(headers)
        } else {
            page.in_default_form(headers)
        };
        if response.set_status(self.status).is_err() {
            // Cannot fail: 500 is a known status.
            let _ = response.set_status(state::HTTP_INTERNAL_SERVER_ERROR);
        }
        let headers = response.headers_mut();
        // RFC 9110, section 12.5.5: a cache must not give one client's form to another.
        headers.put(header::VARY, HeaderValue::from_static("Accept"));
        if let Some(allow) = self.allow.and_then(|allow| HeaderValue::from_str(&allow.to_string()).ok()) {
            headers.put(header::ALLOW, allow);
        }
        response
    }

    fn problem(&self, headers: Headers) -> Response {
        let response = Response::new(self.render_problem()).with_headers(headers);
        // Cannot fail: the type is no invalid field value.
        response.with_content_type(PROBLEM).unwrap_or_else(|_| Response::no_content())
    }

    #[cfg(feature = "pages")]
    fn in_default_form(&self, headers: Headers) -> Response {
        html(self.render(), headers)
    }

    #[cfg(not(feature = "pages"))]
    fn in_default_form(&self, headers: Headers) -> Response {
        let facts = self.facts();
        let text = StatusText { status: facts.status, detail: facts.detail.as_deref() };
        crate::response::text_page(text).with_headers(headers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::Site;

    fn page(status: u16) -> ErrorPage<'static> {
        ErrorPage::new(status, Site::default())
    }

    #[cfg(feature = "pages")]
    #[test]
    fn a_page_has_its_status_and_the_policy() {
        let response = page(404).to_response(None);
        assert_eq!(response.status(), 404);
        assert_eq!(
            response.headers().get_str(header::CONTENT_SECURITY_POLICY),
            Some(CONTENT_SECURITY_POLICY)
        );
        assert_eq!(response.headers().get_str("X-Powered-By"), Some("PoorWSGI"));
        assert_eq!(page(999).to_response(None).status(), 500, "a status that is not there");
    }

    /// RFC 9110, section 15.5.6.
    #[test]
    fn a_405_names_the_methods() {
        let allow = Some(state::METHOD_HEAD | state::METHOD_GET);
        let response = ErrorPage { allow, ..page(405) }.to_response(None);
        assert_eq!(response.headers().get_str(header::ALLOW), Some("HEAD, GET"));
    }

    fn text_of(response: &Response) -> String {
        String::from_utf8(response.body().as_bytes().unwrap().to_vec()).unwrap()
    }

    /// RFC 9110, section 12.5.1.
    #[test]
    fn the_client_chooses_the_form() {
        for (accept, content_type) in [
            (Some("application/json"), PROBLEM),
            (Some("application/problem+json, text/html;q=0.9"), PROBLEM),
            (Some("text/html, application/json"), page(404).to_response(None).content_type().unwrap()),
            (Some("*/*"), page(404).to_response(None).content_type().unwrap()),
        ] {
            let response = page(404).to_response(accept);
            assert_eq!((response.status(), response.content_type()), (404, Some(content_type)), "{accept:?}");
            assert_eq!(response.headers().get_str("Vary"), Some("Accept"));
        }
    }

    #[test]
    fn a_refusal_has_its_reason_in_either_form_and_names_no_framework() {
        for accept in [None, Some("application/json")] {
            let request = RefusedRequest { method: "POST", path: "/up", accept };
            let response = refusal(413, "bytes of the body over the limit", request);
            assert_eq!(response.status(), 413);
            assert!(text_of(&response).contains("bytes of the body over the limit"));
            assert!(!response.headers().contains("X-Powered-By"));
        }
    }

    /// RFC 9110, section 9.3.2.
    #[test]
    fn a_head_gets_the_length_of_a_get() {
        for accept in [None, Some("application/json")] {
            let text = |method| text_of(&ErrorPage { method, ..page(404) }.to_response(accept));
            assert_eq!(text("HEAD"), text("GET"));
        }
    }
}
