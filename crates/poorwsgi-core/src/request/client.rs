//! What the client says about itself.

use http::HeaderName;
use http::header::{COOKIE, REFERER, USER_AGENT};

use super::Head;
use crate::headers::Cookies;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const X_REQUESTED_WITH: HeaderName = HeaderName::from_static("x-requested-with");

impl dyn Head + '_ {
    /// The address of the page that the client came from (RFC 9110, section 10.1.3).
    #[must_use]
    pub fn referer(&self) -> Option<String> {
        self.header(&REFERER).map(Into::into)
    }

    /// The name of the client's software (RFC 9110, section 10.1.5).
    #[must_use]
    pub fn user_agent(&self) -> Option<String> {
        self.header(&USER_AGENT).map(Into::into)
    }

    /// The id of the request, by which its lines in several logs are found: the field `X-Request-ID`. Our server
    /// gives each request one (its setting `request_id`), which is that of a trusted proxy or a new one; the
    /// response has the same field. Under any other server it is what the client sends.
    #[must_use]
    pub fn request_id(&self) -> Option<String> {
        self.header(&X_REQUEST_ID).map(Into::into)
    }

    /// Whether `X-Requested-With` is `XMLHttpRequest`, which script libraries send with their requests.
    #[must_use]
    pub fn is_xhr(&self) -> bool {
        self.header(&X_REQUESTED_WITH).is_some_and(|with| with == "XMLHttpRequest")
    }

    /// The cookies.
    #[must_use]
    pub fn cookies(&self) -> Cookies {
        self.header(&COOKIE).map(|field| Cookies::parse(&field)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::super::head::tests::with;

    #[test]
    fn what_the_client_says() {
        let head = with(&[
            ("referer", "http://h/"),
            ("x-request-id", "a-1"),
            ("user-agent", "curl"),
            ("x-requested-with", "XMLHttpRequest"),
            ("cookie", "a=1"),
            ("cookie", "b=2"),
        ]);
        assert_eq!(head.head().referer().unwrap(), "http://h/");
        assert_eq!(head.head().user_agent().unwrap(), "curl");
        assert_eq!(head.head().request_id().unwrap(), "a-1");
        assert!(head.head().is_xhr());
        assert_eq!(head.head().cookies().iter().collect::<Vec<_>>(), [("a", "1"), ("b", "2")]);
    }

    #[test]
    fn what_the_client_does_not_say() {
        let head = with(&[("x-requested-with", "xmlhttprequest")]);
        assert_eq!(head.head().referer(), None);
        assert_eq!(head.head().user_agent(), None);
        assert_eq!(head.head().request_id(), None);
        assert!(!head.head().is_xhr());
        assert!(head.head().cookies().is_empty());
    }
}
