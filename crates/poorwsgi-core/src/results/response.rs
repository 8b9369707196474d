//! The pages as responses.

use http::{HeaderValue, header};

use super::{CONTENT_SECURITY_POLICY, ErrorPage};
use crate::response::{Response, default_headers};
use crate::state;

/// A page of this module as a response, with [`CONTENT_SECURITY_POLICY`]: browsers load and run nothing, even
/// if the page had a fault that let markup through.
#[must_use]
pub fn page_response(page: String) -> Response {
    let mut response = Response::new(page).with_headers(default_headers());
    let policy = HeaderValue::from_static(CONTENT_SECURITY_POLICY);
    response.headers_mut().put(header::CONTENT_SECURITY_POLICY, policy);
    response
}

impl ErrorPage<'_> {
    /// The page as a response of its status, with `Allow` where methods are to be named (RFC 9110, section
    /// 15.5.6).
    #[must_use]
    pub fn to_response(&self) -> Response {
        // The response to a HEAD has the header fields of a GET (RFC 9110, section 9.3.2), including the
        // length, so this page has to name the same method.
        let method = if self.method == "HEAD" { "GET" } else { self.method };
        let mut response = page_response(ErrorPage { method, ..*self }.render());
        if response.set_status(self.status).is_err() {
            // Cannot fail: 500 is a known status.
            let _ = response.set_status(state::HTTP_INTERNAL_SERVER_ERROR);
        }
        if let Some(allow) = self.allow.and_then(|allow| HeaderValue::from_str(&allow.to_string()).ok()) {
            response.headers_mut().put(header::ALLOW, allow);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::Site;

    fn page(status: u16) -> ErrorPage<'static> {
        ErrorPage::new(status, Site::default())
    }

    #[test]
    fn a_page_has_its_status_and_the_policy() {
        let response = page(404).to_response();
        assert_eq!(response.status(), 404);
        assert_eq!(
            response.headers().get_str(header::CONTENT_SECURITY_POLICY),
            Some(CONTENT_SECURITY_POLICY)
        );
        assert_eq!(response.headers().get_str("X-Powered-By"), Some("PoorWSGI"));
        assert_eq!(page(999).to_response().status(), 500, "a status that is not there");
    }

    /// RFC 9110, section 15.5.6.
    #[test]
    fn a_405_names_the_methods() {
        let allow = Some(state::METHOD_HEAD | state::METHOD_GET);
        let response = ErrorPage { allow, ..page(405) }.to_response();
        assert_eq!(response.headers().get_str(header::ALLOW), Some("HEAD, GET"));
    }
}
