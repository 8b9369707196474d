//! The end of a server.

use std::time::Duration;

use poorwsgi_server::Config;
use tokio::net::TcpStream;

use crate::support::{LOG, PATIENCE, TestServer, statuses};

#[tokio::test]
async fn a_graceful_stop_closes_idle_connections_and_finishes_requests() {
    let server = TestServer::start(Config::new().stop_timeout(PATIENCE * 2)).await;
    let mut silent = server.connect().await;
    let mut idle = server.connect().await;
    idle.send("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n").await;
    idle.until("GET /").await;
    let mut busy = server.connect().await;
    busy.send("GET /wait HTTP/1.1\r\nHost: a.example\r\n\r\n").await;
    server.begun().await;

    server.stop.send(()).unwrap();
    assert_eq!(idle.rest().await, "");
    assert_eq!(silent.rest().await, "");
    assert!(TcpStream::connect(server.address).await.is_err());
    assert!(!server.running.is_finished());

    server.signals.go.notify_one();
    let answer = busy.rest().await;
    assert_eq!(statuses(&answer), [200], "{answer}");
    assert!(answer.contains("\r\nconnection: close\r\n") && answer.ends_with("waited"), "{answer}");
    tokio::time::timeout(PATIENCE, server.running).await.expect("it goes on").unwrap().unwrap();
}

#[tokio::test]
async fn what_outlasts_the_deadline_is_cut_off_and_named() {
    let server = TestServer::start(Config::new().stop_timeout(Duration::from_millis(100))).await;
    let mut busy = server.connect().await;
    busy.send("GET /wait HTTP/1.1\r\nHost: a.example\r\n\r\n").await;
    server.begun().await;
    let mut sending = server.connect().await;
    sending.send("GET /endless HTTP/1.1\r\nHost: a.example\r\n\r\n").await;
    sending.until("\r\n\r\n").await;
    let peers = [busy.stream.local_addr().unwrap(), sending.stream.local_addr().unwrap()];

    server.stop.send(()).unwrap();
    tokio::time::timeout(PATIENCE, server.running).await.expect("it goes on").unwrap().unwrap();
    assert_eq!(busy.rest().await, "");
    let lines = LOG.lines(&format!("GET /wait from {}", peers[0]));
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(
        lines[0].contains(&format!("GET /endless from {}", peers[1])) && lines[0].contains("count=2"),
        "{lines:?}"
    );
}
