//! Checks a request's head before the application sees it.
//!
//! The rules about the end of a message are in `h1::framing`, before hyper's parser; these rules are about
//! the content of the head.

use std::cell::RefCell;

use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Version};
use memchr::memchr;
use poorwsgi_core::request::{Authority, default_port};

use super::Refusal;

/// The last valid `Host` of a connection: the next one is nearly always the same.
#[derive(Debug, Default)]
pub(crate) struct KnownHost(RefCell<Option<HeaderValue>>);

impl KnownHost {
    fn is(&self, value: &HeaderValue) -> bool {
        self.0.borrow().as_ref() == Some(value)
    }

    fn parse<'v>(&self, value: &'v HeaderValue) -> Result<Authority<'v>, Refusal> {
        let host = value.to_str().ok().and_then(Authority::exact);
        let host = host.ok_or_else(|| Refusal::bad_request("Host is not a host and a port"))?;
        // A copy: the value shares a buffer with everything that was read with it, and would keep the buffer
        // alive.
        self.0.replace(HeaderValue::from_bytes(value.as_bytes()).ok());
        Ok(host)
    }
}

/// Checks a parsed head, and removes the fields that the application must not see.
pub(crate) fn check<B>(request: &mut Request<B>, trusted: bool, known: &KnownHost) -> Result<(), Refusal> {
    if request.method() == Method::CONNECT {
        let reason = "CONNECT is not implemented: this server is no proxy";
        return Err(Refusal::new(StatusCode::NOT_IMPLEMENTED, reason));
    }
    let fields = Fields::collect(request.headers(), trusted)?;
    let has_authority = request.uri().authority().is_some();
    let host = match fields.host {
        // The `Host` of a target without an authority (RFC 9112, section 3.2).
        Some(value) if value.is_empty() && !has_authority => None,
        Some(value) if !has_authority && known.is(value) => None,
        Some(value) => Some(known.parse(value)?),
        None if request.version() == Version::HTTP_11 => return Err(Refusal::bad_request("no Host field")),
        None => None,
    };
    check_target(request, host)?;
    if fields.expect.is_some_and(|value| !value.as_bytes().eq_ignore_ascii_case(b"100-continue")) {
        return Err(Refusal::new(StatusCode::EXPECTATION_FAILED, "Expect other than 100-continue"));
    }
    if fields.unwanted {
        drop_unwanted(request.headers_mut(), trusted);
    }
    Ok(())
}

/// The fields that are checked here: those that may come only once, and whether any is unwanted.
#[derive(Default)]
struct Fields<'a> {
    host: Option<&'a HeaderValue>,
    content_type: Option<&'a HeaderValue>,
    expect: Option<&'a HeaderValue>,
    unwanted: bool,
}

impl<'a> Fields<'a> {
    fn collect(headers: &'a HeaderMap, trusted: bool) -> Result<Self, Refusal> {
        let mut fields = Fields::default();
        for (name, value) in headers {
            let (place, reason) = match *name {
                header::HOST => (&mut fields.host, "two Host fields"),
                header::CONTENT_TYPE => (&mut fields.content_type, "two Content-Type fields"),
                header::EXPECT => (&mut fields.expect, "two Expect fields"),
                _ => {
                    fields.unwanted |= is_unwanted(name, trusted);
                    continue;
                }
            };
            if place.replace(value).is_some() {
                return Err(Refusal::bad_request(reason));
            }
        }
        Ok(fields)
    }
}

/// The forms of a target (RFC 9112, section 3.2), each with the methods that may use it. The fourth form, an
/// authority alone, is for CONNECT.
fn check_target<B>(request: &Request<B>, host: Option<Authority<'_>>) -> Result<(), Refusal> {
    let uri = request.uri();
    let Some(authority) = uri.authority() else {
        return match uri.path() {
            "*" if request.method() == Method::OPTIONS => Ok(()),
            path if path.starts_with('/') => Ok(()),
            _ => Err(Refusal::bad_request("the target is not a path")),
        };
    };
    let default_port = uri
        .scheme_str()
        .and_then(default_port)
        .ok_or_else(|| Refusal::bad_request("this form of target is not for this method"))?;
    let target = Authority::exact(authority.as_str())
        .ok_or_else(|| Refusal::bad_request("the target's authority is not a host and a port"))?;
    match host {
        Some(host) if !target.is_same(&host, default_port) => {
            Err(Refusal::bad_request("the target's host differs from Host"))
        }
        _ => Ok(()),
    }
}

