//! How the name of a header field is spelled.
//!
//! Names are case-insensitive (RFC 9110, section 5.1), but people read them: a name goes out as the application wrote
//! it, and one that came in lower case is shown in Title-Case, as PoorWSGI shows it.

use std::borrow::Cow;

use http::HeaderName;

macro_rules! everyday {
    ($($lower:literal $title:literal,)*) => {
        /// The Title-Case spelling of an everyday name.
        fn title_case_of(lower: &str) -> Option<&'static str> {
            match lower {
                $($lower => Some($title),)*
                _ => None,
            }
        }

        /// An everyday spelling as a static text, so that storing it allocates nothing.
        fn everyday(spelling: &str) -> Option<&'static str> {
            match spelling {
                $($title => Some($title),)*
                "ETag" => Some("ETag"),
                "WWW-Authenticate" => Some("WWW-Authenticate"),
                _ => None,
            }
        }

        #[cfg(test)]
        const EVERYDAY: &[(&str, &str)] = &[$(($lower, $title),)*];
    };
}

everyday! {
    "accept" "Accept",
    "accept-charset" "Accept-Charset",
    "accept-encoding" "Accept-Encoding",
    "accept-language" "Accept-Language",
    "accept-ranges" "Accept-Ranges",
    "access-control-allow-credentials" "Access-Control-Allow-Credentials",
    "access-control-allow-headers" "Access-Control-Allow-Headers",
    "access-control-allow-methods" "Access-Control-Allow-Methods",
    "access-control-allow-origin" "Access-Control-Allow-Origin",
    "access-control-expose-headers" "Access-Control-Expose-Headers",
    "access-control-max-age" "Access-Control-Max-Age",
    "access-control-request-headers" "Access-Control-Request-Headers",
    "access-control-request-method" "Access-Control-Request-Method",
    "age" "Age",
    "allow" "Allow",
    "authorization" "Authorization",
    "cache-control" "Cache-Control",
    "connection" "Connection",
    "content-disposition" "Content-Disposition",
    "content-encoding" "Content-Encoding",
    "content-language" "Content-Language",
    "content-length" "Content-Length",
    "content-location" "Content-Location",
    "content-range" "Content-Range",
    "content-security-policy" "Content-Security-Policy",
    "content-type" "Content-Type",
    "cookie" "Cookie",
    "date" "Date",
    "dnt" "Dnt",
    "etag" "Etag",
    "expect" "Expect",
    "expires" "Expires",
    "forwarded" "Forwarded",
    "from" "From",
    "host" "Host",
    "if-match" "If-Match",
    "if-modified-since" "If-Modified-Since",
    "if-none-match" "If-None-Match",
    "if-range" "If-Range",
    "if-unmodified-since" "If-Unmodified-Since",
    "keep-alive" "Keep-Alive",
    "last-modified" "Last-Modified",
    "link" "Link",
    "location" "Location",
    "origin" "Origin",
    "pragma" "Pragma",
    "range" "Range",
    "referer" "Referer",
    "referrer-policy" "Referrer-Policy",
    "retry-after" "Retry-After",
    "sec-fetch-dest" "Sec-Fetch-Dest",
    "sec-fetch-mode" "Sec-Fetch-Mode",
    "sec-fetch-site" "Sec-Fetch-Site",
    "sec-fetch-user" "Sec-Fetch-User",
    "server" "Server",
    "set-cookie" "Set-Cookie",
    "strict-transport-security" "Strict-Transport-Security",
    "te" "Te",
    "trailer" "Trailer",
    "transfer-encoding" "Transfer-Encoding",
    "upgrade" "Upgrade",
    "upgrade-insecure-requests" "Upgrade-Insecure-Requests",
    "user-agent" "User-Agent",
    "vary" "Vary",
    "via" "Via",
    "www-authenticate" "Www-Authenticate",
    "x-content-type-options" "X-Content-Type-Options",
    "x-forwarded-for" "X-Forwarded-For",
    "x-forwarded-host" "X-Forwarded-Host",
    "x-forwarded-port" "X-Forwarded-Port",
    "x-forwarded-proto" "X-Forwarded-Proto",
    "x-frame-options" "X-Frame-Options",
    "x-powered-by" "X-Powered-By",
    "x-real-ip" "X-Real-Ip",
    "x-request-id" "X-Request-Id",
    "x-requested-with" "X-Requested-With",
}

/// A spelling as the application gave it.
pub(super) fn as_given(spelling: &str) -> Cow<'static, str> {
    everyday(spelling).map_or_else(|| Cow::Owned(spelling.to_owned()), Cow::Borrowed)
}

/// The spelling of a name that nobody spelled.
pub(super) fn title_case(name: &HeaderName) -> Cow<'static, str> {
    title_case_of(name.as_str()).map_or_else(|| Cow::Owned(capitalize(name.as_str())), Cow::Borrowed)
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
    fn everyday_names_are_spelled_as_any_other_name_would_be() {
        for (lower, title) in EVERYDAY {
            assert_eq!(capitalize(lower), *title);
            assert_eq!(everyday(title), Some(*title));
        }
    }

    #[test]
    fn unknown_names_become_title_case() {
        assert_eq!(title_case(&HeaderName::from_static("x-own-thing")), "X-Own-Thing");
        assert_eq!(title_case(&HeaderName::from_static("etag")), "Etag");
    }

    #[test]
    fn a_given_spelling_stays() {
        assert_eq!(as_given("x-oWn"), "x-oWn");
        assert!(matches!(as_given("ETag"), Cow::Borrowed("ETag")));
    }
}
