//! The client of a request, as the proxies in front of the server name it.
//!
//! Anybody can send the fields that are read here, so a server reads them only from a peer that it trusts, and
//! each proxy on the way has to be trusted as well before what it says about the one behind it is believed.

use std::net::{IpAddr, SocketAddr};

use http::header::{FORWARDED, HOST};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::Connection;
use super::forwarded::{FOR, FORWARDED_HOST, PORT, PROTO, is_about_client};
use super::host::Authority;
use crate::HttpError;
use crate::headers::parameters::{is_token, split_quoted};

/// The fields in which proxies name the client of a request.
///
/// A proxy sets the fields of one kind and passes on those of the other as the client has sent them. So a
/// server believes one kind, and removes the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ForwardedFields {
    /// `X-Forwarded-For`, `-Proto`, `-Host` and `-Port`, which nearly all proxies send.
    #[default]
    XForwarded,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

impl ForwardedFields {
    /// Whether a field names the client, and is of the other kind.
    pub(super) fn exclude(self, name: &HeaderName) -> bool {
        is_about_client(name) && (*name == FORWARDED) != (self == ForwardedFields::Forwarded)
    }
}

/// What trusted proxies say about the client of a request, and about the URL that the client used.
///
/// ```
/// use http::{HeaderMap, HeaderValue};
/// use poorwsgi_core::request::{Connection, ForwardedClient, ForwardedFields};
///
/// let mut headers = HeaderMap::new();
/// headers.insert("host", HeaderValue::from_static("app:8080"));
/// headers.insert("x-forwarded-for", HeaderValue::from_static("192.0.2.7, 10.0.0.3"));
/// headers.insert("x-forwarded-proto", HeaderValue::from_static("https"));
/// headers.insert("x-forwarded-host", HeaderValue::from_static("example.org"));
/// let trusts = |address: std::net::IpAddr| address.to_string().starts_with("10.");
/// let client = ForwardedClient::read(&headers, ForwardedFields::XForwarded, trusts)?;
/// let connection = client.apply(&mut headers, Connection::default());
/// assert_eq!(connection.remote.unwrap().ip().to_string(), "192.0.2.7");
/// assert!(connection.secure);
/// assert_eq!(headers["host"], "example.org");
/// # Ok::<(), poorwsgi_core::HttpError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ForwardedClient {
    /// The address of the client; its port is 0 where no proxy names it. `None` where no proxy names the
    /// address.
    pub address: Option<SocketAddr>,
    /// Whether the client speaks TLS.
    pub secure: Option<bool>,
    /// The host that the client addresses, with the port if the proxy names one.
    pub host: Option<HeaderValue>,
    /// The port that the client addresses, where it is named apart from the host.
    pub port: Option<u16>,
}

impl ForwardedClient {
    /// Reads the fields of a request from a trusted peer. `trusts` says which other proxies are trusted.
    ///
    /// The addresses are read from the right, where the nearest proxy has written: the client is the first
    /// one that is no trusted proxy, or the last one if all are trusted. What is no address (`unknown`, RFC
    /// 7239, section 6.2) ends the way there. Scheme, host and port are those of the nearest proxy in
    /// `X-Forwarded-…`: nothing tells which proxy has added which item of these lists. In `Forwarded` they are
    /// those of the trusted proxy that is nearest to the client.
    ///
    /// # Errors
    /// 400 for a host or a port that is none, and for a malformed `Forwarded`.
    pub fn read(
        headers: &HeaderMap,
        fields: ForwardedFields,
        trusts: impl Fn(IpAddr) -> bool,
    ) -> Result<Self, HttpError> {
        match fields {
            ForwardedFields::XForwarded => Self::of_x_forwarded(headers, trusts),
            ForwardedFields::Forwarded => Self::of_forwarded(headers, trusts),
        }
    }

