//! Whether content may follow the head of a response, and which length the head gives. Only the request's
//! method and the response's status decide.

use super::error::ResponseError;
use crate::headers::Headers;
use crate::state::{self, Method};

/// Fields that describe only the content. A response without content, such as a 304, must not have them (RFC
/// 9110, section 15.4.5).
pub const FIELDS_OF_CONTENT: [&str; 6] = [
    "Content-Encoding",
    "Content-Language",
    "Content-Length",
    "Content-MD5",
    "Content-Range",
    "Content-Type",
];

/// Fields that a 304 has if the 200 would have them (RFC 9110, section 15.4.5). As in PoorWSGI, one of these
/// four is wanted; without any, a cache cannot tell which of its responses is still valid.
pub const FIELDS_OF_NOT_MODIFIED: [&str; 4] = ["Content-Location", "Date", "ETag", "Vary"];

/// What is wrong with the fields of a 304 that an application has made: it has fields of the content, which
/// are left out, or none of [`FIELDS_OF_NOT_MODIFIED`]. Empty if nothing is.
///
/// ```
/// use poorwsgi_core::headers::Headers;
/// use poorwsgi_core::response::faults_of_not_modified;
///
/// let mut headers = Headers::new();
/// headers.set("ETag", "\"a\"")?;
/// assert!(faults_of_not_modified(&headers).is_empty());
/// headers.set("Content-Type", "text/html")?;
/// let faults = faults_of_not_modified(&headers);
/// assert_eq!(faults, ["304 is sent without headers of the representation: Content-Type"]);
/// # Ok::<(), poorwsgi_core::headers::HeaderError>(())
/// ```
#[must_use]
pub fn faults_of_not_modified(headers: &Headers) -> Vec<String> {
    let mut faults = Vec::new();
    let denied: Vec<_> = FIELDS_OF_CONTENT.into_iter().filter(|name| headers.contains(name)).collect();
    if !denied.is_empty() {
        faults.push(format!("304 is sent without headers of the representation: {}", denied.join(", ")));
    }
    if !FIELDS_OF_NOT_MODIFIED.iter().any(|name| headers.contains(name)) {
        let wanted = FIELDS_OF_NOT_MODIFIED.join(", ");
        faults.push(format!("304 should have one of the required headers: {wanted}"));
    }
    faults
}

/// What may follow the head of a response.
///
/// ```
/// use poorwsgi_core::response::Content;
/// use poorwsgi_core::state::Method;
///
/// assert_eq!(Content::of(Some(Method::Get), 200), Content::Any);
/// assert_eq!(Content::of(Some(Method::Head), 200), Content::Described);
/// assert_eq!(Content::of(Some(Method::Head), 204), Content::Absent);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Content of any length.
    Any,
    /// No content. A `Content-Length` gives the length that the response to GET would have (RFC 9110,
    /// sections 8.6 and 9.3.2). For HEAD and 304.
    Described,
    /// No content and no `Content-Length` (RFC 9110, section 8.6). For 1xx, 204, and 2xx to CONNECT.
    Absent,
    /// No content, but `Content-Length: 0`, because this status does not end the message after its head (RFC
    /// 9110, section 15.3.6). For 205.
    Empty,
}

impl Content {
    /// What may follow the head of a response with this status to a request with this method. `method` is
    /// `None` for a method that the framework does not know.
    #[must_use]
    pub const fn of(method: Option<Method>, status: u16) -> Self {
        match (method, status) {
            (_, 100..=199 | state::HTTP_NO_CONTENT) | (Some(Method::Connect), 200..=299) => Content::Absent,
            (_, state::HTTP_RESET_CONTENT) => Content::Empty,
            (_, state::HTTP_NOT_MODIFIED) | (Some(Method::Head), _) => Content::Described,
            _ => Content::Any,
        }
    }

    /// Whether content may follow.
    #[must_use]
    pub const fn is_allowed(self) -> bool {
        matches!(self, Content::Any)
    }

