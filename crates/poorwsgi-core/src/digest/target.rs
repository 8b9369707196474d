//! The check that the `uri` of the credentials names the target of the request.

use percent_encoding::percent_decode_str;

/// One way in which the request names its target.
///
/// A server that has the request line gives it as [`Raw`](DigestTarget::Raw). Under WSGI, where only the decoded
/// path is known, it is a [`Path`](DigestTarget::Path).
#[derive(Clone, Copy, Debug)]
pub enum DigestTarget<'a> {
    /// The target as it stands in the request line: `/a%20b?c=d`, `http://host/a`, `*`.
    Raw(&'a str),
    /// The decoded path (with the prefix below which the application is mounted) and the query as sent, empty
    /// where there is none.
    Path {
        /// The path, percent-decoded.
        path: &'a str,
        /// The query, not decoded, without `?`.
        query: &'a str,
    },
}

impl DigestTarget<'_> {
    /// Whether `uri` names this target on `host` (a `Host` field's value; RFC 7616, section 3.4.6).
    pub(super) fn is_named_by(&self, uri: &str, host: &str) -> bool {
        let Some((path, query)) = split(uri, host) else { return false };
        match *self {
            DigestTarget::Raw(raw) => split(raw, host) == Some((path, query)),
            DigestTarget::Path { path: decoded, query: raw_query } => {
                percent_decode_str(path).eq(decoded.bytes()) && query.unwrap_or("") == raw_query
            }
        }
    }
}

/// Path and query of a target, without the origin of an absolute one. `None` where it names another host.
fn split<'a>(target: &'a str, host: &str) -> Option<(&'a str, Option<&'a str>)> {
    let rest = if target.starts_with('/') || target == "*" { target } else { after_origin(target, host)? };
    let (path, query) = match rest.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (rest, None),
    };
    // An empty path is "/" (RFC 9110, section 4.2.3).
    Some((if path.is_empty() { "/" } else { path }, query))
}

fn after_origin<'a>(target: &'a str, host: &str) -> Option<&'a str> {
    let (scheme, rest) = target.split_once("://")?;
    let default_port = match scheme.to_ascii_lowercase().as_str() {
        "http" => ":80",
        "https" => ":443",
        _ => return None,
    };
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at_checked(end)?;
    let without_port = |authority: &'a str| authority.strip_suffix(default_port).unwrap_or(authority);
    let host = host.strip_suffix(default_port).unwrap_or(host);
    (!host.is_empty() && without_port(authority).eq_ignore_ascii_case(host)).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn named(target: DigestTarget<'_>, uri: &str) -> bool {
        target.is_named_by(uri, "example.org:8080")
    }

    /// PoorWSGI 2.8.1 compares only the end of `uri`; here the comparison is exact.
    #[test]
    fn the_end_of_the_uri_is_not_enough() {
        let target = DigestTarget::Path { path: "/res", query: "" };
        assert!(named(target, "/res"));
        assert!(!named(target, "/other/res") && !named(target, "/res/") && !named(target, "/"));
        assert!(!named(target, "/res?a=b") && !named(target, "res") && !named(target, ""));
    }

    /// As in PoorWSGI, an absolute `uri` is accepted when it names this host.
    #[test]
    fn an_absolute_uri_must_name_this_host() {
        for target in [DigestTarget::Raw("/res?a"), DigestTarget::Path { path: "/res", query: "a" }] {
            assert!(named(target, "http://EXAMPLE.org:8080/res?a"));
            for other in ["http://example.org/res?a", "http://evil/res?a", "ftp://example.org:8080/res?a"] {
                assert!(!named(target, other), "{other}");
            }
            assert!(
                !named(target, "http://a@example.org:8080/res?a")
                    && !named(target, "//example.org:8080/res?a")
            );
        }
        assert!(named(DigestTarget::Raw("http://example.org:8080"), "/"));
        assert!(DigestTarget::Raw("/").is_named_by("https://example.org:443", "example.org"));
        assert!(!DigestTarget::Raw("/").is_named_by("http:///", ""));
    }

    #[test]
    fn a_raw_target_is_compared_as_sent_and_a_path_decoded() {
        assert!(named(DigestTarget::Raw("/a%20b"), "/a%20b") && !named(DigestTarget::Raw("/a%20b"), "/a b"));
        assert!(named(DigestTarget::Path { path: "/a bé", query: "c=%20" }, "/a%20b%C3%A9?c=%20"));
        assert!(!named(DigestTarget::Path { path: "/a", query: "c= " }, "/a?c=%20"));
        assert!(named(DigestTarget::Raw("*"), "*") && !named(DigestTarget::Raw("*"), "/*"));
    }

    proptest! {
        #[test]
        fn any_uri_is_compared(uri in ".{0,60}", path in "/.{0,20}") {
            let _ = named(DigestTarget::Path { path: &path, query: "" }, &uri);
            prop_assert!(named(DigestTarget::Raw(&path), &path));
        }
    }
}
