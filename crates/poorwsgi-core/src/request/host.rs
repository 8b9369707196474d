//! The host that the client addresses, and URLs on it (RFC 9110, section 7.2).

use std::net::Ipv6Addr;

use http::header::HOST;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::Head;
use crate::HttpError;

/// A host and an optional port: the value of `Host`, or the authority of a URL (RFC 3986, section 3.2).
///
/// ```
/// use poorwsgi::request::Authority;
///
/// let authority = Authority::parse("[::1]:8080")?;
/// assert_eq!((authority.host, authority.port), ("[::1]", Some(8080)));
/// assert!(Authority::parse("example.org:http").is_err());
/// # Ok::<(), poorwsgi::HttpError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Authority<'a> {
    /// The host; an IPv6 address stands in brackets.
    pub host: &'a str,
    /// The port; `None` where there is none, even if there is a colon.
    pub port: Option<u16>,
}

impl<'a> Authority<'a> {
    /// Splits a text into host and port. The characters of the host are not checked; [`is_host`] does that.
    ///
    /// # Errors
    /// 400 where the port is not a number of digits up to 65535.
    pub fn parse(text: &'a str) -> Result<Self, HttpError> {
        let (host, port) = split(text);
        let digits = port.bytes().all(|byte| byte.is_ascii_digit());
        let port = match port {
            "" => None,
            port => Some(port.parse().ok().filter(|_| digits).ok_or_else(|| {
                HttpError::bad_request(format!(
                    "the port {port:?} of the host is not a number from 0 to 65535"
                ))
            })?),
        };
        Ok(Authority { host, port })
    }

    /// Parses strictly, as a server has to parse the `Host` of a client: a host alone, or a host, a colon and
    /// a port. `None` for anything else, such as surrounding blanks or a colon without a port. Sub-delimiters
    /// and percent escapes, which RFC 3986 allows, are refused as well: real host names do not have them, and
    /// attackers use them where a host name is pasted into a page, a path or a query.
    #[must_use]
    pub fn exact(text: &'a str) -> Option<Self> {
        let authority = Self::parse(text).ok()?;
        let is_exact = is_host(authority.host) && !text.ends_with(':') && text.trim().len() == text.len();
        is_exact.then_some(authority)
    }

    /// Whether both name the same host and port. Host names are compared without regard to case; a missing
    /// port counts as `default_port`, the one of the scheme.
    #[must_use]
    pub fn is_same(&self, other: &Authority<'_>, default_port: u16) -> bool {
        let port = |authority: &Authority<'_>| authority.port.unwrap_or(default_port);
        self.host.eq_ignore_ascii_case(other.host) && port(self) == port(other)
    }
}

/// The longest name that DNS can hold.
const LONGEST_NAME: usize = 255;

/// Splits a text into the host, with the brackets of an IPv6 address, and the text after the colon.
pub(super) fn split(text: &str) -> (&str, &str) {
    let text = text.trim();
    let bracket = if text.starts_with('[') { text.find(']').unwrap_or(0) } else { 0 };
    let after = text.get(bracket..).unwrap_or_default();
    match after.find(':').and_then(|colon| text.split_at_checked(bracket + colon)) {
        Some((host, port)) => (host, port.strip_prefix(':').unwrap_or_default()),
        None => (text, ""),
    }
}

/// Whether a text may be the host of a URL: a name or an IPv4 address of at most 255 letters, digits, `-`,
/// `.`, `_` and `~`, or an IPv6 address in brackets.
#[must_use]
pub fn is_host(text: &str) -> bool {
    if let Some(address) = text.strip_prefix('[') {
        return address.strip_suffix(']').is_some_and(|address| address.parse::<Ipv6Addr>().is_ok());
    }
    let name_char = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    (1..=LONGEST_NAME).contains(&text.len()) && text.bytes().all(name_char)
}

/// The default port of a scheme: 80 for `http`, 443 for `https`, else `None` (RFC 9110, section 4.2).
#[must_use]
pub const fn default_port(scheme: &str) -> Option<u16> {
    match scheme.as_bytes() {
        b"http" => Some(80),
        b"https" => Some(443),
        _ => None,
    }
}

