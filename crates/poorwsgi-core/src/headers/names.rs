//! How the name of a header field is spelled.
//!
//! Names are case-insensitive (RFC 9110, section 5.1), but people read them. A name is sent as the
//! application wrote it. A name that arrived in lower case is shown in Title-Case, as in PoorWSGI.

use std::borrow::Cow;

use http::HeaderName;
use http::header::{ETAG, WWW_AUTHENTICATE};

/// The usual spelling of everyday names, so that showing a name allocates nothing. Sorted for binary search.
const EVERYDAY: [(&str, &str); 76] = [
    ("accept", "Accept"),
    ("accept-charset", "Accept-Charset"),
    ("accept-encoding", "Accept-Encoding"),
    ("accept-language", "Accept-Language"),
    ("accept-ranges", "Accept-Ranges"),
    ("access-control-allow-credentials", "Access-Control-Allow-Credentials"),
    ("access-control-allow-headers", "Access-Control-Allow-Headers"),
    ("access-control-allow-methods", "Access-Control-Allow-Methods"),
    ("access-control-allow-origin", "Access-Control-Allow-Origin"),
    ("access-control-expose-headers", "Access-Control-Expose-Headers"),
    ("access-control-max-age", "Access-Control-Max-Age"),
    ("access-control-request-headers", "Access-Control-Request-Headers"),
    ("access-control-request-method", "Access-Control-Request-Method"),
    ("age", "Age"),
    ("allow", "Allow"),
    ("authorization", "Authorization"),
    ("cache-control", "Cache-Control"),
    ("connection", "Connection"),
    ("content-disposition", "Content-Disposition"),
    ("content-encoding", "Content-Encoding"),
    ("content-language", "Content-Language"),
    ("content-length", "Content-Length"),
    ("content-location", "Content-Location"),
    ("content-range", "Content-Range"),
    ("content-security-policy", "Content-Security-Policy"),
    ("content-type", "Content-Type"),
    ("cookie", "Cookie"),
    ("date", "Date"),
    ("dnt", "Dnt"),
    ("etag", "ETag"),
    ("expect", "Expect"),
    ("expires", "Expires"),
    ("forwarded", "Forwarded"),
    ("from", "From"),
    ("host", "Host"),
    ("if-match", "If-Match"),
    ("if-modified-since", "If-Modified-Since"),
    ("if-none-match", "If-None-Match"),
    ("if-range", "If-Range"),
    ("if-unmodified-since", "If-Unmodified-Since"),
    ("keep-alive", "Keep-Alive"),
    ("last-modified", "Last-Modified"),
    ("link", "Link"),
    ("location", "Location"),
    ("origin", "Origin"),
    ("pragma", "Pragma"),
    ("range", "Range"),
    ("referer", "Referer"),
    ("referrer-policy", "Referrer-Policy"),
    ("retry-after", "Retry-After"),
    ("sec-fetch-dest", "Sec-Fetch-Dest"),
    ("sec-fetch-mode", "Sec-Fetch-Mode"),
    ("sec-fetch-site", "Sec-Fetch-Site"),
    ("sec-fetch-user", "Sec-Fetch-User"),
    ("server", "Server"),
    ("set-cookie", "Set-Cookie"),
    ("strict-transport-security", "Strict-Transport-Security"),
    ("te", "Te"),
    ("trailer", "Trailer"),
    ("transfer-encoding", "Transfer-Encoding"),
    ("upgrade", "Upgrade"),
    ("upgrade-insecure-requests", "Upgrade-Insecure-Requests"),
    ("user-agent", "User-Agent"),
    ("vary", "Vary"),
    ("via", "Via"),
    ("www-authenticate", "WWW-Authenticate"),
    ("x-content-type-options", "X-Content-Type-Options"),
    ("x-forwarded-for", "X-Forwarded-For"),
    ("x-forwarded-host", "X-Forwarded-Host"),
    ("x-forwarded-port", "X-Forwarded-Port"),
    ("x-forwarded-proto", "X-Forwarded-Proto"),
    ("x-frame-options", "X-Frame-Options"),
    ("x-powered-by", "X-Powered-By"),
    ("x-real-ip", "X-Real-Ip"),
    ("x-request-id", "X-Request-Id"),
    ("x-requested-with", "X-Requested-With"),
];

/// The spelling that the application gave; `None` where it is that of [`title_case`].
pub(super) fn as_given(name: &HeaderName, spelling: &str) -> Option<Box<str>> {
    (title_case(name) != spelling).then(|| spelling.into())
}

/// The usual spelling of a name: Title-Case, except for the few names that are always written in another way.
pub(super) fn title_case(name: &HeaderName) -> Cow<'static, str> {
    everyday(name).map_or_else(|| Cow::Owned(capitalize(name.as_str())), Cow::Borrowed)
}

/// Whether the usual spelling of a name is not Title-Case.
///
/// ```
/// use http::header::{CONTENT_TYPE, ETAG};
/// use poorwsgi_core::headers::has_acronym;
///
/// assert!(has_acronym(&ETAG) && !has_acronym(&CONTENT_TYPE));
/// ```
#[must_use]
pub fn has_acronym(name: &HeaderName) -> bool {
    matches!(*name, ETAG | WWW_AUTHENTICATE)
}

#[cfg(test)]
pub(super) fn everyday_spellings() -> impl Iterator<Item = &'static str> {
    EVERYDAY.iter().map(|(_, spelling)| *spelling)
}

fn everyday(name: &HeaderName) -> Option<&'static str> {
    let at = EVERYDAY.binary_search_by(|(lower, _)| (*lower).cmp(name.as_str())).ok()?;
    EVERYDAY.get(at).map(|(_, spelling)| *spelling)
}

fn capitalize(lower: &str) -> String {
    let mut title = String::with_capacity(lower.len());
    let mut first = true;
    for character in lower.chars() {
        title.push(if first { character.to_ascii_uppercase() } else { character });
        first = character == '-';
    }
    title
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everyday_names_are_found_and_spelled_as_any_other_name_would_be() {
        for (lower, spelling) in EVERYDAY {
            assert_eq!(everyday(&HeaderName::from_static(lower)), Some(spelling));
            let own = has_acronym(&HeaderName::from_static(lower));
            assert!(spelling.eq_ignore_ascii_case(lower), "{lower}");
            assert_eq!(capitalize(lower) == spelling, !own, "{lower}");
        }
    }

    #[test]
    fn other_names_become_title_case() {
        assert_eq!(title_case(&HeaderName::from_static("x-own-thing")), "X-Own-Thing");
        assert!(matches!(
            title_case(&HeaderName::from_static("content-type")),
            Cow::Borrowed("Content-Type")
        ));
    }

    #[test]
    fn a_given_spelling_stays() {
        let given =
            |spelling: &str| as_given(&HeaderName::from_bytes(spelling.as_bytes()).unwrap(), spelling);
        assert_eq!(given("x-oWn").as_deref(), Some("x-oWn"));
        assert_eq!(given("cOntent-type").as_deref(), Some("cOntent-type"));
        assert_eq!((given("ETag"), given("X-Own-Thing")), (None, None));
    }
}
