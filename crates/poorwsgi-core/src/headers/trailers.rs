//! Trailer fields, which follow the content (RFC 9110, section 6.5).

use http::{HeaderMap, HeaderName, header};

/// Fields that must not be trailers, because a recipient needs them before the content: those about framing,
/// routing, authentication, and the format of the content (RFC 9110, section 6.5.1).
const FORBIDDEN: [HeaderName; 17] = [
    header::AUTHORIZATION,
    header::CACHE_CONTROL,
    header::CONNECTION,
    header::CONTENT_ENCODING,
    header::CONTENT_LENGTH,
    header::CONTENT_RANGE,
    header::CONTENT_TYPE,
    header::COOKIE,
    header::EXPECT,
    header::FORWARDED,
    header::HOST,
    header::MAX_FORWARDS,
    header::PROXY_AUTHORIZATION,
    header::RANGE,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
];

/// Removes the fields that must not be trailers from those of a request.
///
/// ```
/// use http::{HeaderMap, HeaderValue};
/// use poorwsgi_core::headers::trailers::remove_forbidden;
///
/// let mut trailers = HeaderMap::new();
/// trailers.insert("host", HeaderValue::from_static("evil.example"));
/// trailers.insert("x-checksum", HeaderValue::from_static("d41d8cd9"));
/// remove_forbidden(&mut trailers);
/// assert_eq!(trailers.keys().collect::<Vec<_>>(), ["x-checksum"]);
/// ```
pub fn remove_forbidden(trailers: &mut HeaderMap) {
    for name in FORBIDDEN {
        trailers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    /// security: trailers cannot change a request whose head has been checked.
    #[test]
    fn trailers_cannot_change_the_message() {
        let mut trailers = HeaderMap::new();
        for name in FORBIDDEN.into_iter().chain([header::ETAG, HeaderName::from_static("x-checksum")]) {
            trailers.append(name.clone(), HeaderValue::from_static("1"));
            trailers.append(name, HeaderValue::from_static("2"));
        }
        remove_forbidden(&mut trailers);
        assert!(trailers.contains_key("etag") && trailers.contains_key("x-checksum"));
        assert_eq!((trailers.keys_len(), trailers.len()), (2, 4));
    }
}