    /// The length that the field `Content-Length` gives, or `None` where the response has no such field.
    /// `known` is the length of the content, or of the content that is left out, where it is known.
    ///
    /// ```
    /// use poorwsgi_core::response::Content;
    ///
    /// assert_eq!(Content::Described.stated_length(Some(5)), Some(5));
    /// assert_eq!(Content::Absent.stated_length(Some(5)), None);
    /// assert_eq!(Content::Empty.stated_length(Some(5)), Some(0));
    /// ```
    #[must_use]
    pub const fn stated_length(self, known: Option<u64>) -> Option<u64> {
        match self {
            Content::Any | Content::Described => known,
            Content::Absent => None,
            Content::Empty => Some(0),
        }
    }

    /// Checks the `declared` value of `Content-Length` against the `actual` length of the content, where both
    /// are known. Only content that is sent can contradict its length: a response to HEAD may declare the
    /// length of content that its handler has not made (RFC 9110, section 9.3.2).
    ///
    /// ```
    /// use poorwsgi_core::response::Content;
    ///
    /// assert!(Content::Any.check_length(Some(5), Some(4)).is_err());
    /// assert!(Content::Described.check_length(Some(5), Some(0)).is_ok());
    /// ```
    ///
    /// # Errors
    /// [`ResponseError::Length`] where the content is sent and has another length.
    pub const fn check_length(self, declared: Option<u64>, actual: Option<u64>) -> Result<(), ResponseError> {
        match (declared, actual) {
            (Some(declared), Some(actual)) if declared != actual && self.is_allowed() => {
                Err(ResponseError::Length { declared, actual })
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 9110, section 15.4.5.
    #[test]
    fn a_304_has_a_field_that_identifies_and_none_that_describes() {
        let faults = |names: &[&str]| {
            let mut headers = Headers::new();
            names.iter().for_each(|name| headers.set(name, "x").unwrap());
            faults_of_not_modified(&headers)
        };
        for name in FIELDS_OF_NOT_MODIFIED {
            assert!(faults(&[name, "X-Powered-By"]).is_empty(), "{name}");
        }
        let wanted = "304 should have one of the required headers: Content-Location, Date, ETag, Vary";
        assert_eq!(faults(&["X-Powered-By"]), [wanted]);
        let denied = "304 is sent without headers of the representation: Content-Length, Content-Type";
        assert_eq!(faults(&["Content-Type", "Content-Length"]), [denied, wanted]);
    }

    #[test]
    fn what_follows_is_of_method_and_status() {
        let of = |method, statuses: &[u16]| {
            let mut all: Vec<_> = statuses.iter().map(|status| Content::of(method, *status)).collect();
            all.dedup();
            all
        };
        let head = Some(Method::Head);
        for method in [None, Some(Method::Get), Some(Method::Post), head] {
            assert_eq!(of(method, &[100, 101, 103, 199, 204]), [Content::Absent]);
            assert_eq!(of(method, &[205]), [Content::Empty]);
            assert_eq!(of(method, &[304]), [Content::Described]);
        }
        assert_eq!(of(head, &[200, 206, 404, 500]), [Content::Described]);
        assert_eq!(of(Some(Method::Post), &[200, 206, 303, 404, 413, 500, 599]), [Content::Any]);
        let connect = Some(Method::Connect);
        assert_eq!(of(connect, &[200, 204, 299, 300]), [Content::Absent, Content::Any]);
    }

    /// RFC 9110, sections 8.6 and 15.3.6.
    #[test]
    fn the_length_is_that_of_the_content_unless_the_status_says_otherwise() {
        for known in [None, Some(0), Some(5)] {
            assert_eq!(Content::Any.stated_length(known), known);
            assert_eq!(Content::Described.stated_length(known), known);
            assert_eq!(Content::Absent.stated_length(known), None);
            assert_eq!(Content::Empty.stated_length(known), Some(0));
        }
    }

    #[test]
    fn only_content_that_is_sent_can_contradict_its_length() {
        let check = |content: Content, declared, actual| content.check_length(declared, actual).is_ok();
        for content in [Content::Any, Content::Described, Content::Absent, Content::Empty] {
            assert!(check(content, Some(5), Some(5)) && check(content, None, Some(5)));
            assert!(check(content, Some(5), None) && check(content, None, None));
            for actual in [0, 4, 6] {
                assert_eq!(check(content, Some(5), Some(actual)), content != Content::Any, "{content:?}");
            }
        }
    }
}
