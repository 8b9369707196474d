//! What a server checks of a request's head before an application sees it, in every version of HTTP.
//!
//! The end of a head and the framing of the content are matters of each version; they are checked by the
//! server's session of that version.

use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue, Method, Uri, Version};
use memchr::memchr;

use super::ForwardedFields;
use super::forwarded::is_about_client;
use super::host::{Authority, default_port};
use crate::{HttpError, state};

/// The fields of a head that may come only once; whether it has fields that an application must not see, and
/// fields in which a trusted peer names its client.
#[derive(Debug, Default)]
pub struct SingleFields<'a> {
    host: Option<&'a HeaderValue>,
    content_type: Option<&'a HeaderValue>,
    expect: Option<&'a HeaderValue>,
    has_hidden: bool,
    names_client: bool,
}

impl<'a> SingleFields<'a> {
    /// Collects the fields. `believed` says in which fields the peer may name its client; `None` for a peer that
    /// is not trusted.
    ///
    /// # Errors
    /// 400 for `Host`, `Content-Type` or `Expect` that comes twice: two readers could take one each (RFC 9110,
    /// section 5.3).
    pub fn collect(headers: &'a HeaderMap, believed: Option<ForwardedFields>) -> Result<Self, HttpError> {
        let mut fields = SingleFields::default();
        for (name, value) in headers {
            let (place, reason) = match *name {
                header::HOST => (&mut fields.host, "two Host fields"),
                header::CONTENT_TYPE => (&mut fields.content_type, "two Content-Type fields"),
                header::EXPECT => (&mut fields.expect, "two Expect fields"),
                _ => {
                    let is_hidden = is_hidden(name, believed);
                    fields.has_hidden |= is_hidden;
                    fields.names_client |= believed.is_some() && !is_hidden && is_about_client(name);
                    continue;
                }
            };
            if place.replace(value).is_some() {
                return Err(HttpError::bad_request(reason));
            }
        }
        Ok(fields)
    }

    /// The `Host` whose value has to be a [host](exact_host); `None` where the request may come without one.
    ///
    /// In HTTP/1.1 the field is required, but it is empty where the target has no authority (RFC 9112, section
    /// 3.2). HTTP/1.0 does not know the field, and later versions have the authority in the target (RFC 9113,
    /// section 8.3.1).
    ///
    /// # Errors
    /// 400 for a request of HTTP/1.1 without the field.
    pub fn host(&self, uri: &Uri, version: Version) -> Result<Option<&'a HeaderValue>, HttpError> {
        match self.host {
            Some(host) if host.is_empty() && uri.authority().is_none() => Ok(None),
            None if version == Version::HTTP_11 => {
                Err(HttpError::bad_request("the request has no Host field"))
            }
            host => Ok(host),
        }
    }

    /// Checks what the client expects.
    ///
    /// # Errors
    /// 417 for another expectation than `100-continue` (RFC 9110, section 10.1.1).
    pub fn check_expectation(&self) -> Result<(), HttpError> {
        match self.expect {
            Some(expect) if !expect.as_bytes().eq_ignore_ascii_case(b"100-continue") => {
                Err(HttpError::new(state::HTTP_EXPECTATION_FAILED)
                    .with_detail("Expect other than 100-continue"))
            }
            _ => Ok(()),
        }
    }

    /// Whether the peer is trusted to name its client and does so
    /// ([`ForwardedClient`](super::ForwardedClient)).
    #[must_use]
    pub const fn names_client(&self) -> bool {
        self.names_client
    }

    /// Whether [`hide`] has something to remove.
    #[must_use]
    pub const fn has_hidden(&self) -> bool {
        self.has_hidden
    }
}

/// Checks the method. `opens_protocol` says whether the session knows a protocol that a CONNECT asks for (RFC
/// 8441, section 4).
///
/// # Errors
/// 501 for any other CONNECT: this server has no destination for a tunnel (RFC 9110, section 9.3.6).
pub fn check_method(method: &Method, opens_protocol: bool) -> Result<(), HttpError> {
    if *method == Method::CONNECT && !opens_protocol {
        return Err(HttpError::new(state::HTTP_NOT_IMPLEMENTED)
            .with_detail("CONNECT is not implemented: this server is not a proxy"));
    }
    Ok(())
}

/// The value of `Host` as a host with an optional port.
///
/// # Errors
/// 400 for any other value (RFC 9112, section 3.2).
pub fn exact_host(value: &HeaderValue) -> Result<Authority<'_>, HttpError> {
    let host = value.to_str().ok().and_then(Authority::exact);
    host.ok_or_else(|| HttpError::bad_request("the Host field is not a host with an optional port"))
}

/// Checks the form of a target, and that its authority is that of `Host`: a path, a URL of `http` or `https`, or
/// `*` with OPTIONS (RFC 9112, section 3.2). The fourth form, an authority alone, is for a CONNECT without
/// protocol.
///
/// # Errors
/// 400 for any other form, and for two different hosts.
pub fn check_target(method: &Method, uri: &Uri, host: Option<&Authority<'_>>) -> Result<(), HttpError> {
    let Some(authority) = uri.authority() else {
        return match uri.path() {
            "*" if *method == Method::OPTIONS => Ok(()),
            path if path.starts_with('/') => Ok(()),
            _ => Err(HttpError::bad_request("the target is not a path")),
        };
    };
    let default_port = uri
        .scheme_str()
        .and_then(default_port)
        .ok_or_else(|| HttpError::bad_request("the target has a form that this method does not allow"))?;
    let target = Authority::exact(authority.as_str()).ok_or_else(|| {
        HttpError::bad_request("the target's authority is not a host with an optional port")
    })?;
    match host {
        Some(host) if !target.is_same(host, default_port) => {
            Err(HttpError::bad_request("the target's host differs from Host"))
        }
        _ => Ok(()),
    }
}

