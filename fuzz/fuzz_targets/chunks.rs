//! A chunked body, and a request behind it: what the grammar says (RFC 9112, section 7.1) is what the server
//! reads, and where the body ends for the server, there the next request begins. The server follows the
//! chunks beside hyper, which decodes them: where the two disagree, the answer is another one than this
//! decoder's.
#![no_main]

use std::convert::Infallible;
use std::net::SocketAddr;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use libfuzzer_sys::fuzz_target;
use poorwsgi_fuzz::connection::{exchange, start};
use poorwsgi_fuzz::pieces;
use poorwsgi_server::RequestBody;
use tokio::runtime::Runtime;

const HEAD: &[u8] = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
const NEXT: &[u8] = b"GET /next HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

thread_local! {
    static SERVER: (Runtime, SocketAddr) = start(tower::service_fn(handler)).expect("a server");
}

/// Sends the content back.
async fn handler(request: Request<RequestBody>) -> Result<Response<Full<Bytes>>, Infallible> {
    if request.uri().path() == "/next" {
        return Ok(Response::new(Full::from("the next one")));
    }
    let (status, content) = match request.into_body().collect().await {
        Ok(body) => (StatusCode::OK, body.to_bytes()),
        Err(_) => (StatusCode::BAD_REQUEST, Bytes::new()),
    };
    let mut response = Response::new(Full::from(content));
    *response.status_mut() = status;
    Ok(response)
}

/// A decoder as simple as it can be. All the limits of the server are beyond the size of an input but the
/// number of trailers.
struct Decoder<'b>(&'b [u8]);

impl<'b> Decoder<'b> {
    /// The content, if this is a body, and what follows it.
    fn body(mut self) -> Option<(Vec<u8>, usize, &'b [u8])> {
        let mut content = Vec::new();
        loop {
            let line = self.line()?;
            let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
            let (size, extensions) = line.split_at(digits);
            if !(1..=16).contains(&digits) || !is_extensions(extensions) {
                return None;
            }
            let size = u64::from_str_radix(std::str::from_utf8(size).ok()?, 16).ok()?;
            if size == 0 {
                break;
            }
            let (data, rest) = self.0.split_at_checked(usize::try_from(size).ok()?)?;
            content.extend_from_slice(data);
            self.0 = rest.strip_prefix(b"\r\n")?;
        }
        let mut trailers = 0;
        loop {
            let line = self.line()?;
            if line.is_empty() {
                return Some((content, trailers, self.0));
            }
            let colon = line.iter().position(|byte| *byte == b':')?;
            let (name, value) = line.split_at(colon);
            if !is_token(name) || !value.iter().copied().all(is_text) {
                return None;
            }
            trailers += 1;
        }
    }

    /// The bytes up to the next CR, behind which there must be a LF.
    fn line(&mut self) -> Option<&'b [u8]> {
        let end = self.0.iter().position(|byte| *byte == b'\r')?;
        let (line, rest) = self.0.split_at(end);
        self.0 = rest.strip_prefix(b"\r\n")?;
        Some(line)
    }
}

fn is_extensions(mut text: &[u8]) -> bool {
    while !text.is_empty() {
        let Some(rest) = without_blanks(text).strip_prefix(b";") else { return false };
        let rest = without_blanks(rest);
        let (name, rest) = rest.split_at(rest.iter().take_while(|byte| is_token(&[**byte])).count());
        if name.is_empty() {
            return false;
        }
        text = rest;
        if let Some(value) = without_blanks(rest).strip_prefix(b"=") {
            let Some(rest) = after_value(without_blanks(value)) else { return false };
            text = rest;
        }
    }
    true
}

fn after_value(text: &[u8]) -> Option<&[u8]> {
    let Some(mut quoted) = text.strip_prefix(b"\"") else {
        let length = text.iter().take_while(|byte| is_token(&[**byte])).count();
        return (length > 0).then(|| text.split_at(length).1);
    };
    loop {
        quoted = match quoted {
            [b'"', rest @ ..] => return Some(rest),
            [b'\\', byte, rest @ ..] | [byte, rest @ ..] if is_text(*byte) => rest,
            _ => return None,
        };
    }
}

fn without_blanks(text: &[u8]) -> &[u8] {
    text.split_at(text.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count()).1
}

fn is_token(text: &[u8]) -> bool {
    !text.is_empty()
        && text.iter().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte))
}

fn is_text(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7f)
}

fuzz_target!(|input: &[u8]| {
    let Some((body, _)) = pieces(input) else { return };
    let all = [body.as_ref(), NEXT].concat();
    let sent = [&input[..1], HEAD, &all].concat();
    let Some((_, sent)) = pieces(&sent) else { return };
    let answer = SERVER.with(|(runtime, address)| runtime.block_on(exchange(*address, sent)));
    match Decoder(&all).body() {
        Some((_, trailers, _)) if trailers > 100 => {}
        Some((content, _, rest)) => {
            let head = answer.windows(4).position(|window| window == b"\r\n\r\n").expect("an answer");
            let (head, after) = answer.split_at(head + 4);
            assert!(head.starts_with(b"HTTP/1.1 200 "), "{}", answer.escape_ascii());
            assert!(after.starts_with(&content), "{}", answer.escape_ascii());
            let (_, after) = after.split_at(content.len());
            // What follows may be a request of HTTP/1.0.
            assert!(after.is_empty() || after.starts_with(b"HTTP/1."), "{}", answer.escape_ascii());
            if rest == NEXT {
                assert!(after.ends_with(b"\r\n\r\nthe next one"), "{}", answer.escape_ascii());
            }
        }
        None => {
            assert!(!answer.starts_with(b"HTTP/1.1 200 "), "{}", answer.escape_ascii());
            assert!(!answer.ends_with(b"the next one"), "{}", answer.escape_ascii());
        }
    }
});
