//! The request with which a client follows a redirect.

use http::Uri;

use super::default_port;
use crate::state;

/// Fields that describe the content, which a request without content must not have. In lower case.
const OF_CONTENT: [&str; 7] = [
    "content-encoding",
    "content-language",
    "content-length",
    "content-location",
    "content-type",
    "digest",
    "last-modified",
];

/// Fields that are meant for one origin alone. In lower case.
const OF_ORIGIN: [&str; 2] = ["authorization", "cookie"];

/// How the request that follows a redirect differs from the one before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirected<'m> {
    /// The method.
    pub method: &'m str,
    /// Whether the content is sent again.
    pub has_content: bool,
    /// The names of the fields that are not sent again, in lower case.
    pub dropped: Vec<&'static str>,
}

/// How a client follows a redirect from one URL to another (RFC 9110, section 15.4); `None` where the status is
/// not that of a redirect. After a POST, 301 and 302 lead to GET, as in browsers. `Authorization` and `Cookie`
/// do not follow to another origin, nor to a URL that cannot be parsed.
///
/// ```
/// use poorwsgi_core::request::redirected;
///
/// let next = redirected("POST", 303, "https://localhost/form", "https://localhost/done").unwrap();
/// assert_eq!((next.method, next.has_content), ("GET", false));
/// assert!(next.dropped.contains(&"content-type") && !next.dropped.contains(&"cookie"));
///
/// let next = redirected("PUT", 307, "https://localhost/", "https://example.org/").unwrap();
/// assert_eq!((next.method, next.has_content), ("PUT", true));
/// assert_eq!(next.dropped, ["authorization", "cookie"]);
/// ```
#[must_use]
pub fn redirected<'m>(method: &'m str, status: u16, from: &str, to: &str) -> Option<Redirected<'m>> {
    let is_get = match status {
        state::HTTP_SEE_OTHER => method != "HEAD",
        state::HTTP_MOVED_PERMANENTLY | state::HTTP_MOVED_TEMPORARILY => method == "POST",
        state::HTTP_TEMPORARY_REDIRECT | state::HTTP_PERMANENT_REDIRECT => false,
        _ => return None,
    };
    let mut dropped = Vec::new();
    if is_get {
        dropped.extend(OF_CONTENT);
    }
    if !is_same_origin(from, to) {
        dropped.extend(OF_ORIGIN);
    }
    Some(Redirected { method: if is_get { "GET" } else { method }, has_content: !is_get, dropped })
}

/// Whether two URLs have the same scheme, host and port (RFC 6454, section 5).
fn is_same_origin(one: &str, other: &str) -> bool {
    let urls = [one, other].map(|url| url.parse::<Uri>().ok());
    let [Some(one), Some(other)] = &urls else { return false };
    let port = |url: &Uri| url.port_u16().or_else(|| default_port(url.scheme_str()?));
    match (one.host(), other.host()) {
        (Some(host), Some(host_of_other)) => {
            host.eq_ignore_ascii_case(host_of_other)
                && one.scheme() == other.scheme()
                && port(one) == port(other)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn method_and_content_follow_as_the_status_says() {
        for (status, method, then) in [
            (301, "POST", "GET"),
            (302, "POST", "GET"),
            (303, "POST", "GET"),
            (307, "POST", "POST"),
            (308, "POST", "POST"),
            (301, "PUT", "PUT"),
            (302, "DELETE", "DELETE"),
            (303, "DELETE", "GET"),
            (303, "HEAD", "HEAD"),
            (301, "HEAD", "HEAD"),
            (308, "MOVE", "MOVE"),
        ] {
            let next = redirected(method, status, "http://localhost/", "http://localhost/").unwrap();
            let is_changed = method != then;
            assert_eq!((next.method, next.has_content), (then, !is_changed), "{status} {method}");
            assert_eq!(next.dropped, if is_changed { &OF_CONTENT[..] } else { &[] }, "{status} {method}");
        }
        for status in [200, 201, 300, 304, 305, 306, 309, 404] {
            assert_eq!(redirected("GET", status, "http://localhost/", "http://localhost/"), None, "{status}");
        }
    }

    #[test]
    fn credentials_stay_with_their_origin() {
        let own = "http://localhost/a";
        for (to, is_same) in [
            ("http://localhost/b?c", true),
            ("HTTP://LOCALHOST:80", true),
            ("http://ann@localhost/", true),
            ("https://localhost/a", false),
            ("http://localhost:8080/a", false),
            ("http://localhost.example/a", false),
            ("http://localhost:80:80/a", false),
            ("//localhost/a", false),
            ("/a", false),
        ] {
            let dropped = redirected("GET", 302, own, to).unwrap().dropped;
            assert_eq!(dropped, if is_same { &[][..] } else { &OF_ORIGIN }, "{to}");
        }
    }
}