    fn of_x_forwarded(headers: &HeaderMap, trusts: impl Fn(IpAddr) -> bool) -> Result<Self, HttpError> {
        let mut client = ForwardedClient::default();
        for item in items(headers, &FOR) {
            let Some(address) = node(item) else { break };
            client.address = Some(address);
            if !trusts(address.ip()) {
                break;
            }
        }
        client.secure = items(headers, &PROTO).next().and_then(is_secure);
        client.host =
            items(headers, &FORWARDED_HOST).next().map(|item| host(item, "X-Forwarded-Host")).transpose()?;
        client.port = items(headers, &PORT).next().map(port).transpose()?;
        Ok(client)
    }

    fn of_forwarded(headers: &HeaderMap, trusts: impl Fn(IpAddr) -> bool) -> Result<Self, HttpError> {
        let mut client = ForwardedClient::default();
        for line in headers.get_all(FORWARDED).iter().rev() {
            let line = line.to_str().map_err(|_| malformed("a character that is not of ASCII"))?;
            let elements: Vec<_> = split_quoted(line, b',').collect();
            for element in elements.into_iter().rev() {
                match client.read_element(element)? {
                    Some(address) if trusts(address) => {}
                    _ => return Ok(client),
                }
            }
        }
        Ok(client)
    }

    /// Reads what one proxy says in `Forwarded`. Returns the address that this proxy names.
    fn read_element(&mut self, element: &str) -> Result<Option<IpAddr>, HttpError> {
        let mut address = None;
        for pair in split_quoted(element, b';').map(str::trim).filter(|pair| !pair.is_empty()) {
            let (name, value) = pair
                .split_once('=')
                .filter(|(name, _)| is_token(name))
                .ok_or_else(|| malformed("a part that is no name with a value"))?;
            let value = token_or_quoted(value)?;
            match name.to_ascii_lowercase().as_str() {
                "for" => address = node(&value),
                "proto" => self.secure = is_secure(&value).or(self.secure),
                "host" => self.host = Some(host(&value, "Forwarded")?),
                _ => {}
            }
        }
        self.address = address.or(self.address);
        Ok(address.map(|address| address.ip()))
    }

    /// The connection as the application is to see it, with the address and the scheme of the client. `Host` in
    /// the headers becomes the host that the client addresses.
    #[must_use]
    pub fn apply(self, headers: &mut HeaderMap, connection: Connection) -> Connection {
        let secure = self.secure.unwrap_or(connection.secure);
        let scheme_port = if secure { 443 } else { 80 };
        let said = self.host.as_ref().or_else(|| headers.get(HOST));
        let authority = said.and_then(|host| host.to_str().ok()).and_then(Authority::exact);
        let port_of_host = authority.and_then(|authority| authority.port);
        // The client has written the port behind the host; a port that is named apart may be that of a proxy.
        let port_apart = self.port.filter(|_| self.host.is_none() || port_of_host.is_none());
        let port = port_apart.or(port_of_host).unwrap_or(scheme_port);
        let host = match (authority, port_apart) {
            (Some(Authority { host, .. }), Some(port)) if port != scheme_port => {
                HeaderValue::try_from(format!("{host}:{port}")).ok()
            }
            (Some(Authority { host, .. }), Some(_)) => HeaderValue::from_str(host).ok(),
            _ => self.host,
        };
        if let Some(host) = host {
            headers.insert(HOST, host);
        }
        Connection {
            remote: self.address.or(connection.remote),
            local: connection.local.map(|local| SocketAddr::new(local.ip(), port)),
            secure,
        }
    }
}

/// The items of a list, the last one first.
fn items<'h>(headers: &'h HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'h str> {
    let lines = headers.get_all(name).iter().rev();
    let items = lines.flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b',')).map(<[u8]>::trim_ascii);
    // security: what a client has put in front of the items of the proxies does not invalidate those.
    items.filter(|item| !item.is_empty()).map(|item| std::str::from_utf8(item).unwrap_or("unknown"))
}

