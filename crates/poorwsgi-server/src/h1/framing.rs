//! Finds the end of a request's head in the bytes before they are parsed.
//!
//! hyper hides what RFC 9112 wants refused: a bare LF as line end, `Content-Length` beside
//! `Transfer-Encoding` (hyper drops the length), and a fragment in the target (hyper drops that, too).
//! Request smuggling works with such heads, so this module checks the head first; and hyper gets nothing that
//! follows a message before that message has ended.

use http::StatusCode;
use memchr::{memchr, memchr_iter};
use poorwsgi_core::headers::framing::{content_length, is_chunked};
use poorwsgi_core::headers::parameters::is_tchar;
use poorwsgi_core::state::Method;

use crate::config::Config;
use crate::exchange::Refusal;

/// The limits of a head, in bytes and in fields.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HeadLimits {
    pub(crate) head: usize,
    pub(crate) request_line: usize,
    pub(crate) fields: usize,
}

impl HeadLimits {
    pub(crate) const fn of(config: &Config) -> Self {
        HeadLimits { head: config.max_head, request_line: config.max_request_line, fields: config.max_fields }
    }
}

/// How the content after a head is delimited (RFC 9112, section 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    Length(u64),
    Chunked,
}

/// A complete head: its length in bytes, and what follows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MessageHead {
    pub(crate) length: usize,
    pub(crate) framing: Framing,
    /// The position of the digit of a minor version above 1. Such a request counts as HTTP/1.1 (RFC 9110,
    /// section 2.5), and hyper knows no later version.
    pub(crate) later_minor: Option<usize>,
}

/// Finds the end of a head as its bytes arrive, looking at each byte once.
#[derive(Debug, Default)]
pub(crate) struct HeadScanner {
    line_start: usize,
    searched: usize,
    lines: usize,
    length: Option<u64>,
    chunked: bool,
    later_minor: Option<usize>,
}

impl HeadScanner {
    /// Examines the head so far. `bytes` must begin with the bytes of earlier calls.
    pub(crate) fn scan(&mut self, bytes: &[u8], limits: &HeadLimits) -> Result<Option<MessageHead>, Refusal> {
        let searched = self.searched;
        for found in memchr_iter(b'\n', bytes.get(searched..).unwrap_or_default()) {
            let line_feed = searched + found;
            let line = bytes.get(self.line_start..line_feed).unwrap_or_default();
            let Some(line) = line.strip_suffix(b"\r") else {
                return Err(Refusal::bad_request("a line of the head ends in a bare LF"));
            };
            self.line_start = line_feed + 1;
            Self::check_size(self.line_start, limits)?;
            if line.is_empty() {
                let (framing, later_minor) = (self.framing()?, self.later_minor);
                return Ok(Some(MessageHead { length: self.line_start, framing, later_minor }));
            }
            match self.lines {
                0 => {
                    Self::check_request_line(line.len(), limits)?;
                    self.later_minor = request_line(line)?;
                }
                fields if fields > limits.fields => {
                    return Err(Refusal::over_limit(
                        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                        "number of header fields",
                        limits.fields as u64,
                        "max_fields",
                    ));
                }
                _ => self.field(line)?,
            }
            self.lines += 1;
        }
        self.searched = bytes.len();
        if self.lines == 0 {
            Self::check_request_line(bytes.strip_suffix(b"\r").unwrap_or(bytes).len(), limits)?;
        }
        Self::check_size(bytes.len(), limits)?;
        Ok(None)
    }

    fn check_request_line(length: usize, limits: &HeadLimits) -> Result<(), Refusal> {
        if length <= limits.request_line {
            return Ok(());
        }
        let limit = limits.request_line as u64;
        Err(Refusal::over_limit(
            StatusCode::URI_TOO_LONG,
            "bytes of the request line",
            limit,
            "max_request_line",
        ))
    }

    fn check_size(size: usize, limits: &HeadLimits) -> Result<(), Refusal> {
        if size <= limits.head {
            return Ok(());
        }
        let (status, limit) = (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, limits.head as u64);
        Err(Refusal::over_limit(status, "bytes of the head", limit, "max_head"))
    }