/// Whether an application must not see a field: names with `_`, which CGI and WSGI cannot tell from the same
/// name with `-`, and what names the client in a field that is not believed.
#[must_use]
pub fn is_hidden(name: &HeaderName, believed: Option<ForwardedFields>) -> bool {
    memchr(b'_', name.as_str().as_bytes()).is_some()
        || believed.map_or_else(|| is_about_client(name), |fields| fields.exclude(name))
}

/// Removes the fields that an application must not see.
pub fn hide(headers: &mut HeaderMap, believed: Option<ForwardedFields>) {
    while let Some(name) = headers.keys().find(|name| is_hidden(name, believed)).cloned() {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        headers
    }

    fn status<T>(result: Result<T, HttpError>) -> u16 {
        result.map_or_else(|error| error.status(), |_| 200)
    }

    /// RFC 9112, section 3.2, and RFC 9113, section 8.3.1.
    #[test]
    fn each_version_has_its_host() {
        let host = |fields: &[(&'static str, &'static str)], target: &'static str, version| {
            let headers = headers(fields);
            let host = SingleFields::collect(&headers, None)?.host(&Uri::from_static(target), version)?;
            Ok::<_, HttpError>(host.cloned())
        };
        let named = [("host", "a.example")];
        for version in [Version::HTTP_10, Version::HTTP_11, Version::HTTP_2] {
            assert_eq!(host(&named, "/", version).unwrap().unwrap(), "a.example");
            assert_eq!(host(&[("host", "")], "/", version).unwrap(), None);
            assert_eq!(host(&[("host", "")], "http://a.example/", version).unwrap().unwrap(), "");
            assert_eq!(status(host(&[named[0]; 2], "/", version)), 400);
            let missing = if version == Version::HTTP_11 { 400 } else { 200 };
            assert_eq!(status(host(&[], "/", version)), missing, "{version:?}");
        }
    }

    #[test]
    fn a_host_is_a_name_and_a_port() {
        for (value, expected) in
            [("a.example", 200), ("[::1]:80", 200), ("", 400), ("a b", 400), ("a:b", 400)]
        {
            assert_eq!(status(exact_host(&HeaderValue::from_static(value))), expected, "{value}");
        }
        assert_eq!(status(exact_host(&HeaderValue::from_bytes(b"\xff").unwrap())), 400);
    }

    #[test]
    fn some_fields_come_once() {
        for name in ["host", "content-type", "expect"] {
            assert_eq!(status(SingleFields::collect(&headers(&[(name, "x")]), None)), 200);
            assert_eq!(
                status(SingleFields::collect(&headers(&[(name, "x"), (name, "x")]), None)),
                400,
                "{name}"
            );
        }
        assert_eq!(status(SingleFields::collect(&headers(&[("accept", "x"), ("accept", "x")]), None)), 200);
    }

    /// RFC 9110, section 10.1.1.
    #[test]
    fn only_one_expectation_is_known() {
        for (value, expected) in [("100-continue", 200), ("100-Continue", 200), ("200-ok", 417), ("", 417)] {
            let headers = headers(&[("expect", value)]);
            let fields = SingleFields::collect(&headers, None).unwrap();
            assert_eq!(status(fields.check_expectation()), expected, "{value}");
        }
    }

    #[test]
    fn a_connect_opens_a_protocol_or_is_not_implemented() {
        assert_eq!(status(check_method(&Method::CONNECT, false)), 501);
        assert_eq!(status(check_method(&Method::CONNECT, true)), 200);
        assert_eq!(status(check_method(&Method::GET, false)), 200);
    }

    /// RFC 9112, section 3.2.
    #[test]
    fn each_form_of_target_has_its_methods() {
        for (method, target, expected) in [
            (Method::GET, "/", 200),
            (Method::OPTIONS, "*", 200),
            (Method::GET, "*", 400),
            (Method::GET, "a.example:80", 400),
            (Method::GET, "http://a.example/", 200),
            (Method::GET, "https://A.example:443/", 400),
            (Method::GET, "http://A.example:80/", 200),
            (Method::GET, "http://b.example/", 400),
            (Method::GET, "http://user@a.example/", 400),
            (Method::GET, "ftp://a.example/", 400),
        ] {
            let host = Authority::exact("a.example:80").unwrap();
            let result = check_target(&method, &Uri::from_static(target), Some(&host));
            assert_eq!(status(result), expected, "{method} {target}");
        }
        assert_eq!(status(check_target(&Method::GET, &Uri::from_static("http://b.example/"), None)), 200);
    }

    /// security: a client cannot say what only a proxy says, nor in other letters than the proxy.
    #[test]
    fn fields_that_lie_are_hidden() {
        let names = ["x_forwarded_for", "forwarded", "x-forwarded-for", "x-real"];
        let all = [None, Some(ForwardedFields::Forwarded), Some(ForwardedFields::XForwarded)];
        for (believed, kept) in
            all.into_iter().zip([&["x-real"][..], &["forwarded", "x-real"], &["x-forwarded-for", "x-real"]])
        {
            let mut headers =
                headers(&[names, names].concat().iter().map(|name| (*name, "v")).collect::<Vec<_>>());
            assert!(SingleFields::collect(&headers, believed).unwrap().has_hidden());
            hide(&mut headers, believed);
            let fields = SingleFields::collect(&headers, believed).unwrap();
            assert!(!fields.has_hidden() && fields.names_client() == believed.is_some());
            let mut left: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
            left.sort_unstable();
            assert_eq!(left, kept);
        }
    }
}
