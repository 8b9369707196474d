//! The end of a server.

use std::convert::Infallible;
use std::time::Duration;

use http::{Request, Response};
use poorwsgi_server::{Config, RequestBody, Server, Upgrade};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{LOG, PATIENCE, TestServer, statuses};

#[tokio::test]
async fn a_graceful_stop_closes_idle_connections_and_finishes_requests() {
    let patient = Config::new().stop_timeout(PATIENCE * 2).first_byte_timeout(PATIENCE * 2);
    let server = TestServer::start(patient).await;
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
    assert!(answer.contains("\r\nConnection: close\r\n") && answer.ends_with("waited"), "{answer}");
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
    let peers = [&busy, &sending].map(|client| client.stream.tcp().unwrap().local_addr().unwrap());

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

/// Bound before there is a runtime, as a process that is going to fork has to; a connection may wait for its
/// server.
#[test]
fn a_socket_outlives_the_servers_on_it() {
    let hello = |text: &'static str| {
        tower::service_fn(async move |_: Request<RequestBody>| {
            Ok::<_, Infallible>(Response::new(text.to_owned()))
        })
    };
    let socket = Server::new(()).bind_blocking("127.0.0.1:0").unwrap();
    assert!(socket.descriptors().all(|descriptor| descriptor.try_clone_to_owned().is_ok()));
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
        assert!(answer.ends_with("three") && answer.contains("\r\nConnection: close\r\n"), "{answer}");
    });
    let server = socket.try_clone().unwrap().with_service(hello("four"));
    assert!(!runtime.block_on(server.serve_one(std::future::ready(()))).unwrap());
    drop(socket);
    assert!(std::net::TcpStream::connect(address).is_err());
}

const GET: &str = "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n";

/// Waits until the server has noticed that it is to stop: its socket is closed then.
async fn refused(address: std::net::SocketAddr) {
    let closed = async { while TcpStream::connect(address).await.is_ok() {} };
    tokio::time::timeout(PATIENCE, closed).await.expect("it goes on accepting");
}

/// The kernel resets what waits in a listening socket that is closed.
#[tokio::test]
async fn connections_that_wait_to_be_accepted_are_answered() {
    let server = TestServer::start(Config::new().max_connections(1).stop_timeout(PATIENCE * 2)).await;
    let mut busy = server.connect().await;
    busy.send("GET /wait HTTP/1.1\r\nHost: a.example\r\n\r\n").await;
    server.begun().await;
    let mut waiting = Vec::new();
    for _ in 0..8 {
        let mut client = server.connect().await;
        client.send(GET).await;
        waiting.push(client);
    }
    server.stop.send(()).unwrap();
    tokio::task::yield_now().await;
    server.signals.go.notify_one();
    assert_eq!(statuses(&busy.rest().await), [200]);
    for mut client in waiting {
        let answer = client.rest().await;
        assert_eq!(statuses(&answer), [200], "{answer}");
        assert!(answer.contains("\r\nConnection: close\r\n"), "{answer}");
    }
    tokio::time::timeout(PATIENCE, server.running).await.expect("it goes on").unwrap().unwrap();
    assert!(TcpStream::connect(server.address).await.is_err());
}

#[tokio::test]
async fn a_second_stop_does_not_wait_for_those_that_wait_to_be_accepted() {
    let server =
        TestServer::start(Config::new().max_connections(1).stop_timeout(Duration::from_millis(100))).await;
    let mut busy = server.connect().await;
    busy.send("GET /wait HTTP/1.1\r\nHost: a.example\r\n\r\n").await;
    server.begun().await;
    let mut waiting = server.connect().await;
    waiting.send(GET).await;
    server.stop.send(()).unwrap();
    tokio::time::timeout(PATIENCE, server.running).await.expect("it goes on").unwrap().unwrap();
    assert_eq!((busy.rest().await, waiting.rest().await), (String::new(), String::new()));
}

/// The request of a connection that was just opened may be on its way.
#[tokio::test]
async fn a_new_connection_gets_the_time_to_ask() {
    let server = TestServer::start(Config::new().stop_timeout(PATIENCE * 2)).await;
    let (mut new, mut half, mut second) =
        (server.connect().await, server.connect().await, server.connect().await);
    half.send("GET / HTTP/1.1\r\nHos").await;
    second.send(GET).await;
    second.until("GET /").await;
    second.send("GET /second HTTP/1.1\r\nHos").await;
    // It is here: so is what was sent before it.
    assert_eq!(statuses(&server.ask(GET).await), [200]);
    server.stop.send(()).unwrap();
    refused(server.address).await;
    new.send(GET).await;
    half.send("t: a.example\r\n\r\n").await;
    second.send("t: a.example\r\n\r\n").await;
    for mut client in [new, half, second] {
        let answer = client.rest().await;
        assert_eq!(statuses(&answer), [200], "{answer}");
        assert!(answer.contains("\r\nConnection: close\r\n"), "{answer}");
    }
    tokio::time::timeout(PATIENCE, server.running).await.expect("it goes on").unwrap().unwrap();
}

/// Its head was sent before the stop, and promised nothing.
#[tokio::test]
async fn a_response_that_is_being_sent_ends_its_connection() {
    let server = TestServer::start(Config::new().stop_timeout(PATIENCE * 2)).await;
    let mut client = server.connect().await;
    client.send("POST /pipe HTTP/1.1\r\nHost: a.example\r\nContent-Length: 2\r\n\r\na").await;
    client.until("\r\n\r\n").await;
    server.stop.send(()).unwrap();
    refused(server.address).await;
    client.send("b").await;
    let rest = client.rest().await;
    assert!(rest.contains('b') && statuses(&rest).is_empty(), "{rest}");
    tokio::time::timeout(PATIENCE, server.running).await.expect("it goes on").unwrap().unwrap();
}

/// RFC 9110, section 7.8: the connection goes on in the other protocol, so it is not about to be closed.
#[test]
fn the_one_request_of_a_server_may_leave_http() {
    let switch = tower::service_fn(async |_: Request<RequestBody>| {
        let upgrade = Upgrade::new(async |mut stream| {
            let mut bytes = [0; 5];
            stream.read_exact(&mut bytes).await.unwrap();
            stream.write_all(&bytes).await.unwrap();
        });
        let response = Response::builder().status(101).header("upgrade", "echo").extension(upgrade);
        Ok::<_, Infallible>(response.body(String::new()).unwrap())
    });
    let socket = Server::new(()).bind_blocking("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let client = tokio::spawn(async move {
            let mut client = TcpStream::connect(address).await.unwrap();
            let request = "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\nhello";
            client.write_all(request.as_bytes()).await.unwrap();
            let mut answer = String::new();
            client.read_to_string(&mut answer).await.unwrap();
            answer
        });
        assert!(socket.with_service(switch).serve_one(std::future::pending()).await.unwrap());
        let answer = tokio::time::timeout(PATIENCE, client).await.expect("no answer").unwrap();
        assert_eq!(statuses(&answer), [101], "{answer}");
        assert!(answer.contains("\r\nConnection: upgrade\r\n") && !answer.contains("close"), "{answer}");
        assert!(answer.ends_with("\r\n\r\nhello"), "{answer}");
    });
}
