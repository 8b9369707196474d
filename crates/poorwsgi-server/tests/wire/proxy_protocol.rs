//! PROXY headers in front of connections over TCP and over Unix sockets.

use std::convert::Infallible;
use std::path::PathBuf;
use std::time::Duration;

use http::{Request, Response};
use poorwsgi_core::request::Connection;
use poorwsgi_server::{Config, RequestBody, Server, TrustedPeer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::Instant;

use crate::support::PATIENCE;

const GET: &str =
    "GET / HTTP/1.1\r\nHost: a.example\r\nX-Forwarded-For: 203.0.113.9\r\nConnection: close\r\n\r\n";
const LINE: &str = "PROXY TCP4 192.0.2.7 198.51.100.1 40000 443\r\n";
/// From 192.0.2.7:40000 to 198.51.100.1:443, by TLS.
const BINARY: &[u8] =
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x14\xc0\0\x02\x07\xc6\x33\x64\x01\x9c\x40\x01\xbb\x20\0\x05\x01\0\0\0\0";
const LOCAL: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";

/// The ends of the connection as the service sees them, or what else the client gets.
async fn ask(mut stream: impl AsyncReadExt + AsyncWriteExt + Unpin, pieces: &[&[u8]]) -> String {
    for piece in pieces {
        stream.write_all(piece).await.unwrap();
        stream.flush().await.unwrap();
        tokio::task::yield_now().await;
    }
    let mut answer = String::new();
    // A connection that is closed with unread bytes is reset.
    let _ = tokio::time::timeout(PATIENCE, stream.read_to_string(&mut answer)).await.unwrap();
    answer
}

struct Served {
    tcp: std::net::SocketAddr,
    unix: PathBuf,
}

impl Served {
    async fn new(name: &str, config: Config) -> Self {
        let service = tower::service_fn(async |request: Request<RequestBody>| {
            let connection = request.extensions().get::<Connection>().copied().unwrap_or_default();
            let local = connection.local.map(|local| local.port());
            let text = format!("{:?} {local:?} {}", connection.remote, connection.secure);
            Ok::<_, Infallible>(Response::new(text))
        });
        let unix = std::env::temp_dir().join(format!("poorwsgi-{name}-{}.sock", std::process::id()));
        let server = Server::new(service).config(config);
        let bound = server.clone().bind("127.0.0.1:0").await.unwrap();
        let tcp = bound.local_addr().unwrap();
        tokio::spawn(bound.serve());
        let bound = server.bind(&format!("unix:{}", unix.display())).await.unwrap();
        tokio::spawn(bound.serve());
        Served { tcp, unix }
    }

    async fn ask(&self, is_unix: bool, pieces: &[&[u8]]) -> String {
        match is_unix {
            true => ask(UnixStream::connect(&self.unix).await.unwrap(), pieces).await,
            false => ask(TcpStream::connect(self.tcp).await.unwrap(), pieces).await,
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.unix);
    }
}

#[tokio::test]
async fn a_trusted_proxy_names_the_client_of_a_connection() {
    let served = Served::new("named", Config::new().proxy_protocol(true)).await;
    let (line, get) = (LINE.as_bytes(), GET.as_bytes());
    let together = [LINE, GET].concat();
    for is_unix in [false, true] {
        // security: the client that the header names is no trusted proxy, so that its own words do not count.
        let first = "Some(192.0.2.7:40000) Some(443) false";
        assert!(served.ask(is_unix, &[line, get]).await.ends_with(first));
        assert!(served.ask(is_unix, &[together.as_bytes()]).await.ends_with(first));
        let bytes: Vec<_> = together.as_bytes().chunks(1).collect();
        assert!(served.ask(is_unix, &bytes).await.ends_with(first));
        let second = served.ask(is_unix, &[BINARY, get]).await;
        assert!(second.ends_with("Some(192.0.2.7:40000) Some(443) true"), "{second}");
        // The proxy itself, to see whether the server lives: it may name its client as without a header.
        for local in [LOCAL, b"PROXY UNKNOWN\r\n"] {
            let answer = served.ask(is_unix, &[local, get]).await;
            assert!(answer.contains("Some(203.0.113.9:0)"), "{answer}");
        }
    }
}

#[tokio::test]
async fn a_connection_without_a_right_header_is_closed() {
    let served = Served::new("closed", Config::new().proxy_protocol(true).max_proxy_header(107)).await;
    let long = [&BINARY[..14], &[1, 0], &[4; 256]].concat();
    for is_unix in [false, true] {
        for header in [&b""[..], b"PROXY \r\n", b"PROXY TCP4 a b 1 2\r\n", &BINARY[1..], &long] {
            assert_eq!(served.ask(is_unix, &[header, GET.as_bytes()]).await, "", "{header:?}");
        }
    }
}

/// security: from a peer that is not trusted, a header is what a request is not.
#[tokio::test]
async fn a_header_of_others_is_a_bad_request() {
    for trusted in [vec![], vec!["192.0.2.1".parse().unwrap()]] {
        let config = Config::new().proxy_protocol(true).trusted_proxies(trusted);
        let served = Served::new("others", config).await;
        for is_unix in [false, true] {
            for header in [LINE.as_bytes(), BINARY] {
                let answer = served.ask(is_unix, &[header, GET.as_bytes()]).await;
                assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
            }
            assert!(served.ask(is_unix, &[GET.as_bytes()]).await.starts_with("HTTP/1.1 200 "));
        }
    }
    let off = Served::new("off", Config::new().trusted_proxies([TrustedPeer::Unix])).await;
    assert!(off.ask(true, &[LINE.as_bytes(), GET.as_bytes()]).await.starts_with("HTTP/1.1 400 "));
}

#[tokio::test]
async fn a_header_has_a_deadline() {
    let limit = Duration::from_millis(200);
    let served = Served::new("late", Config::new().proxy_protocol(true).first_byte_timeout(limit)).await;
    for pieces in [&[][..], &[&LINE.as_bytes()[..20]], &[&BINARY[..20]]] {
        let begun = Instant::now();
        assert_eq!(served.ask(false, pieces).await, "");
        assert!((limit..PATIENCE).contains(&begun.elapsed()));
    }
}
