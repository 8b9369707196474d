//! What a request's head must be before the application sees it.
//!
//! The rules about where a message ends are in `framing`, before hyper's parser; these are about what the head says.

use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Version};

use crate::host::Authority;
use crate::refusal::Refusal;

/// Checks a parsed head.
pub(crate) fn check<B>(request: &Request<B>) -> Result<(), Refusal> {
    let fields = Singles::collect(request.headers())?;
    let host = match fields.host {
        Some(value) => {
            let host = value.to_str().ok().and_then(Authority::parse);
            Some(host.ok_or_else(|| Refusal::bad_request("Host is not a host and a port"))?)
        }
        None if request.version() == Version::HTTP_11 => return Err(Refusal::bad_request("no Host field")),
        None => None,
    };
    check_target(request, host)?;
    match fields.expect {
        Some(value) if !value.as_bytes().eq_ignore_ascii_case(b"100-continue") => {
            Err(Refusal::new(StatusCode::EXPECTATION_FAILED, "Expect other than 100-continue"))
        }
        _ => Ok(()),
    }
}

/// The fields that are looked at here and may come only once.
#[derive(Default)]
struct Singles<'a> {
    host: Option<&'a HeaderValue>,
    content_type: Option<&'a HeaderValue>,
    expect: Option<&'a HeaderValue>,
}

impl<'a> Singles<'a> {
    fn collect(headers: &'a HeaderMap) -> Result<Self, Refusal> {
        let mut singles = Singles::default();
        for (name, value) in headers {
            let (place, reason) = match *name {
                header::HOST => (&mut singles.host, "two Host fields"),
                header::CONTENT_TYPE => (&mut singles.content_type, "two Content-Type fields"),
                header::EXPECT => (&mut singles.expect, "two Expect fields"),
                _ => continue,
            };
            if place.replace(value).is_some() {
                return Err(Refusal::bad_request(reason));
            }
        }
        Ok(singles)
    }
}

/// The four forms of a target (RFC 9112, section 3.2), each with the methods that may use it.
fn check_target<B>(request: &Request<B>, host: Option<Authority<'_>>) -> Result<(), Refusal> {
    let uri = request.uri();
    let is_connect = request.method() == Method::CONNECT;
    let Some(authority) = uri.authority() else {
        return match uri.path() {
            _ if is_connect => Err(Refusal::bad_request("CONNECT wants a host and a port as its target")),
            "*" if request.method() == Method::OPTIONS => Ok(()),
            path if path.starts_with('/') => Ok(()),
            _ => Err(Refusal::bad_request("the target is not a path")),
        };
    };
    let default_port = match uri.scheme_str() {
        None if is_connect => 443,
        Some("http") if !is_connect => 80,
        Some("https") if !is_connect => 443,
        _ => return Err(Refusal::bad_request("this form of target is not for this method")),
    };
    let target = Authority::parse(authority.as_str())
        .ok_or_else(|| Refusal::bad_request("the target's authority is not a host and a port"))?;
    match host {
        Some(host) if !target.is_same(&host, default_port) => {
            Err(Refusal::bad_request("the target's host differs from Host"))
        }
        _ => Ok(()),
    }
}

/// Removes the fields that an application must not see: names with `_`, which a WSGI environ cannot tell from the
/// same name with `-`, and what an untrusted peer says about somebody else.
pub(crate) fn drop_untrusted(headers: &mut HeaderMap, trusted: bool) {
    let unwanted = |name: &HeaderName| {
        let name = name.as_str();
        name.contains('_') || (!trusted && (name == "forwarded" || name.starts_with("x-forwarded-")))
    };
    while let Some(name) = headers.keys().find(|name| unwanted(name)).cloned() {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(method: &str, target: &str, fields: &[(&'static str, &str)]) -> u16 {
        let mut request = Request::builder().method(method).uri(target);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        check(&request.body(()).unwrap()).map_or_else(|refusal| refusal.status().as_u16(), |()| 200)
    }

    /// RFC 9112, section 3.2.
    #[test]
    fn host_is_wanted_once_and_valid() {
        assert_eq!(status("GET", "/", &[("host", "a.example")]), 200);
        assert_eq!(status("GET", "/", &[]), 400);
        assert_eq!(status("GET", "/", &[("host", "a.example"), ("host", "a.example")]), 400);
        assert_eq!(status("GET", "/", &[("host", "a b")]), 400);
        assert_eq!(status("GET", "/", &[("host", "a:port")]), 400);
    }

    #[test]
    fn http_1_0_needs_no_host() {
        let request = Request::builder().version(Version::HTTP_10).uri("/").body(()).unwrap();
        assert_eq!(check(&request), Ok(()));
    }

    #[test]
    fn each_form_of_target_has_its_methods() {
        let host = [("host", "a.example")];
        assert_eq!(status("OPTIONS", "*", &host), 200);
        assert_eq!(status("GET", "*", &host), 400);
        assert_eq!(status("CONNECT", "a.example:443", &host), 200);
        assert_eq!(status("CONNECT", "/", &host), 400);
        assert_eq!(status("GET", "a.example:80", &host), 400);
        assert_eq!(status("GET", "http://a.example/", &host), 200);
        assert_eq!(status("GET", "http://A.example:80/", &host), 200);
        assert_eq!(status("GET", "http://b.example/", &host), 400);
        assert_eq!(status("GET", "http://a.example:81/", &host), 400);
        assert_eq!(status("GET", "http://user@a.example/", &host), 400);
        assert_eq!(status("GET", "ftp://a.example/", &host), 400);
        assert_eq!(status("CONNECT", "http://a.example/", &host), 400);
    }

    /// RFC 9110, section 10.1.1.
    #[test]
    fn only_one_expectation_is_known() {
        assert_eq!(status("PUT", "/", &[("host", "a"), ("expect", "100-Continue")]), 200);
        assert_eq!(status("PUT", "/", &[("host", "a"), ("expect", "200-ok")]), 417);
        assert_eq!(status("PUT", "/", &[("host", "a"), ("expect", "100-continue"), ("expect", "x")]), 400);
    }

    #[test]
    fn two_content_types_are_refused() {
        let fields = [("host", "a"), ("content-type", "text/plain"), ("content-type", "text/html")];
        assert_eq!(status("PUT", "/", &fields), 400);
    }

    #[test]
    fn fields_that_lie_are_dropped() {
        let mut headers = HeaderMap::new();
        for name in ["x_forwarded_for", "x-forwarded-for", "x-forwarded-proto", "forwarded", "x-real"] {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static("v"));
            headers.append(HeaderName::from_static(name), HeaderValue::from_static("w"));
        }
        let mut trusted = headers.clone();
        drop_untrusted(&mut trusted, true);
        assert_eq!(trusted.keys_len(), 4);
        drop_untrusted(&mut headers, false);
        assert_eq!(headers.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["x-real"]);
    }
}
