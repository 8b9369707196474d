//! Checks a request's head before the application sees it.
//!
//! The rules about the end of a message are in `h1::framing`, before hyper's parser; the rules about the
//! content of the head are the engine's.

use std::cell::RefCell;

use http::{HeaderValue, Request};
use poorwsgi_core::HttpError;
use poorwsgi_core::request::check::{SingleFields, check_method, check_target, exact_host, hide};
use poorwsgi_core::request::{Authority, ForwardedFields};

/// The last valid `Host` of a connection: the next one is nearly always the same.
#[derive(Debug, Default)]
pub(crate) struct KnownHost(RefCell<Option<HeaderValue>>);

impl KnownHost {
    fn is(&self, value: &HeaderValue) -> bool {
        self.0.borrow().as_ref() == Some(value)
    }

    fn parse<'v>(&self, value: &'v HeaderValue) -> Result<Authority<'v>, HttpError> {
        let host = exact_host(value)?;
        // A copy: the value shares a buffer with everything that was read with it, and would keep the buffer
        // alive.
        self.0.replace(HeaderValue::from_bytes(value.as_bytes()).ok());
        Ok(host)
    }
}

/// Checks a parsed head, and removes the fields that the application must not see. `opens_protocol` says
/// whether the request may leave HTTP. Returns whether the peer names its client in fields that are `believed`.
pub(crate) fn check<B>(
    request: &mut Request<B>,
    believed: Option<ForwardedFields>,
    opens_protocol: bool,
    known: &KnownHost,
) -> Result<bool, HttpError> {
    check_method(request.method(), opens_protocol)?;
    let fields = SingleFields::collect(request.headers(), believed)?;
    let host = match fields.host(request.uri(), request.version())? {
        // Only an authority in the target is compared with it.
        Some(value) if request.uri().authority().is_none() && known.is(value) => None,
        Some(value) => Some(known.parse(value)?),
        None => None,
    };
    check_target(request.method(), request.uri(), host.as_ref())?;
    fields.check_expectation()?;
    let names_client = fields.names_client();
    if fields.has_hidden() {
        hide(request.headers_mut(), believed);
    }
    Ok(names_client)
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderName, Version};

    use super::*;

    fn status(method: &str, target: &str, fields: &[(&'static str, &str)]) -> u16 {
        let mut request = Request::builder().method(method).uri(target);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        check(&mut request.body(()).unwrap(), None, false, &KnownHost::default())
            .map_or_else(|error| error.status(), |_| 200)
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
        assert!(check(&mut request, None, false, &KnownHost::default()).is_ok());
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
            check(&mut request, None, false, &known).map_or_else(|error| error.status(), |_| 200)
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
        assert!(check(&mut request, None, false, &KnownHost::default()).is_ok());
        assert_eq!(request.headers().keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["x-real"]);
        let mut trusted = headers.clone();
        hide(&mut trusted, Some(ForwardedFields::XForwarded));
        assert_eq!(trusted.keys_len(), 3);
        hide(&mut headers, None);
        assert_eq!(headers.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["x-real"]);
    }
}
