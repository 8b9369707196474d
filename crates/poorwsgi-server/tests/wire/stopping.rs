//! The end of a server.

use std::convert::Infallible;
use std::os::fd::AsFd;
use std::time::Duration;

use http::{Request, Response};
use poorwsgi_server::{Config, RequestBody, Server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
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

async fn ask(address: std::net::SocketAddr) -> String {
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    client.shutdown().await.unwrap();
    let mut answer = String::new();
    tokio::time::timeout(PATIENCE, client.read_to_string(&mut answer)).await.expect("no answer").unwrap();
    answer
}

/// Bound before there is a runtime, as a process that is going to fork has to; a connection may wait for its server.
#[test]
fn a_socket_outlives_the_servers_on_it() {
    let hello = |text: &'static str| {
        tower::service_fn(async move |_: Request<RequestBody>| {
            Ok::<_, Infallible>(Response::new(text.to_owned()))
        })
    };
    let socket = Server::new(()).bind_blocking("127.0.0.1:0").unwrap();
    assert!(socket.as_fd().try_clone_to_owned().is_ok());
    let address = socket.local_addr().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for text in ["one", "two"] {
        let server = socket.try_clone().unwrap().with_service(hello(text));
        runtime.block_on(async {
            let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
            let running = tokio::spawn(server.serve_until(async { stopped.await.unwrap_or(()) }));
            assert!(ask(address).await.ends_with(text));
            drop(stop);
            running.await.unwrap().unwrap();
        });
    }
    let server = socket.try_clone().unwrap().with_service(hello("three"));
    runtime.block_on(async {
        let waiting = tokio::spawn(ask(address));
        assert!(server.serve_one(std::future::pending()).await.unwrap());
        let answer = waiting.await.unwrap();
        assert!(answer.ends_with("three") && answer.contains("\r\nconnection: close\r\n"), "{answer}");
    });
    let server = socket.try_clone().unwrap().with_service(hello("four"));
    assert!(!runtime.block_on(server.serve_one(std::future::ready(()))).unwrap());
    drop(socket);
    assert!(std::net::TcpStream::connect(address).is_err());
}
