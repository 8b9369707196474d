//! The PROXY protocol, versions 1 and 2, as haproxy.org defines it: a header in front of the first byte of a
//! connection, in which a proxy names the two ends of its client's connection.
//!
//! Anybody can send such a header, so a server reads one only from a peer that it trusts; and from such a peer
//! it has to come, or the first client of the proxy could send one.

use std::fmt;
use std::net::SocketAddr;

use poorwsgi_core::request::Connection;
use proxy_header::{Error, ParseConfig, ProxyHeader};

/// How version 2 begins; version 1 begins with `PROXY `.
const SIGNATURE_2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
const SIGNATURE_1: &[u8] = b"PROXY ";

/// The signature, the command, the family, and the length of what follows.
const FIXED: usize = 16;

/// The longest header of version 1, with its CRLF.
const LONGEST_1: usize = 107;

/// Puts a header together from the bytes that arrive, and takes no byte behind the header.
///
/// ```
/// use poorwsgi_core::request::Connection;
/// use poorwsgi_server::proxy_protocol::HeaderReader;
///
/// let mut header = HeaderReader::new(512);
/// let arrived = b"PROXY TCP4 192.0.2.7 198.51.100.1 40000 443\r\nGET / HTTP/1.1\r\n";
/// let taken = header.take(arrived)?;
/// assert!(header.is_complete() && arrived[taken..].starts_with(b"GET "));
/// let connection = header.connection(Connection::default())?;
/// assert_eq!(connection.remote, Some(([192, 0, 2, 7], 40000).into()));
/// # Ok::<(), poorwsgi_server::proxy_protocol::BadHeader>(())
/// ```
#[derive(Debug)]
pub struct HeaderReader {
    held: Vec<u8>,
    longest: usize,
    is_complete: bool,
}

impl HeaderReader {
    /// Reads a header of at most this many bytes.
    #[must_use]
    pub const fn new(longest: usize) -> Self {
        HeaderReader { held: Vec::new(), longest, is_complete: false }
    }

    /// Takes what belongs to the header of the bytes that have arrived behind those that it has taken, and returns
    /// how many bytes it took: at least one, unless none has arrived or the header is complete.
    ///
    /// # Errors
    /// The bytes are no header, or it is too long.
    pub fn take(&mut self, arrived: &[u8]) -> Result<usize, BadHeader> {
        let mut taken = 0;
        while !self.is_complete {
            let rest = arrived.get(taken..).unwrap_or_default();
            let more = self.wanted(rest)?.min(rest.len());
            self.held.extend_from_slice(rest.get(..more).unwrap_or_default());
            taken += more;
            self.check()?;
            if more == 0 {
                break;
            }
        }
        Ok(taken)
    }

    /// How many bytes belong to the header, as far as this can be told from those that follow.
    fn wanted(&self, rest: &[u8]) -> Result<usize, BadHeader> {
        if self.held.len() < SIGNATURE_1.len() {
            // Both kinds are longer, and begin differently.
            return Ok(SIGNATURE_1.len() - self.held.len());
        }
        if self.held.starts_with(SIGNATURE_1) {
            let line = rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |end| end + 1);
            let room = LONGEST_1.min(self.longest).saturating_sub(self.held.len());
            return if line > room || room == 0 { Err(BadHeader::TooLong) } else { Ok(line) };
        }
        match self.length_2() {
            None => Ok(FIXED - self.held.len()),
            Some(length) if length > self.longest => Err(BadHeader::TooLong),
            Some(length) => Ok(length - self.held.len()),
        }
    }

    /// The length of a header of version 2, once it is known.
    fn length_2(&self) -> Option<usize> {
        let length = self.held.get(FIXED - 2..FIXED)?;
        Some(length.iter().fold(0, |number, byte| number << 8 | usize::from(*byte)) + FIXED)
    }

    fn check(&mut self) -> Result<(), BadHeader> {
        let begins = |signature: &[u8]| self.held.iter().zip(signature).all(|(one, other)| one == other);
        if !begins(SIGNATURE_1) && !begins(SIGNATURE_2) {
            return Err(BadHeader::None);
        }
        self.is_complete = match self.held.starts_with(SIGNATURE_1) {
            true => self.held.ends_with(b"\n"),
            false => self.length_2() == Some(self.held.len()),
        };
        Ok(())
    }

    /// Whether the whole header has been taken.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// The connection of the client, with the two ends that the header names, and secure if the header says that
    /// the client has used TLS. A header that names none leaves the connection as it is: the proxy itself connects,
    /// for example to see whether the server lives (the command LOCAL, and UNKNOWN of version 1).
    ///
    /// # Errors
    /// The header is malformed or incomplete.
    pub fn connection(&self, connection: Connection) -> Result<Connection, BadHeader> {
        let (header, length) = ProxyHeader::parse(&self.held, ParseConfig::default())?;
        if length != self.held.len() || !(self.held.starts_with(SIGNATURE_2) || is_exact_line(&self.held)) {
            return Err(BadHeader::Malformed);
        }
        if header.tlvs().any(|part| part.is_err()) {
            return Err(BadHeader::Malformed);
        }
        let Some(named) = header.proxied_address() else { return Ok(connection) };
        let canonical = |address: SocketAddr| SocketAddr::new(address.ip().to_canonical(), address.port());
        Ok(Connection {
            remote: Some(canonical(named.source)),
            local: Some(canonical(named.destination)),
            secure: connection.secure || header.ssl().is_some_and(|tls| tls.client_ssl()),
        })
    }
}