/// Whether an application must not see a field: names with `_`, which a WSGI environ cannot tell from the
/// same name with `-`, and what an untrusted peer says about its client.
fn is_unwanted(name: &HeaderName, trusted: bool) -> bool {
    let name = name.as_str();
    memchr(b'_', name.as_bytes()).is_some()
        || (!trusted && (name == "forwarded" || name.starts_with("x-forwarded-")))
}

/// Removes the fields that an application must not see.
pub(crate) fn drop_unwanted(headers: &mut HeaderMap, trusted: bool) {
    while let Some(name) = headers.keys().find(|name| is_unwanted(name, trusted)).cloned() {
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
        check(&mut request.body(()).unwrap(), false, &KnownHost::default())
            .map_or_else(|refusal| refusal.status().as_u16(), |()| 200)
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

    /// RFC 9112, section 3.2: an empty `Host` is sent where the target has no authority.
    #[test]
    fn an_empty_host_is_one_for_a_target_without_an_authority() {
        assert_eq!(status("GET", "/", &[("host", "")]), 200);
        assert_eq!(status("OPTIONS", "*", &[("host", "")]), 200);
        assert_eq!(status("GET", "http://a.example/", &[("host", "")]), 400);
        assert_eq!(status("GET", "/", &[("host", ""), ("host", "")]), 400);
        assert_eq!(status("GET", "/", &[("host", ":80")]), 400);
    }

    #[test]
    fn http_1_0_needs_no_host() {
        let mut request = Request::builder().version(Version::HTTP_10).uri("/").body(()).unwrap();
        assert_eq!(check(&mut request, false, &KnownHost::default()), Ok(()));
    }

    #[test]
    fn each_form_of_target_has_its_methods() {
        let host = [("host", "a.example")];
        assert_eq!(status("OPTIONS", "*", &host), 200);
        assert_eq!(status("GET", "*", &host), 400);
        assert_eq!(status("GET", "a.example:80", &host), 400);
        assert_eq!(status("GET", "http://a.example/", &host), 200);
        assert_eq!(status("GET", "http://A.example:80/", &host), 200);
        assert_eq!(status("GET", "http://b.example/", &host), 400);
        assert_eq!(status("GET", "http://a.example:81/", &host), 400);
        assert_eq!(status("GET", "http://user@a.example/", &host), 400);
        assert_eq!(status("GET", "ftp://a.example/", &host), 400);
    }

    /// RFC 9110, section 9.3.6: this server has no destination for a tunnel.
    #[test]
    fn connect_is_not_implemented() {
        for target in ["a.example:443", "/", "http://a.example/"] {
            assert_eq!(status("CONNECT", target, &[("host", "a.example")]), 501);
        }
    }

    /// The second request of a connection is checked as the first is.
    #[test]
    fn a_known_host_is_no_pass_for_another() {
        let known = KnownHost::default();
        let status = |target: &str, host: &str| {
            let mut request = Request::builder().uri(target).header("host", host).body(()).unwrap();
            check(&mut request, false, &known).map_or_else(|refusal| refusal.status().as_u16(), |()| 200)
        };
        for (target, host, expected) in [
            ("/", "a.example", 200),
            ("/", "a.example", 200),
            ("/", "a b", 400),
            ("/", "a b", 400),
            ("http://b.example/", "a.example", 400),
            ("http://a.example/", "a.example", 200),
            ("/", "b.example", 200),
            ("http://a.example/", "b.example", 400),
        ] {
            assert_eq!(status(target, host), expected, "{target} {host}");
        }
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
        let mut request = Request::builder().version(Version::HTTP_10).body(()).unwrap();
        request.headers_mut().clone_from(&headers);
        assert_eq!(check(&mut request, false, &KnownHost::default()), Ok(()));
        assert_eq!(request.headers().keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["x-real"]);
        let mut trusted = headers.clone();
        drop_unwanted(&mut trusted, true);
        assert_eq!(trusted.keys_len(), 4);
        drop_unwanted(&mut headers, false);
        assert_eq!(headers.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["x-real"]);
    }
}