impl dyn Head + '_ {
    /// The host of `Host` without the port; the server's name where the client sends none. An IPv6 address
    /// stands in brackets.
    #[must_use]
    pub fn hostname(&self) -> String {
        match self.header(&HOST) {
            Some(host) if !split(&host).0.is_empty() => split(&host).0.to_owned(),
            _ => self.server_name().into_owned(),
        }
    }

    /// The port of `Host`; where it has none, 443 for `https` and 80 otherwise.
    ///
    /// # Errors
    /// 400 where the port is not a number up to 65535.
    pub fn host_port(&self) -> Result<u16, HttpError> {
        let host = self.header(&HOST).unwrap_or_default();
        let port = Authority::parse(&host)?.port;
        Ok(port.or_else(|| default_port(&self.scheme())).unwrap_or(80))
    }

    /// The variable `SERVER_ADMIN`, or `webmaster@` and the [`hostname`](#method.hostname).
    #[must_use]
    pub fn server_admin(&self) -> String {
        match self.variable("SERVER_ADMIN") {
            Some(admin) => admin.into_owned(),
            None => format!("webmaster@{}", self.hostname()),
        }
    }

    /// The full URL of a path of the application, as the client sees it: where the application is mounted in
    /// another one, the path follows its prefix. Unless the server
    /// [knows the client](trait.Head.html#method.knows_client), the `X-Forwarded-…` fields take precedence over
    /// the connection and `Host`. The port is left out where it is the default of the scheme.
    ///
    /// A `uri` that is a full `http` or `https` URL is returned unchanged. A `uri` that begins with none of
    /// `/`, `?` and `#` gets a slash in front, so that it cannot become part of the host name. An empty `uri`
    /// gives the URL without a path, to which the caller can append one. Where `Host` is empty, the server's
    /// name and port are used.
    ///
    /// # Errors
    /// 400 where the host, the port or the scheme is malformed.
    pub fn construct_url(&self, uri: &str) -> Result<String, HttpError> {
        let full =
            |scheme: &str| uri.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
        if full("http://") || full("https://") {
            return Ok(uri.to_owned());
        }
        let mount = self.mount().map_or_else(String::new, |mount| encode_path(mount.path()));
        let slash = if uri.is_empty() || uri.starts_with(['/', '?', '#']) { "" } else { "/" };
        Ok(format!("{}{mount}{slash}{uri}", self.origin()?))
    }

    /// Scheme, host and port as the client sees them.
    ///
    /// # Errors
    /// Those of [`construct_url`](#method.construct_url).
    pub(crate) fn origin(&self) -> Result<String, HttpError> {
        let reads_fields = !self.knows_client();
        let said = if reads_fields { self.forwarded_proto() } else { None };
        let scheme = said.unwrap_or_else(|| self.scheme().into_owned());
        if !is_scheme(&scheme) {
            return Err(HttpError::bad_request(format!(
                "X-Forwarded-Proto {scheme:?} is not a scheme; expected http or https"
            )));
        }
        let forwarded = if reads_fields { self.forwarded_host() } else { None };
        let is_empty = forwarded.is_none() && self.header(&HOST).is_some_and(|host| host.is_empty());
        let host = forwarded.unwrap_or_else(|| self.hostname());
        if !is_host(&host) {
            return Err(HttpError::bad_request(format!(
                "the host {host:?} is not a host name or an address"
            )));
        }
        let forwarded_port = if reads_fields { self.forwarded_port()? } else { None };
        let port = match forwarded_port {
            Some(port) => port,
            None if is_empty => self.server_port(),
            None => self.host_port()?,
        };
        let port = if default_port(&scheme) == Some(port) { String::new() } else { format!(":{port}") };
        Ok(format!("{scheme}://{host}{port}"))
    }
}

/// A decoded path as it stands in a URL (RFC 3986, section 3.3).
pub(crate) fn encode_path(path: &str) -> String {
    const PATH: &AsciiSet =
        &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');
    utf8_percent_encode(path, PATH).to_string()
}

