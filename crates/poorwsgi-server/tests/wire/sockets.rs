//! Listening: kinds of sockets, limits, and peers that are gone at once.

use std::convert::Infallible;
use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;
use std::time::Duration;

use http::{Request, Response};
use poorwsgi_server::{Config, RequestBody, Server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::oneshot;

use crate::support::{LONG, PATIENCE, TestServer, statuses};

const GET: &str = "GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n";

fn hello()
-> impl tower_service::Service<Request<RequestBody>, Response = Response<String>, Error = Infallible, Future: Send>
+ Clone
+ Send
+ 'static {
    tower::service_fn(async |_request| Ok(Response::new("hello".to_owned())))
}

async fn ask(mut stream: impl AsyncReadExt + AsyncWriteExt + Unpin) -> String {
    stream.write_all(GET.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

fn socket_path(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("poorwsgi-{name}-{}.sock", std::process::id()))
}

#[tokio::test]
async fn a_server_listens_at_several_addresses() {
    let path = socket_path("several");
    let bound = Server::new(hello()).bind("127.0.0.1:0").await.unwrap();
    let bound = bound.also(&format!("unix:{}", path.display())).await.unwrap();
    let bound = bound.also("127.0.0.1:0").await.unwrap();
    let addresses: Vec<_> = bound.addresses().iter().map(ToString::to_string).collect();
    assert_eq!((addresses.len(), bound.descriptors().count()), (3, 3));
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(bound.serve_until(async { stopped.await.unwrap_or(()) }));
    let ports = [0, 2].map(|number| addresses[number].rsplit(':').next().unwrap().parse::<u16>().unwrap());
    for _ in 0..3 {
        for port in ports {
            assert!(ask(TcpStream::connect(("127.0.0.1", port)).await.unwrap()).await.ends_with("hello"));
        }
        assert!(ask(UnixStream::connect(&path).await.unwrap()).await.ends_with("hello"));
    }
    // One address with connections without end leaves the others their turn.
    let busy: Vec<_> = (0..200).map(|_| tokio::spawn(TcpStream::connect(("127.0.0.1", ports[0])))).collect();
    assert!(ask(UnixStream::connect(&path).await.unwrap()).await.ends_with("hello"));
    drop(busy);
    stop.send(()).unwrap();
    tokio::time::timeout(PATIENCE, running).await.unwrap().unwrap().unwrap();
    assert!(!path.exists());
}

#[tokio::test]
async fn an_address_that_cannot_be_bound_leaves_none_behind() {
    let path = socket_path("none");
    let bound = Server::new(hello()).bind(&format!("unix:{}", path.display())).await.unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let error = bound.also(&taken.local_addr().unwrap().to_string()).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    assert!(!path.exists());
}

#[tokio::test]
async fn a_unix_socket_has_its_group() {
    let path = socket_path("group");
    let bind = async |group: &str| {
        let server = Server::new(hello()).config(Config::new().unix_group(group));
        server.bind(&format!("unix:{}", path.display())).await
    };
    // A group of the process, which any user may give a file of its own.
    let own = tempfile::tempfile().unwrap().metadata().unwrap().gid();
    let bound = bind(&own.to_string()).await.unwrap();
    assert_eq!(fs::metadata(&path).unwrap().gid(), own);
    drop(bound);
    let error = bind("no such group").await.unwrap_err();
    assert!(error.to_string().contains("there is no group \"no such group\""), "{error}");
    assert!(!path.exists());
}

#[tokio::test]
async fn a_unix_socket_has_its_mode_and_goes_with_its_server() {
    let path = socket_path("serve");
    let address = format!("unix:{}", path.display());
    // a socket that a dead server has left behind
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let bound = Server::new(hello()).config(Config::new().unix_mode(0o600)).bind(&address).await.unwrap();
    assert_eq!((bound.addresses()[0].to_string(), bound.local_addr()), (address.clone(), None));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);

    let in_use = Server::new(hello()).bind(&address).await.unwrap_err();
    assert_eq!(in_use.kind(), io::ErrorKind::AddrInUse);

    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(bound.serve_until(async { stopped.await.unwrap_or(()) }));
    assert!(ask(UnixStream::connect(&path).await.unwrap()).await.ends_with("hello"));
    stop.send(()).unwrap();
    running.await.unwrap().unwrap();
    assert!(!path.exists());
}

#[tokio::test]
async fn what_is_no_socket_is_left_alone() {
    let path = socket_path("file");
    fs::write(&path, "precious").unwrap();
    assert!(Server::new(hello()).bind(&format!("unix:{}", path.display())).await.is_err());
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    fs::remove_file(&path).unwrap();
}

#[tokio::test]
async fn ipv6_and_names_are_addresses_too() {
    for address in ["[::1]:0", "localhost:0"] {
        let bound = Server::new(hello()).bind(address).await.unwrap();
        let local = bound.local_addr().unwrap();
        assert_ne!(local.port(), 0);
        tokio::spawn(bound.serve());
        assert!(ask(TcpStream::connect(local).await.unwrap()).await.ends_with("hello"));
    }
    let taken = Server::new(hello()).bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let _held = std::net::TcpListener::bind(taken).unwrap();
    let error = Server::new(hello()).bind(&taken.to_string()).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
}