/// Whether a line of version 1 has exactly its parts, each behind one space, and ports of digits: the parser
/// allows more.
fn is_exact_line(line: &[u8]) -> bool {
    let Some(line) = line.strip_suffix(b"\r\n").and_then(|line| std::str::from_utf8(line).ok()) else {
        return false;
    };
    let parts: Vec<_> = line.split(' ').collect();
    let is_port = |port: &str| {
        port.bytes().all(|byte| byte.is_ascii_digit()) && (port == "0" || !port.starts_with('0'))
    };
    match *parts.as_slice() {
        [_, "TCP4" | "TCP6", _, _, from, to] => is_port(from) && is_port(to),
        // What follows is to be ignored.
        [_, "UNKNOWN", ..] => true,
        _ => false,
    }
}

/// Why the beginning of a connection is no header of the PROXY protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BadHeader {
    /// The connection begins with something else.
    None,
    /// The header is longer than allowed.
    TooLong,
    /// The header breaks its grammar, or ends too early.
    Malformed,
}

impl From<Error> for BadHeader {
    fn from(_: Error) -> Self {
        BadHeader::Malformed
    }
}

impl fmt::Display for BadHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BadHeader::None => {
                "the connection does not begin with a PROXY header, which a trusted proxy has to send"
            }
            BadHeader::TooLong => "the PROXY header is longer than max_proxy_header allows",
            BadHeader::Malformed => "the PROXY header is malformed",
        })
    }
}

impl std::error::Error for BadHeader {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proxy_header::{ProxiedAddress, SslInfo, Tlv};

    use super::*;

    const LONGEST: usize = 512;

    /// Reads what arrives in pieces of this size; returns the connection and what is left.
    fn read(bytes: &[u8], piece: usize, longest: usize) -> Result<(Connection, Vec<u8>), BadHeader> {
        let mut header = HeaderReader::new(longest);
        let mut at = 0;
        while !header.is_complete() && at < bytes.len() {
            let arrived = &bytes[at..bytes.len().min(at + piece)];
            let taken = header.take(arrived)?;
            assert!(taken > 0 && taken <= arrived.len());
            at += taken;
        }
        let connection = header.connection(Connection::default())?;
        Ok((connection, bytes[at..].to_vec()))
    }

    fn ends(source: &str, destination: &str) -> ProxiedAddress {
        ProxiedAddress::stream(source.parse().unwrap(), destination.parse().unwrap())
    }

