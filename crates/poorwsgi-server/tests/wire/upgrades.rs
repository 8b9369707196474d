//! Connections that leave HTTP (RFC 9110, section 7.8).

use std::time::Duration;

use poorwsgi_server::Config;
use tokio::io::AsyncWriteExt;

use crate::support::{Client, LOG, PATIENCE, TestServer, statuses};

const ASKS: &str = "Host: a.example\r\nConnection: keep-alive, Upgrade\r\nUpgrade: chat\r\n\r\n";

async fn upgraded(server: &TestServer, path: &str) -> (Client, String) {
    let mut client = server.connect().await;
    client.send(format!("GET {path} HTTP/1.1\r\n{ASKS}")).await;
    let head = client.until("\r\n\r\n").await;
    (client, head)
}

#[tokio::test]
async fn a_protocol_is_switched_for_who_asks() {
    let server = TestServer::start(Config::new()).await;
    let (mut client, head) = upgraded(&server, "/chat").await;
    assert!(head.starts_with("HTTP/1.1 101 Switching Protocols\r\n"), "{head}");
    assert!(head.contains("\r\nUpgrade: chat\r\n") && head.contains("\r\nConnection: upgrade\r\n"), "{head}");
    assert!(!head.contains("Content-Length") && !head.contains("close"), "{head}");
    for words in ["hello", "GET / HTTP/1.1\r\nHost: a\r\n\r\n"] {
        client.send(words).await;
        assert_eq!(client.until(words).await, words);
    }
    client.stream.shutdown().await.unwrap();
    assert_eq!(client.rest().await, "");
}

/// What a client sends with its request is of the other protocol already, also where it is no HTTP.
#[tokio::test]
async fn bytes_behind_the_request_belong_to_the_other_protocol() {
    let server = TestServer::start(Config::new()).await;
    let get = "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n";
    let mut client = server.connect().await;
    client.send(format!("{get}GET /chat HTTP/1.1\r\n{ASKS}\0 no http\r\n\r\n")).await;
    let answer = client.until("\0 no http\r\n\r\n").await;
    assert_eq!(statuses(&answer), [200, 101], "{answer}");
}

#[tokio::test]
async fn no_protocol_is_switched_for_who_does_not_ask() {
    let server = TestServer::start(Config::new()).await;
    for head in [
        "GET /chat HTTP/1.1\r\nHost: a.example\r\n\r\n",
        "GET /chat HTTP/1.1\r\nHost: a.example\r\nUpgrade: chat\r\n\r\n",
        "GET /chat HTTP/1.1\r\nHost: a.example\r\nConnection: upgrade\r\n\r\n",
        "GET /chat HTTP/1.0\r\nHost: a.example\r\nConnection: upgrade\r\nUpgrade: chat\r\n\r\n",
        "POST /chat HTTP/1.1\r\nHost: a.example\r\nConnection: upgrade\r\nUpgrade: chat\r\nContent-Length: 1\r\n\r\n1",
        "GET /chat-unnamed HTTP/1.1\r\nHost: a.example\r\nConnection: upgrade\r\nUpgrade: chat\r\n\r\n",
    ] {
        let answer = server.ask(head).await;
        assert_eq!(statuses(&answer), [500], "{head}{answer}");
    }
}

/// RFC 9110, section 9.3.6: in HTTP/1.1 a CONNECT asks for a tunnel, whatever else it asks for.
#[tokio::test]
async fn a_connect_opens_no_protocol() {
    let server = TestServer::start(Config::new()).await;
    for target in ["a.example:80", "/chat", "http://a.example/chat"] {
        let answer = server.ask(format!("CONNECT {target} HTTP/1.1\r\n{ASKS}")).await;
        assert_eq!(statuses(&answer), [501], "{target}: {answer}");
    }
}

/// HTTP's deadlines are of no meaning in another protocol.
#[tokio::test]
async fn an_upgraded_connection_may_be_silent() {
    let short = Duration::from_millis(50);
    let config = Config::new().idle_timeout(short).first_byte_timeout(short).head_timeout(short);
    let server = TestServer::start(config.body_timeout(short).write_timeout(short)).await;
    let (mut client, _) = upgraded(&server, "/chat").await;
    // Longer than any of the deadlines.
    tokio::time::sleep(short * 4).await;
    client.send("hello").await;
    assert_eq!(client.until("hello").await, "hello");
}

#[tokio::test]
async fn an_upgraded_connection_is_told_of_the_stop() {
    let server = TestServer::start(Config::new().stop_timeout(PATIENCE * 2)).await;
    let (mut client, _) = upgraded(&server, "/chat").await;
    server.stop.send(()).unwrap();
    assert_eq!(client.rest().await, "goodbye");
    tokio::time::timeout(PATIENCE, server.running).await.expect("it goes on").unwrap().unwrap();
}

#[tokio::test]
async fn an_upgraded_connection_that_outlasts_the_stop_is_cut_off_and_named() {
    let server = TestServer::start(Config::new().stop_timeout(Duration::from_millis(100))).await;
    let (mut client, _) = upgraded(&server, "/chat-deaf").await;
    server.begun().await;
    server.stop.send(()).unwrap();
    tokio::time::timeout(PATIENCE, server.running).await.expect("it goes on").unwrap().unwrap();
    assert_eq!(client.rest().await, "");
    let lines = LOG.lines("upgraded GET /chat-deaf from ");
    assert!(!lines.is_empty() && lines.iter().all(|line| line.contains("cut off at the stop")), "{lines:?}");
}

#[tokio::test]
async fn a_panic_of_who_speaks_ends_the_connection() {
    let server = TestServer::start(Config::new()).await;
    let (mut client, _) = upgraded(&server, "/chat-panic").await;
    assert_eq!(client.rest().await, "");
    LOG.until("the application panicked in GET /chat-panic").await;
}

/// hyper leaves the end of such a connection to its caller, who has to say why the second request is refused.
#[tokio::test]
async fn a_request_after_one_that_asked_in_vain_is_refused_with_a_reason() {
    let server = TestServer::start(Config::new()).await;
    let answer = server.ask(format!("GET / HTTP/1.1\r\n{ASKS}GET / HTTP/1.1\r\n\r\nHost")).await;
    assert_eq!(statuses(&answer), [200, 400], "{answer}");
    let answer = server.ask(format!("GET / HTTP/1.1\r\n{ASKS}GET / HTTP/1.1\nHost: a\r\n\r\n")).await;
    assert_eq!(statuses(&answer), [200, 400], "{answer}");
    assert!(answer.contains("a line of the head ends in a bare LF"), "{answer}");
}