#[tokio::test]
async fn connections_over_the_limit_wait_for_their_turn() {
    let server = TestServer::start(Config::new().max_connections(1)).await;
    let mut first = server.connect().await;
    first.send("GET /wait HTTP/1.1\r\nHost: a.example\r\n\r\n").await;
    server.begun().await;
    let mut second = server.connect().await;
    second.send(GET).await;
    let early =
        tokio::time::timeout(Duration::from_millis(200), second.stream.tcp().unwrap().readable()).await;
    assert!(early.is_err(), "a second connection was served");
    server.signals.go.notify_one();
    drop(first);
    assert_eq!(statuses(&second.rest().await), [200]);
}

/// One that waits for its next request can be opened again; one that was never served has yet to ask.
#[tokio::test]
async fn idle_connections_make_room_for_those_that_wait() {
    let server = TestServer::start(Config::new().max_connections(2).first_byte_timeout(PATIENCE * 2)).await;
    let mut idle = server.connect().await;
    idle.send("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n").await;
    idle.until("GET /").await;
    let mut silent = server.connect().await;
    let mut waiting = server.connect().await;
    waiting.send("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n").await;
    waiting.until("GET /").await;
    assert_eq!(idle.rest().await, "");
    let mut next = server.connect().await;
    next.send(GET).await;
    assert_eq!(statuses(&next.rest().await), [200], "more than once");
    silent.send(GET).await;
    assert_eq!(statuses(&silent.rest().await), [200]);
}

/// An upgraded connection counts as long as it lasts, and is never an idle one.
#[tokio::test]
async fn upgraded_connections_count_and_make_no_room() {
    let server = TestServer::start(Config::new().max_connections(1)).await;
    let mut upgraded = server.connect().await;
    upgraded.send("GET /chat HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: chat\r\n\r\n").await;
    upgraded.until("\r\n\r\n").await;
    let mut waiting = server.connect().await;
    waiting.send(GET).await;
    // Longer than idle connections stay when others wait.
    let early = tokio::time::timeout(Duration::from_secs(2), waiting.stream.tcp().unwrap().readable()).await;
    assert!(early.is_err(), "a second connection was served");
    upgraded.send("hello").await;
    assert_eq!(upgraded.until("hello").await, "hello");
    drop(upgraded);
    assert_eq!(statuses(&waiting.rest().await), [200]);
}

#[tokio::test]
async fn idle_connections_stay_while_nobody_waits() {
    let server = TestServer::start(Config::new().max_connections(2)).await;
    let mut idle = [server.connect().await, server.connect().await];
    for client in &mut idle {
        client.send("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n").await;
        client.until("GET /").await;
    }
    let closed = tokio::time::timeout(Duration::from_secs(2), idle[0].stream.tcp().unwrap().readable()).await;
    assert!(closed.is_err(), "closed for nobody");
    for mut client in idle {
        client.send(GET).await;
        assert_eq!(statuses(&client.rest().await), [200]);
    }
}

#[tokio::test]
async fn a_storm_of_resets_hurts_nobody() {
    let server = TestServer::start(Config::new().max_connections(50)).await;
    for number in 0..300 {
        let mut client = server.connect().await;
        if number % 2 == 0 {
            client.send("POST /echo HTTP/1.1\r\nHost: a.example\r\nContent-Length: 9\r\n\r\nabc").await;
        }
        // closing with a linger of zero sends a reset
        socket2::SockRef::from(client.stream.tcp().unwrap()).set_linger(Some(Duration::ZERO)).unwrap();
    }
    assert_eq!(statuses(&server.ask(GET).await), [200]);
}

#[tokio::test]
async fn dropping_the_server_ends_its_connections() {
    let server = TestServer::start(Config::new()).await;
    let mut client = server.connect().await;
    client.send("GET /wait HTTP/1.1\r\nHost: a.example\r\n\r\n").await;
    server.begun().await;
    server.running.abort();
    assert_eq!(client.rest().await, "");
}

/// Closing a socket that has more to read resets it, and takes what the client has not got yet (RFC 9112,
/// section 9.6).
#[tokio::test]
async fn a_last_answer_is_whole_whatever_comes_behind_its_request() {
    for behind in ["GET /never HTTP/1.1\r\nHost: a.example\r\n\r\n", "\r\n"] {
        let server = TestServer::start(Config::new()).await;
        let mut client = server.connect_slowly().await;
        client.send("GET /wait-long HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n").await;
        server.begun().await;
        client.send(behind).await;
        server.signals.go.notify_one();
        let answer = client.rest().await;
        let (_, content) = answer.split_once("\r\n\r\n").unwrap();
        assert_eq!((statuses(&answer), content.len()), (vec![200], LONG), "behind it: {behind:?}");
    }
}