/// Whether a text is a scheme (RFC 3986, section 3.1).
fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::super::head::tests::with;
    use super::super::{Connection, HttpHead};
    use super::*;
    use proptest::prelude::*;

    fn host(value: &str) -> (String, Option<u16>) {
        let head = with(&[("host", value)]);
        (head.head().hostname(), head.head().host_port().ok())
    }

    fn url(fields: &[(&'static str, &str)]) -> Option<String> {
        with(fields).head().construct_url("/x").ok()
    }

    #[test]
    fn hosts_as_poorwsgi_reads_them() {
        assert_eq!(host("h:81"), ("h".to_owned(), Some(81)));
        assert_eq!(host("h"), ("h".to_owned(), Some(80)));
        assert_eq!(with(&[]).head().hostname(), "srv");
        let mut https = with(&[]);
        https.https = true;
        assert_eq!(https.head().host_port().unwrap(), 443);
    }

    /// RFC 3986, section 3.2.2. PoorWSGI 2.8.1 does not understand IPv6 literals.
    #[test]
    fn ipv6_literals() {
        assert_eq!(host("[::1]:81"), ("[::1]".to_owned(), Some(81)));
        assert_eq!(host("[2001:db8::1]"), ("[2001:db8::1]".to_owned(), Some(80)));
        assert_eq!(url(&[("host", "[::1]:81")]).unwrap(), "http://[::1]:81/x");
        assert_eq!(url(&[("host", "[::1]:80")]).unwrap(), "http://[::1]/x");
    }

    /// A bad port in `Host` is a 400; PoorWSGI 2.8.1 answers 500.
    #[test]
    fn bad_ports() {
        for value in ["h:x", "h:+1", "h:65536", "h:1:2", "[::1]:x", "h:٣", "[::1:80", "h:-1", "h:1 2"] {
            let head = with(&[("host", value)]);
            assert_eq!(head.head().host_port().unwrap_err().status(), 400, "{value}");
            assert!(head.head().construct_url("/").is_err());
        }
        assert_eq!(host("h:"), ("h".to_owned(), Some(80)));
        assert_eq!(host(""), ("srv".to_owned(), Some(80)));
    }

    /// The values are those of PoorWSGI's `construct_url`, which makes `http:///x` where `Host` is empty.
    #[test]
    fn addresses_as_poorwsgi_makes_them() {
        for (fields, expected) in [
            (&[][..], "http://srv/x"),
            (&[("host", "h:81")], "http://h:81/x"),
            (&[("x-forwarded-proto", "https")], "https://srv/x"),
            (&[("x-forwarded-host", "f")], "http://f/x"),
            (&[("x-forwarded-proto", "ftp")], "ftp://srv:80/x"),
            (&[("host", "")], "http://srv:8080/x"),
            (&[("host", ""), ("x-forwarded-host", "f")], "http://f/x"),
            (&[("host", "h:81"), ("x-forwarded-proto", "https")], "https://h/x"),
            (
                &[("host", "h"), ("x-forwarded-host", "f:82"), ("x-forwarded-proto", "https")],
                "https://f:82/x",
            ),
        ] {
            assert_eq!(url(fields).unwrap(), expected, "{fields:?}");
        }
        let head = with(&[("host", "h")]);
        for full in ["http://e/", "HTTPS://e/"] {
            assert_eq!(head.head().construct_url(full).unwrap(), full);
        }
    }

    /// A server that gives the connection has read the fields of its proxies.
    #[test]
    fn addresses_on_a_server_that_knows_the_client() {
        let request = http::Request::get("/").header("host", "h:8443").header("x-forwarded-proto", "https");
        let request = request.header("x-forwarded-host", "other").body(()).unwrap();
        let head = HttpHead::new(request.into_parts().0, None);
        assert_eq!((&head as &dyn Head).construct_url("/x").unwrap(), "https://other/x");
        let head = head.with_connection(Some(Connection { secure: true, ..Connection::default() }));
        assert_eq!((&head as &dyn Head).construct_url("/x").unwrap(), "https://h:8443/x");
    }

    #[test]
    fn an_address_in_a_mounted_application() {
        let request = http::Request::get("http://h/a%20b/c/x").header("host", "h").body(()).unwrap();
        let head = HttpHead::new(request.into_parts().0, None).below("/a b").unwrap().below("/c").unwrap();
        for (uri, expected) in [("/x", "/x"), ("", ""), ("x", "/x"), ("?y", "?y")] {
            let url = (&head as &dyn Head).construct_url(uri).unwrap();
            assert_eq!(url, format!("http://h/a%20b/c{expected}"));
        }
        assert_eq!((&head as &dyn Head).construct_url("http://e/").unwrap(), "http://e/");
    }

    /// PoorWSGI makes `http://h.evil.org` of the first.
    #[test]
    fn a_path_stays_on_the_host() {
        let head = with(&[("host", "h")]);
        for (uri, expected) in [(".evil.org", "http://h/.evil.org"), ("@evil.org", "http://h/@evil.org")] {
            assert_eq!(head.head().construct_url(uri).unwrap(), expected);
        }
        for uri in ["", "?a=b", "#a", "/", "//x"] {
            assert_eq!(head.head().construct_url(uri).unwrap(), format!("http://h{uri}"));
        }
    }

    #[test]
    fn no_address_is_made_of_what_is_none() {
        for value in ["h/x", "a@b", "a b", "<b>", "[x]", "[::1", "a, b", "é.cz", "h?x", "h#x"] {
            assert_eq!(url(&[("host", value)]), None, "{value}");
            assert_eq!(url(&[("x-forwarded-host", &value.replace(',', ""))]), None, "{value}");
        }
        assert_eq!(url(&[("x-forwarded-proto", "javascript:alert(1)//")]), None);
    }

    #[test]
    fn the_administrator() {
        let mut head = with(&[("host", "h:81")]);
        assert_eq!(head.head().server_admin(), "webmaster@h");
        head.variables.push(("SERVER_ADMIN", "me@h"));
        assert_eq!(head.head().server_admin(), "me@h");
    }

    #[test]
    fn hosts_that_exist() {
        for host in [
            "localhost",
            "example.com:80",
            "a_b.example",
            "a~b",
            "127.0.0.1:65535",
            "[::1]",
            "[2001:db8::7]:8080",
            "a.",
        ] {
            assert!(Authority::exact(host).is_some(), "{host}");
        }
    }

    #[test]
    fn hosts_that_cannot_be() {
        for host in [
            "",
            " a",
            "a\t",
            ":80",
            "a b",
            "a/b",
            "a@b",
            "a,b",
            "a<b",
            "a\"b",
            "a%00",
            "a\\b",
            "a;b",
            "a?b",
            "a#b",
            "ä",
            "::1",
            "a:",
            "a:80:80",
            "a:+80",
            "a:65536",
            "a:8a",
            "[::1",
            "[::1]80",
            "[::1%25eth0]",
            "[]",
            "[a]",
            "a[::1]",
        ] {
            assert!(Authority::exact(host).is_none(), "{host}");
        }
        assert!(Authority::exact(&"a".repeat(256)).is_none());
        assert!(is_host(&"a".repeat(255)) && !is_host(&"a".repeat(256)));
    }

    #[test]
    fn the_default_port_may_be_left_out() {
        let same = |one, other| Authority::exact(one).unwrap().is_same(&Authority::exact(other).unwrap(), 80);
        assert!(same("a.example", "A.EXAMPLE:80") && same("[::1]", "[::1]:80"));
        assert!(!same("a.example", "a.example:81") && !same("a.example", "b.example"));
    }

    proptest! {
        #[test]
        fn any_host_is_read(text in ".*", brackets in "[\\[\\]:0-9a-f.]*") {
            for text in [text, brackets] {
                let (host, _) = split(&text);
                prop_assert!(text.contains(host));
                let _ = (Authority::parse(&text), Authority::exact(&text), is_host(&text));
            }
        }

        #[test]
        fn host_and_port_are_read_back(host in "[a-z0-9.-]{1,9}", port: u16) {
            let text = format!("{host}:{port}");
            prop_assert_eq!(Authority::parse(&text).unwrap(), Authority { host: &host, port: Some(port) });
        }
    }
}
