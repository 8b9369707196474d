//! Whether content may follow the head of a response. Only the request's method and the response's status
//! decide.

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
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
