//! The `Host` field and the authority of a target (RFC 9110, section 7.2).

use std::net::Ipv6Addr;

use crate::framing::decimal;

/// Longest name that DNS can hold.
const MAX_NAME: usize = 255;

/// A host and a port that were found valid.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Authority<'a> {
    host: &'a str,
    port: Option<u16>,
}

impl<'a> Authority<'a> {
    /// `host [":" port]`, the host being a name as DNS has them (with `_` and `~`, which are in use), an IPv4 address
    /// or an IPv6 address in brackets. The sub-delimiters and percent escapes of RFC 3986 are for names that nobody
    /// has, and for those who hope that the name is pasted into a page, a path or a query: they are refused.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let (host, rest) = match text.strip_prefix('[') {
            Some(inner) => {
                let (address, rest) = inner.split_once(']')?;
                address.parse::<Ipv6Addr>().ok()?;
                (address, rest)
            }
            None => {
                let end = text.bytes().position(|byte| !is_name(byte)).unwrap_or(text.len());
                let (name, rest) = text.split_at_checked(end)?;
                if name.is_empty() || name.len() > MAX_NAME {
                    return None;
                }
                (name, rest)
            }
        };
        Some(Authority { host, port: parse_port(rest)? })
    }

    /// Whether both name the same place, for a scheme with this default port.
    pub(crate) fn is_same(&self, other: &Authority<'_>, default_port: u16) -> bool {
        let port = |authority: &Authority<'_>| authority.port.unwrap_or(default_port);
        self.host.eq_ignore_ascii_case(other.host) && port(self) == port(other)
    }
}

/// What a name or an IPv4 address is made of.
fn is_name(byte: u8) -> bool {
    NAME.get(usize::from(byte)) == Some(&true)
}

/// The same as a table: each request is checked.
#[expect(clippy::indexing_slicing, reason = "the compiler runs it")]
const NAME: [bool; 256] = {
    let mut name = [false; 256];
    let mut byte = 0_u8;
    while byte.is_ascii() {
        name[byte as usize] = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
        byte += 1;
    }
    name
};

/// Nothing, or a colon and a number.
fn parse_port(rest: &str) -> Option<Option<u16>> {
    match rest.strip_prefix(':') {
        None => rest.is_empty().then_some(None),
        Some(digits) => decimal(digits.as_bytes()).and_then(|port| u16::try_from(port).ok()).map(Some),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hosts_that_exist() {
        for host in [
            "localhost",
            "example.com:80",
            "a_b.example",
            "127.0.0.1:65535",
            "[::1]",
            "[2001:db8::7]:8080",
            "a.",
        ] {
            assert!(Authority::parse(host).is_some(), "{host}");
        }
    }

    #[test]
    fn hosts_that_cannot_be() {
        for host in [
            "",
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
            assert!(Authority::parse(host).is_none(), "{host}");
        }
        assert!(Authority::parse(&"a".repeat(256)).is_none());
    }

    #[test]
    fn the_default_port_may_be_left_out() {
        let same = |one, other| Authority::parse(one).unwrap().is_same(&Authority::parse(other).unwrap(), 80);
        assert!(same("a.example", "A.EXAMPLE:80") && same("[::1]", "[::1]:80"));
        assert!(!same("a.example", "a.example:81") && !same("a.example", "b.example"));
    }

    proptest! {
        #[test]
        fn arbitrary_text_does_not_panic(text in ".{0,40}") {
            let _ = Authority::parse(&text);
        }
    }
}