/// An address with or without a port (RFC 7239, section 6), also an IPv6 address without brackets, as
/// `X-Forwarded-For` has it.
fn node(text: &str) -> Option<SocketAddr> {
    let canonical = |address: IpAddr, port| SocketAddr::new(address.to_canonical(), port);
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(canonical(address, 0));
    }
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Some(canonical(address.ip(), address.port()));
    }
    // A port that is hidden: `_` and any name (section 6.3).
    let host = text.split_once(":_").map_or(text, |(host, _)| host);
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    host.parse().ok().map(|address| canonical(address, 0))
}

/// Whether a scheme is secure; `None` for one that is not of HTTP or WebSocket.
fn is_secure(scheme: &str) -> Option<bool> {
    let is = |name: &str| scheme.eq_ignore_ascii_case(name);
    if is("https") || is("wss") { Some(true) } else { (is("http") || is("ws")).then_some(false) }
}

fn host(text: &str, field: &str) -> Result<HeaderValue, HttpError> {
    let host = Authority::exact(text).and_then(|_| HeaderValue::from_str(text).ok());
    host.ok_or_else(|| {
        HttpError::bad_request(format!(
            "the {field} field has a host that is not a host with an optional port"
        ))
    })
}

fn port(text: &str) -> Result<u16, HttpError> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse()
        .ok()
        .filter(|port| digits && *port > 0)
        .ok_or_else(|| HttpError::bad_request("the X-Forwarded-Port field is not a number from 1 to 65535"))
}

/// A token, or the text of a quoted string (RFC 9110, section 5.6.4).
///
/// # Errors
/// 400 for anything else. security: a client may open a quoted string that the text of the next proxy closes.
fn token_or_quoted(value: &str) -> Result<String, HttpError> {
    let Some(inner) = value.strip_prefix('"') else {
        let is_token = !value.contains(['"', '\\']);
        return is_token.then(|| value.to_owned()).ok_or_else(|| malformed("a value that is no token"));
    };
    let mut text = String::new();
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => text.extend(characters.next()),
            '"' if characters.as_str().is_empty() => return Ok(text),
            '"' => break,
            _ => text.push(character),
        }
    }
    Err(malformed("a quoted string that does not end where its value ends"))
}