    fn field(&mut self, line: &[u8]) -> Result<(), Refusal> {
        check_field(line)?;
        if let Some(value) = value_of(line, b"content-length") {
            let length =
                content_length(value).map_err(|_| Refusal::bad_request("Content-Length is not a number"))?;
            if self.length.replace(length).is_some() {
                return Err(Refusal::bad_request("two Content-Length fields"));
            }
        } else if let Some(value) = value_of(line, b"transfer-encoding") {
            if self.chunked || !is_chunked(value) {
                return Err(Refusal::bad_request("Transfer-Encoding is not exactly \"chunked\""));
            }
            self.chunked = true;
        }
        Ok(())
    }

    fn framing(&self) -> Result<Framing, Refusal> {
        match (self.length, self.chunked) {
            (Some(_), true) => Err(Refusal::bad_request("Content-Length together with Transfer-Encoding")),
            (None, true) => Ok(Framing::Chunked),
            (length, false) => Ok(Framing::Length(length.unwrap_or(0))),
        }
    }
}

/// `method SP request-target SP HTTP-version` (RFC 9112, section 3), where hyper checks the form of the target.
/// Returns the position of the minor version if that is above 1.
fn request_line(line: &[u8]) -> Result<Option<usize>, Refusal> {
    let Some((target, version)) = target_and_version(line) else {
        let reason =
            "the request line is not a method, a target and a version of HTTP, with one space in between";
        return Err(Refusal::bad_request(reason));
    };
    if line.iter().find(|byte| !is_tchar(**byte)) != Some(&b' ') {
        return Err(Refusal::bad_request("the method has characters that no method has"));
    }
    // Each byte, without an early end: so the compiler compares many at once.
    if !target.iter().fold(true, |valid, byte| valid & is_of_target(*byte)) {
        let reason = "the target has a space, a fragment or characters that must be percent-encoded";
        return Err(Refusal::bad_request(reason));
    }
    match version {
        b"HTTP/1.1" | b"HTTP/1.0" => Ok(None),
        [b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'2'..=b'9'] => Ok(Some(line.len() - 1)),
        _ => Err(Refusal::bad_request("the version of HTTP is neither 1.1 nor 1.0")),
    }
}

/// A version is `HTTP/` and two digits with a dot in between (section 2.3), so its length is known; that a
/// target has no space in it is found with its other characters.
fn target_and_version(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let method = line.iter().position(|byte| *byte == b' ').filter(|length| *length > 0)?;
    let (_, rest) = line.split_at_checked(method + 1)?;
    let (target, version) = rest.split_at_checked(rest.len().checked_sub(b" HTTP/1.1".len())?)?;
    let version = version.strip_prefix(b" ")?;
    (!target.is_empty()).then_some((target, version))
}

/// A visible ASCII character except `#`: a fragment is never sent (RFC 9112, section 3.2). Characters that
/// clients send although they ought to be encoded are accepted, as they can mean nothing else.
const fn is_of_target(byte: u8) -> bool {
    byte.is_ascii_graphic() && byte != b'#'
}

/// A name, a colon and a value (RFC 9112, section 5). hyper refuses the same lines, but says nothing to the
/// client.
fn check_field(line: &[u8]) -> Result<(), Refusal> {
    let end = line.iter().position(|byte| !is_tchar(*byte));
    let reason = match end.map(|end| (end, line.get(end))) {
        Some((1.., Some(b':'))) => {
            // Each byte, without an early end: so the compiler compares many at once.
            if !line.iter().fold(false, |found, byte| found | is_control(*byte)) {
                return Ok(());
            }
            "a field has a control character in its value"
        }
        Some((0, Some(b' ' | b'\t'))) => "a field is continued on a second line",
        None => "a field line has no colon",
        Some(_) => "a field name is empty, or has a character that no name has",
    };
    Err(Refusal::bad_request(reason))
}

/// A character that no value has (section 5.5).
const fn is_control(byte: u8) -> bool {
    byte.is_ascii_control() && byte != b'\t'
}

/// The value of a field line if it has this (lower-case) name. hyper refuses a space before the colon.
fn value_of<'line>(line: &'line [u8], name: &[u8]) -> Option<&'line [u8]> {
    let (found, rest) = line.split_at_checked(name.len())?;
    let value = rest.strip_prefix(b":")?;
    found.eq_ignore_ascii_case(name).then_some(value)
}

/// The method of a head that is refused. `None` where the method is not known, or has not arrived completely.
pub(crate) fn method_of(head: &[u8]) -> Option<Method> {
    let (method, _) = head.split_at(memchr(b' ', head)?);
    std::str::from_utf8(method).ok()?.parse().ok()
}