    fn version_2(header: &ProxyHeader<'_>) -> Vec<u8> {
        let mut bytes = Vec::new();
        header.encode_v2(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn version_1_names_both_ends() {
        for (line, remote) in [
            ("PROXY TCP4 192.0.2.7 198.51.100.1 40000 443\r\n", Some("192.0.2.7:40000")),
            ("PROXY TCP6 2001:db8::7 2001:db8::1 1 65535\r\n", Some("[2001:db8::7]:1")),
            ("PROXY TCP6 ::ffff:192.0.2.7 ::1 1 2\r\n", Some("192.0.2.7:1")),
            ("PROXY UNKNOWN\r\n", None),
            ("PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n", None),
        ] {
            for piece in [1, 2, 7, 1000] {
                let bytes = [line.as_bytes(), b"GET /\n"].concat();
                let (connection, rest) = read(&bytes, piece, LONGEST).unwrap();
                assert_eq!(rest, b"GET /\n");
                assert_eq!(connection.remote, remote.map(|remote| remote.parse().unwrap()), "{line}");
                assert!(!connection.secure);
            }
        }
    }

    #[test]
    fn version_2_names_both_ends_and_tls() {
        let tls = |client| Tlv::Ssl(SslInfo::new(client, false, false, 0));
        let named = ends("192.0.2.7:40000", "198.51.100.1:443");
        for (header, remote, secure) in [
            (ProxyHeader::with_address(named.clone()), Some("192.0.2.7:40000"), false),
            (ProxyHeader::with_tlvs(Some(named.clone()), [tls(true)]), Some("192.0.2.7:40000"), true),
            (ProxyHeader::with_tlvs(Some(named), [tls(false)]), Some("192.0.2.7:40000"), false),
            (ProxyHeader::with_address(ends("[2001:db8::7]:4", "[::1]:5")), Some("[2001:db8::7]:4"), false),
            (ProxyHeader::with_local(), None, false),
        ] {
            for piece in [1, 2, 7, 1000] {
                let bytes = [&version_2(&header)[..], b"GET /\n"].concat();
                let (connection, rest) = read(&bytes, piece, LONGEST).unwrap();
                assert_eq!((rest, connection.secure), (b"GET /\n".to_vec(), secure));
                assert_eq!(connection.remote, remote.map(|remote| remote.parse().unwrap()));
                assert_eq!(connection.local.is_some(), remote.is_some());
            }
        }
    }

    #[test]
    fn what_is_no_header_is_refused() {
        let long = "PROXY UNKNOWN ".to_owned() + &"x".repeat(100) + "\r\n";
        for (text, error) in [
            ("GET / HTTP/1.1\r\n\r\n", BadHeader::None),
            ("proxy TCP4 1.2.3.4 1.2.3.4 1 1\r\n", BadHeader::None),
            ("\r\n\r\nGET / HTTP/1.1\r\n", BadHeader::None),
            ("PROXYTCP4 1.2.3.4 1.2.3.4 1 1\r\n", BadHeader::None),
            ("PROXY\r\n", BadHeader::None),
            ("PROXY \r\n", BadHeader::Malformed),
            ("PROXY TCP4 1.2.3.4 1.2.3.4 1 1\n", BadHeader::Malformed),
            ("PROXY TCP4 1.2.3.4 1.2.3.4 1 1 \r\n", BadHeader::Malformed),
            ("PROXY TCP4  1.2.3.4 1.2.3.4 1 1\r\n", BadHeader::Malformed),
            ("PROXY TCP4 1.2.3.4 1.2.3.4 +1 1\r\n", BadHeader::Malformed),
            ("PROXY TCP4 1.2.3.4 1.2.3.4 01 1\r\n", BadHeader::Malformed),
            ("PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n", BadHeader::Malformed),
            ("PROXY TCP4 ::1 ::1 1 1\r\n", BadHeader::Malformed),
            ("PROXY TCP6 1.2.3.4 ::1 1 1\r\n", BadHeader::Malformed),
            ("PROXY UDP4 1.2.3.4 1.2.3.4 1 1\r\n", BadHeader::Malformed),
            ("PROXY UNKNOWNX\r\n", BadHeader::Malformed),
            ("PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n", BadHeader::Malformed),
            ("PROXY TCP4 1.2.3.4", BadHeader::Malformed),
            (&long, BadHeader::TooLong),
        ] {
            for piece in [1, 3, 1000] {
                assert_eq!(read(text.as_bytes(), piece, LONGEST), Err(error), "{text:?}");
            }
        }
        let whole = version_2(&ProxyHeader::with_address(ends("192.0.2.7:40000", "198.51.100.1:443")));
        // Another version, an unknown command, an unknown family, a length that is too small for the family.
        for (at, byte) in [(12, 0x11), (12, 0x22), (13, 0x51), (13, 0x13), (15, 11), (3, b' ')] {
            let mut bytes = whole.clone();
            bytes[at] = byte;
            assert!(read(&bytes, 1000, LONGEST).is_err(), "{at} {byte}");
        }
        let padded = version_2(&ProxyHeader::with_tlvs(None, [Tlv::Noop(LONGEST)]));
        assert_eq!(read(&padded, 1000, LONGEST), Err(BadHeader::TooLong));
        assert!(read(&padded, 1000, LONGEST + 19).is_ok());
        let mut broken = version_2(&ProxyHeader::with_tlvs(None, [Tlv::Noop(9)]));
        let last = broken.len() - 10;
        broken[last] = 200;
        assert_eq!(read(&broken, 1000, LONGEST), Err(BadHeader::Malformed));
    }

    proptest! {
        /// Whatever arrives is read the same in pieces of any size, and no more than the limit is taken.
        #[test]
        fn pieces_change_nothing(
            kind in 0..3_u8, noise in prop::collection::vec(any::<u8>(), 0..300), command in 0..3_u8, family in 0..0x32_u8,
            length in 0..64_u8, piece in 1..40_usize, longest in 0..200_usize,
        ) {
            let mut bytes = match kind {
                0 => b"PROXY TCP4 ".to_vec(),
                1 => [SIGNATURE_2, &[0x20 + command, family, 0, length]].concat(),
                _ => Vec::new(),
            };
            bytes.extend(noise);
            let whole = read(&bytes, bytes.len().max(1), longest);
            prop_assert_eq!(&read(&bytes, piece, longest), &whole);
            if let Ok((_, rest)) = whole {
                prop_assert!(bytes.len() - rest.len() <= longest);
            }
        }

        #[test]
        fn what_was_written_is_read(
            source: ([u8; 4], u16), destination: ([u8; 4], u16), piece in 1..60_usize, rest in prop::collection::vec(any::<u8>(), 0..9),
        ) {
            let header = ProxyHeader::with_address(ProxiedAddress::stream(source.into(), destination.into()));
            let mut version_1 = Vec::new();
            header.encode_v1(&mut version_1).unwrap();
            for written in [version_1, version_2(&header)] {
                let (connection, left) = read(&[&written[..], &rest].concat(), piece, LONGEST).unwrap();
                prop_assert_eq!((connection.remote, connection.local), (Some(source.into()), Some(destination.into())));
                prop_assert_eq!(&left, &rest);
            }
        }
    }
}
