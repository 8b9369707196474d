//! Clients that are silent, slow, or do not listen.

use std::time::Duration;

use poorwsgi_server::Config;
use tokio::io::AsyncWriteExt;

use crate::support::{PATIENCE, TestServer, statuses};

const SHORT: Duration = Duration::from_millis(150);

const GET: &str = "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n";

#[tokio::test]
async fn a_silent_connection_is_closed_without_a_word() {
    let server = TestServer::start(Config::new().first_byte_timeout(SHORT)).await;
    assert_eq!(server.connect().await.rest().await, "");
}

#[tokio::test]
async fn an_idle_connection_is_closed_without_a_word() {
    let config =
        Config::new().idle_timeout(SHORT).head_timeout(PATIENCE * 2).first_byte_timeout(PATIENCE * 2);
    let server = TestServer::start(config).await;
    let mut client = server.connect().await;
    for _ in 0..3 {
        client.send(GET).await;
        client.until("GET /").await;
    }
    assert_eq!(client.rest().await, "");
}

/// RFC 9112, section 2.2 lets empty lines come before a request; they are not a request.
#[tokio::test]
async fn empty_lines_do_not_keep_an_idle_connection_open() {
    let config = Config::new().idle_timeout(SHORT).first_byte_timeout(SHORT);
    let server = TestServer::start(config).await;
    let mut client = server.connect().await;
    let (mut reading, mut writing) = tokio::io::split(&mut client.stream);
    let trickle = async {
        while writing.write_all(b"\r\n").await.is_ok() {
            tokio::time::sleep(SHORT / 10).await;
        }
    };
    let closed = async {
        let _ = tokio::io::AsyncReadExt::read(&mut reading, &mut [0]).await;
    };
    tokio::time::timeout(PATIENCE, async {
        tokio::select! { () = trickle => {}, () = closed => {} }
    })
    .await
    .expect("the connection is kept open");
}

/// RFC 9110, section 15.5.9.
#[tokio::test]
async fn a_head_that_does_not_end_is_a_408_even_when_it_keeps_coming() {
    let config = Config::new().head_timeout(SHORT).first_byte_timeout(PATIENCE * 2);
    let server = TestServer::start(config).await;
    for begin in ["G", "GET / HTTP/1.1\r\nHost: a.example\r\n"] {
        let mut client = server.connect().await;
        client.send(begin).await;
        let answer = client.rest().await;
        assert!(answer.starts_with("HTTP/1.1 408 Request Timeout\r\n"), "{answer}");
        assert!(answer.contains("head_timeout") && answer.contains("\r\nConnection: close\r\n"), "{answer}");
    }
    let mut client = server.connect().await;
    client.send("GET / HTTP/1.1\r\n").await;
    let (mut reading, mut writing) = tokio::io::split(&mut client.stream);
    let trickle = async {
        while writing.write_all(b"X: y\r\n").await.is_ok() {
            tokio::time::sleep(SHORT / 10).await;
        }
    };
    let mut answer = [0; 12];
    let answered = tokio::io::AsyncReadExt::read_exact(&mut reading, &mut answer);
    tokio::select! { () = trickle => {}, result = answered => { result.unwrap(); } }
    assert_eq!(&answer, b"HTTP/1.1 408");
}

#[tokio::test]
async fn the_second_head_on_a_connection_has_its_own_deadline() {
    let config = Config::new().head_timeout(SHORT).idle_timeout(PATIENCE * 2);
    let server = TestServer::start(config).await;
    let mut client = server.connect().await;
    client.send(GET).await;
    client.until("GET /").await;
    client.send("GET /second").await;
    let answer = client.rest().await;
    assert_eq!(statuses(&answer), [408], "{answer}");
}

#[tokio::test]
async fn a_body_that_stops_coming_is_a_408_for_its_reader() {
    let server = TestServer::start(Config::new().body_timeout(SHORT)).await;
    for body in ["Content-Length: 10\r\n\r\nabc", "Transfer-Encoding: chunked\r\n\r\n5\r\nabc"] {
        let mut client = server.connect().await;
        client.send(format!("POST /echo HTTP/1.1\r\nHost: a.example\r\n{body}")).await;
        let answer = client.rest().await;
        assert_eq!(statuses(&answer), [408], "{answer}");
        assert!(answer.contains("body_timeout") && answer.contains("\r\nConnection: close\r\n"), "{answer}");
    }
}

#[tokio::test]
async fn a_handler_may_take_longer_than_any_deadline() {
    let config = Config::new()
        .first_byte_timeout(SHORT)
        .head_timeout(SHORT)
        .idle_timeout(SHORT)
        .body_timeout(SHORT)
        .write_timeout(SHORT);
    let server = TestServer::start(config).await;
    let mut client = server.connect().await;
    client.send("POST /wait HTTP/1.1\r\nHost: a.example\r\nContent-Length: 3\r\n\r\na").await;
    server.begun().await;
    tokio::time::sleep(SHORT * 3).await;
    server.signals.go.notify_one();
    let answer = client.until("waited").await;
    assert_eq!(statuses(&answer), [200], "{answer}");
}

#[tokio::test]
async fn a_client_that_does_not_read_is_cut_off() {
    let server = TestServer::start(Config::new().write_timeout(SHORT)).await;
    let mut client = server.connect().await;
    client.send("GET /endless HTTP/1.1\r\nHost: a.example\r\n\r\n").await;
    tokio::time::timeout(PATIENCE, server.signals.dropped.notified()).await.expect("the response is kept");
    // what was on its way fits into the sockets' buffers and the queue
    let received = client.rest().await.len();
    assert!(received < 32 << 20, "{received} bytes waited for a reader");
}