/// The value of `Accept` in a head that is refused: in which form the reason is told. Several fields are
/// joined; lines that are not complete, or not UTF-8, do not count.
pub(crate) fn accept_of(head: &[u8]) -> Option<String> {
    let mut values = Vec::new();
    let mut lines = head.split_inclusive(|&byte| byte == b'\n').skip(1);
    while let Some(line) = lines.next().and_then(|line| line.strip_suffix(b"\n")) {
        let line = line.trim_ascii_end();
        if line.is_empty() {
            break;
        }
        let Some(colon) = memchr(b':', line) else { continue };
        let (name, value) = line.split_at(colon);
        if name.eq_ignore_ascii_case(b"accept") {
            values.extend(std::str::from_utf8(value).ok().map(|value| value.trim_start_matches(':').trim()));
        }
    }
    if values.is_empty() { None } else { Some(values.join(", ")) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_method_is_the_first_word() {
        for (head, method) in [
            ("HEAD / HTTP/1.1\r\n", Some(Method::Head)),
            ("POST /a", Some(Method::Post)),
            ("HEAD", None),
            ("head / HTTP/1.1\r\n", None),
            (" HEAD /", None),
            ("", None),
        ] {
            assert_eq!(method_of(head.as_bytes()), method, "{head}");
        }
    }

    /// RFC 9110, sections 5.1, 5.5 and 9.1; RFC 9112, sections 5 and 5.2.
    #[test]
    fn what_hyper_refuses_in_silence_has_a_reason() {
        for (head, reason) in [
            ("G@T / HTTP/1.1\r\n\r\n", Some("the method has")),
            ("GET / HTTP/1.1\r\nBad Header\r\n\r\n", Some("no name has")),
            ("GET / HTTP/1.1\r\nBadHeader\r\n\r\n", Some("no colon")),
            ("GET / HTTP/1.1\r\n: 1\r\n\r\n", Some("name is empty")),
            ("GET / HTTP/1.1\r\nX Y: 1\r\n\r\n", Some("no name has")),
            ("GET / HTTP/1.1\r\nX : 1\r\n\r\n", Some("no name has")),
            ("GET / HTTP/1.1\r\nX: 1\r\n 2\r\n\r\n", Some("second line")),
            ("GET / HTTP/1.1\r\nX: a\0b\r\n\r\n", Some("control character")),
            ("GET / HTTP/1.1\r\nX: a\x7fb\r\n\r\n", Some("control character")),
            ("GET / HTTP/1.1\r\nX: a\rb\r\n\r\n", Some("control character")),
            ("GET / HTTP/1.1\r\nX:\ta\t\u{e9} b\r\nY:\r\nX-!#$%&'*+.^_`|~: 1\r\n\r\n", None),
        ] {
            let refused = HeadScanner::default().scan(head.as_bytes(), &LIMITS).err();
            let said = refused.map(|refusal| refusal.to_string());
            match reason {
                Some(reason) => {
                    assert!(said.as_ref().is_some_and(|said| said.contains(reason)), "{head:?}: {said:?}")
                }
                None => assert_eq!(said, None, "{head:?}"),
            }
        }
    }

    const LIMITS: HeadLimits = HeadLimits { head: 200, request_line: 40, fields: 5 };

    fn whole(bytes: &[u8]) -> Result<Option<MessageHead>, u16> {
        HeadScanner::default().scan(bytes, &LIMITS).map_err(|refusal| refusal.status().as_u16())
    }

    fn fields(fields: &str) -> Result<Option<Framing>, u16> {
        whole(format!("POST / HTTP/1.1\r\n{fields}\r\n").as_bytes()).map(|head| head.map(|head| head.framing))
    }

    /// RFC 9112, section 6.3.
    #[test]
    fn framing_of_the_content() {
        assert_eq!(fields(""), Ok(Some(Framing::Length(0))));
        assert_eq!(fields("content-LENGTH: \t7 \r\n"), Ok(Some(Framing::Length(7))));
        assert_eq!(fields("Transfer-Encoding: Chunked\r\n"), Ok(Some(Framing::Chunked)));
        assert_eq!(fields("X-Content-Length: 7\r\nContent-Length-X: 7\r\n"), Ok(Some(Framing::Length(0))));
    }

    /// RFC 9112, sections 2.3, 3 and 3.2.
    #[test]
    fn a_request_line_is_a_method_a_target_and_a_version() {
        let minor =
            |line: &str| whole(format!("{line}\r\n\r\n").as_bytes()).map(|head| head.unwrap().later_minor);
        assert_eq!(minor("GET / HTTP/1.1"), Ok(None));
        assert_eq!(minor("GET /a|b[c]{d}\"e^f?`<> HTTP/1.0"), Ok(None));
        assert_eq!(minor("GET / HTTP/1.2"), Ok(Some(13)));
        assert_eq!(minor("OPTIONS * HTTP/1.9"), Ok(Some(17)));
        for line in [
            "GET",
            "GET /",
            "GET / ",
            "GET  HTTP/1.1",
            " GET / HTTP/1.1",
            "GET  / HTTP/1.1",
            "GET /  HTTP/1.1",
            "GET / HTTP/1.1 ",
            "GET\t/ HTTP/1.1",
            "GET /\ta HTTP/1.1",
            "GET / HTTP/1.10",
            "GET / HTTP/1.",
            "GET / HTTP/0.9",
            "GET / HTTP/2.0",
            "GET / HTTP/2",
            "GET / http/1.1",
            "GET / HTTP/1.\u{661}",
            "GET /# HTTP/1.1",
            "GET /?# HTTP/1.1",
            "GET /\u{e9} HTTP/1.1",
            "GET /\u{7f} HTTP/1.1",
            "GET /\0 HTTP/1.1",
            "GET /\r HTTP/1.1",
        ] {
            assert_eq!(minor(line), Err(400), "{line:?}");
        }
    }

    /// RFC 9112, section 11.2: everything that two readers could understand differently.
    #[test]
    fn ambiguous_framing_is_refused() {
        for head in [
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
            "Content-Length: 5\r\nContent-Length: 5\r\n",
            "Content-Length: 5, 5\r\n",
            "Content-Length: +5\r\n",
            "Content-Length: 0x5\r\n",
            "Content-Length: 1_0\r\n",
            "Content-Length: \u{0665}\r\n",
            "Content-Length: 18446744073709551616\r\n",
            "Content-Length:\r\n",
            "Transfer-Encoding: gzip, chunked\r\n",
            "Transfer-Encoding: chunked, chunked\r\n",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: identity\r\n",
            "Transfer-Encoding: \u{0b}chunked\r\n",
            "X: y\n",
        ] {
            assert_eq!(fields(head), Err(400), "{head:?}");
        }
    }

    #[test]
    fn limits_are_refused_with_their_status_even_before_the_head_is_whole() {
        assert_eq!(whole(&[b'a'; 41]), Err(414));
        assert_eq!(fields(&format!("A: {}", "a".repeat(200))), Err(431));
        assert_eq!(fields(&"A: b\r\n".repeat(5)), Ok(Some(Framing::Length(0))));
        assert_eq!(fields(&"A: b\r\n".repeat(6)), Err(431));
    }

    proptest! {
        #[test]
        fn a_head_in_pieces_is_found_as_a_whole_one(bytes in "(A /B? HTTP/1.[0-9]\r\n)?[A-C:\r\n]{0,60}(\r\n\r\n)?[a-z]{0,9}", step in 1_usize..9) {
            let bytes = bytes.as_bytes();
            let mut scanner = HeadScanner::default();
            let mut seen = 0;
            let in_pieces = loop {
                seen = (seen + step).min(bytes.len());
                match scanner.scan(&bytes[..seen], &LIMITS) {
                    Ok(None) if seen < bytes.len() => {}
                    other => break other.map_err(|refusal| refusal.status().as_u16()),
                }
            };
            prop_assert_eq!(in_pieces, whole(bytes));
        }

        #[test]
        fn arbitrary_bytes_do_not_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = whole(&bytes);
        }
    }

    #[test]
    fn a_head_that_is_refused_says_what_its_client_accepts() {
        let accept = |head: &str| accept_of(head.as_bytes());
        assert_eq!(accept("GET / HTTP/1.1\r\nHost: a\r\naccept:\ta/b \r\n"), Some("a/b".to_owned()));
        assert_eq!(accept("GET / HTTP/1.1\nAccept: a\nACCEPT: b\n"), Some("a, b".to_owned()));
        assert_eq!(accept("GET / HTTP/1.1\r\nAccept: a/b"), None, "the line may go on");
        assert_eq!(accept("Accept: a\r\nAccept-Language: cs\r\nX\r\n\r\nAccept: b\r\n"), None);
        assert_eq!(accept_of(b"GET / HTTP/1.1\r\nAccept: \xff\r\n"), None);
        assert_eq!(accept(""), None);
    }
}