fn malformed(what: &str) -> HttpError {
    HttpError::bad_request(format!("the Forwarded field has {what}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
        let field = |(name, value): &(&'static str, &str)| {
            (HeaderName::from_static(name), HeaderValue::from_bytes(value.as_bytes()).unwrap())
        };
        fields.iter().map(field).collect()
    }

    fn read(fields: &[(&'static str, &str)]) -> Result<ForwardedClient, u16> {
        let kind = match fields.iter().any(|(name, _)| *name == "forwarded") {
            true => ForwardedFields::Forwarded,
            false => ForwardedFields::XForwarded,
        };
        // The proxies of these tests are in 10.0.0.0/8.
        let trusts = |address: IpAddr| matches!(address, IpAddr::V4(v4) if v4.octets()[0] == 10);
        ForwardedClient::read(&headers(fields), kind, trusts).map_err(|error| error.status())
    }

    fn address(fields: &[(&'static str, &str)]) -> Option<String> {
        read(fields).unwrap().address.map(|address| match address.port() {
            0 => address.ip().to_string(),
            _ => address.to_string(),
        })
    }

    /// security: what stands left of the first address that is no trusted proxy may be forged.
    #[test]
    fn the_client_is_the_first_from_the_right_that_is_no_proxy() {
        for (said, client) in [
            ("192.0.2.7", Some("192.0.2.7")),
            ("192.0.2.7, 10.0.0.3", Some("192.0.2.7")),
            ("192.0.2.7, 10.0.0.3, 10.0.0.4", Some("192.0.2.7")),
            ("1.1.1.1, 192.0.2.7, 10.0.0.3", Some("192.0.2.7")),
            ("10.0.0.9, 192.0.2.7", Some("192.0.2.7")),
            ("10.0.0.9, 10.0.0.3", Some("10.0.0.9")),
            ("1.1.1.1, unknown", None),
            ("1.1.1.1, unknown, 10.0.0.3", Some("10.0.0.3")),
            ("1.1.1.1, <script>", None),
            ("192.0.2.7,, ,", Some("192.0.2.7")),
            ("", None),
            ("\u{e9}, 192.0.2.7", Some("192.0.2.7")),
            ("\u{e9}, 192.0.2.7, 10.0.0.3", Some("192.0.2.7")),
            ("192.0.2.7:4711", Some("192.0.2.7:4711")),
            ("2001:db8::1", Some("2001:db8::1")),
            ("[2001:db8::1]:4711", Some("[2001:db8::1]:4711")),
            ("[2001:db8::1]", Some("2001:db8::1")),
            ("::ffff:192.0.2.7", Some("192.0.2.7")),
            ("192.0.2.7, ::ffff:10.0.0.3", Some("192.0.2.7")),
        ] {
            assert_eq!(address(&[("x-forwarded-for", said)]).as_deref(), client, "{said}");
        }
        let lines = [("x-forwarded-for", "1.1.1.1, 192.0.2.7"), ("x-forwarded-for", "10.0.0.3")];
        assert_eq!(address(&lines).as_deref(), Some("192.0.2.7"));
    }

    /// RFC 7239, sections 4 to 6.
    #[test]
    fn forwarded_is_read_by_its_grammar() {
        for (said, client, secure, host) in [
            ("for=192.0.2.7;proto=https;host=a.example", Some("192.0.2.7"), Some(true), Some("a.example")),
            ("For=\"[2001:db8:cafe::17]:4711\"", Some("[2001:db8:cafe::17]:4711"), None, None),
            ("for=192.0.2.7;proto=http, for=10.0.0.3;proto=https", Some("192.0.2.7"), Some(false), None),
            (
                "for=1.1.1.1;host=evil, for=192.0.2.7;host=a.example",
                Some("192.0.2.7"),
                None,
                Some("a.example"),
            ),
            ("for=192.0.2.7, for=10.0.0.3;proto=https;host=b", Some("192.0.2.7"), Some(true), Some("b")),
            ("for=1.1.1.1, for=_hidden;proto=https", None, Some(true), None),
            ("for=\"192.0.2.7:_gazonk\"", Some("192.0.2.7"), None, None),
            (
                "for=192.0.2.7;by=\"a;b, c\";host=\"a.example:81\"",
                Some("192.0.2.7"),
                None,
                Some("a.example:81"),
            ),
            ("proto=https", None, Some(true), None),
            ("for=192.0.2.7;;proto=https; ", Some("192.0.2.7"), Some(true), None),
            ("for=\"192.0.2.\\7\"", Some("192.0.2.7"), None, None),
            ("nonsense, for=192.0.2.7", Some("192.0.2.7"), None, None),
        ] {
            let read = read(&[("forwarded", said)]).unwrap();
            let host = host.map(|host| HeaderValue::from_str(host).unwrap());
            assert_eq!((read.secure, read.host), (secure, host), "{said}");
            assert_eq!(address(&[("forwarded", said)]).as_deref(), client, "{said}");
        }
    }

    #[test]
    fn what_is_no_host_or_port_is_refused() {
        for host in ["a b", "a/b", "a@b", "<a>", "a:x", "a:"] {
            assert_eq!(read(&[("x-forwarded-host", host)]), Err(400), "{host}");
            assert_eq!(read(&[("forwarded", &format!("host=\"{host}\""))]), Err(400), "{host}");
        }
        for port in ["0", "65536", "+80", "x", "8 0"] {
            assert_eq!(read(&[("x-forwarded-port", port)]), Err(400), "{port}");
        }
    }

    /// security: the client opens a quoted string, into which the proxy's element falls.
    #[test]
    fn a_quoted_string_over_two_elements_is_refused() {
        for said in [
            "host=evil;for=\", for=192.0.2.7;proto=https",
            "host=evil;for=\", for=\"[2001:db8::1]:4711\"",
            "host=evil;for=\"\\, for=\"[2001:db8::1]:4711\"",
            "host=evil;x\", for=\"[::1]\"",
            "for=a\"b",
            "for=\"a\"b",
            "nonsense",
            "\u{e9}=1",
        ] {
            assert_eq!(read(&[("forwarded", said)]), Err(400), "{said}");
        }
    }

    #[test]
    fn the_application_sees_the_url_of_the_client() {
        for (fields, host, local, secure) in [
            (&[][..], "app:8080", 8080, false),
            (&[("x-forwarded-proto", "https")], "app:8080", 8080, true),
            (&[("x-forwarded-host", "a")], "a", 80, false),
            (&[("x-forwarded-host", "a"), ("x-forwarded-proto", "HTTPS")], "a", 443, true),
            (&[("x-forwarded-host", "evil, a:81"), ("x-forwarded-proto", "http, https")], "a:81", 81, true),
            (
                &[("x-forwarded-host", "a"), ("x-forwarded-port", "8443"), ("x-forwarded-proto", "wss")],
                "a:8443",
                8443,
                true,
            ),
            (&[("x-forwarded-port", "443"), ("x-forwarded-proto", "https")], "app", 443, true),
            (&[("x-forwarded-host", "[::1]:81"), ("x-forwarded-port", "82")], "[::1]:81", 81, false),
            (&[("x-forwarded-host", "[::1]"), ("x-forwarded-port", "82")], "[::1]:82", 82, false),
            (&[("x-forwarded-port", "82")], "app:82", 82, false),
            (&[("x-forwarded-proto", "gopher")], "app:8080", 8080, false),
        ] {
            let mut map = headers(&[("host", "app:8080")]);
            map.extend(headers(fields));
            let here = Connection { local: Some(([127, 0, 0, 1], 9).into()), ..Connection::default() };
            let client = ForwardedClient::read(&map, ForwardedFields::XForwarded, |_| false).unwrap();
            let seen = client.apply(&mut map, here);
            assert_eq!(map["host"], host, "{fields:?}");
            assert_eq!((seen.local.unwrap().port(), seen.secure), (local, secure), "{fields:?}");
            assert_eq!(seen.remote, None);
        }
    }

    #[test]
    fn a_kind_of_fields_excludes_the_other() {
        for name in ["x-forwarded-for", "x-forwarded-anything"].map(HeaderName::from_static) {
            assert!(!ForwardedFields::XForwarded.exclude(&name) && ForwardedFields::Forwarded.exclude(&name));
        }
        assert!(
            ForwardedFields::XForwarded.exclude(&FORWARDED)
                && !ForwardedFields::Forwarded.exclude(&FORWARDED)
        );
        assert!(!ForwardedFields::Forwarded.exclude(&HOST));
    }

    proptest! {
        /// security: whatever a client sends in front of what the nearest proxy says is not believed.
        #[test]
        fn what_the_client_sends_changes_nothing(sent in "[ -~\u{e9}]*", quotes in "[a-z=;,\"\\\\ ]*") {
            for sent in [sent, quotes] {
                let client = address(&[("x-forwarded-for", &format!("{sent}, 192.0.2.7"))]);
                prop_assert_eq!(client.as_deref(), Some("192.0.2.7"));
                for node in ["192.0.2.7", "\"192.0.2.7:4711\""] {
                    let said = format!("{sent}, for={node};host=a.example;proto=https");
                    if let Ok(client) = read(&[("forwarded", &said)]) {
                        let address = client.address.map(|address| address.ip());
                        prop_assert_eq!(address, Some(IpAddr::from([192, 0, 2, 7])));
                        prop_assert_eq!(client.host, Some(HeaderValue::from_static("a.example")));
                        prop_assert_eq!(client.secure, Some(true));
                    }
                }
            }
        }
    }
}
