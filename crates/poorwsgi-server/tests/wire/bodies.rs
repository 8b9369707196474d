//! Request bodies: whole or an error, and never more of them than somebody wants.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{Request, Response};
use http_body_util::BodyExt;
use poorwsgi::Application;
use poorwsgi::state::METHOD_POST;
use poorwsgi_server::{Config, RequestBody, Server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{PATIENCE, TestServer, statuses};

fn post(path: &str, rest: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nHost: a.example\r\n{rest}")
}

#[tokio::test]
async fn a_body_that_ends_early_is_an_error_and_not_an_end() {
    let server = TestServer::start(Config::new()).await;
    for body in [
        "Content-Length: 10\r\n\r\nabc",
        "Content-Length: 10\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n5\r\nabc",
        "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n",
        "Transfer-Encoding: chunked\r\n\r\n",
    ] {
        let answer = server.ask(post("/echo", body)).await;
        assert_eq!(statuses(&answer), [400], "{body:?}: {answer}");
        assert!(answer.contains("ended early"), "{body:?}: {answer}");
    }
}

#[tokio::test]
async fn a_body_that_is_piped_through_and_ends_early_cuts_the_response() {
    let server = TestServer::start(Config::new()).await;
    let answer = server.ask(post("/pipe", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")).await;
    assert!(!answer.contains("\r\n0\r\n\r\n"), "{answer}");
}

#[tokio::test]
async fn bodies_stream_in_both_directions() {
    let server = TestServer::start(Config::new()).await;
    let mut client = server.connect().await;
    client.send(post("/pipe", "Transfer-Encoding: chunked\r\n\r\n3\r\none\r\n")).await;
    client.until("3\r\none\r\n").await;
    client.send("3\r\ntwo\r\n0\r\n\r\n").await;
    client.until("3\r\ntwo\r\n0\r\n\r\n").await;
    client.send(post("/pipe", "Content-Length: 3\r\n\r\nabc")).await;
    assert!(client.until("\r\n\r\nabc").await.contains("Content-Length: 3"));
}

/// RFC 9110, section 10.1.1.
#[tokio::test]
async fn continue_is_sent_when_the_body_is_wanted_and_only_then() {
    let server = TestServer::start(Config::new().max_body(100)).await;
    let mut client = server.connect().await;
    client.send(post("/echo", "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n")).await;
    assert_eq!(client.until("\r\n\r\n").await, "HTTP/1.1 100 Continue\r\n\r\n");
    client.send("abc").await;
    assert_eq!(statuses(&client.until("\r\n\r\nabc").await), [200]);

    let mut unread = server.connect().await;
    unread.send(post("/", "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n")).await;
    assert_eq!(statuses(&unread.rest().await), [200]);

    let mut large = server.connect().await;
    large.send(post("/echo", "Expect: 100-continue\r\nContent-Length: 101\r\n\r\n")).await;
    assert_eq!(statuses(&large.rest().await), [413]);
}

/// RFC 9110, section 6.5.1.
#[tokio::test]
async fn trailers_that_would_change_the_message_are_dropped() {
    let server = TestServer::start(Config::new()).await;
    let body = "Transfer-Encoding: chunked\r\n\r\n0\r\nX-Sum: 1\r\nHost: b\r\nContent-Length: 9\r\n\r\n";
    let answer = server.ask(post("/echo", body)).await;
    assert!(answer.contains("X-Trailers: {\"x-sum\": \"1\"}\r\n"), "{answer}");
}

#[tokio::test]
async fn endless_chunk_extensions_and_trailers_are_errors() {
    let server = TestServer::start(Config::new()).await;
    for endless in [format!("1;{}", "a".repeat(20_000)), format!("0\r\nX: {}", "a".repeat(20_000))] {
        let answer = server.ask(post("/echo", &format!("Transfer-Encoding: chunked\r\n\r\n{endless}"))).await;
        assert_eq!(statuses(&answer), [400], "{answer}");
    }
}

#[tokio::test]
async fn a_refusal_reaches_a_client_that_is_still_sending() {
    let server = TestServer::start(Config::new().max_body(1000)).await;
    let mut client = server.connect().await;
    client.send(post("/echo", "Content-Length: 10000000\r\n\r\n")).await;
    client.stream.write_all(&vec![b'a'; 4_000_000]).await.expect("the server still listens");
    let answer = client.rest().await;
    assert_eq!(statuses(&answer), [413], "{answer}");
    assert!(answer.contains("over the limit of 1000 (setting max_body)"), "{answer}");
}

#[tokio::test]
async fn an_upload_that_nobody_reads_waits_with_the_client() {
    let server = TestServer::start(Config::new().max_body(1 << 30)).await;
    let mut client = server.connect().await;
    client.send(post("/wait", "Content-Length: 1000000000\r\n\r\n")).await;
    server.begun().await;
    let block = vec![b'a'; 1 << 20];
    let mut sent = 0;
    while let Ok(Ok(())) =
        tokio::time::timeout(Duration::from_millis(300), client.stream.write_all(&block)).await
    {
        sent += block.len();
        assert!(sent < 64 << 20, "the server swallows what nobody reads");
    }
    server.signals.go.notify_one();
    client.until("waited").await;
}

#[tokio::test]
async fn a_half_closed_client_gets_its_answer() {
    let server = TestServer::start(Config::new()).await;
    let answer = server.ask("GET /second HTTP/1.1\r\nHost: a.example\r\n\r\n").await;
    assert!(answer.ends_with("GET /second"), "{answer}");
}

/// A connection whose client has said that there is no more, although there should be, must not be asked for
/// more.
#[tokio::test]
async fn a_half_closed_client_with_an_open_body_costs_nothing() {
    let server = TestServer::start(Config::new()).await;
    for body in ["Content-Length: 10\r\n\r\nabc", "Transfer-Encoding: chunked\r\n\r\n5\r\nabc", "\r\n"] {
        let mut client = server.connect().await;
        client.send(post("/polls", body)).await;
        client.stream.shutdown().await.unwrap();
        server.begun().await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        server.signals.go.notify_one();
        let answer = client.rest().await;
        let (_, polls) = answer.split_once("\r\n\r\n").unwrap();
        let polls: u32 = polls.trim_end_matches(" polls").parse().unwrap();
        assert!(polls < 20, "{body:?}: {polls} polls");
    }
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let server = TestServer::start(Config::new()).await;
    let requests: String = (0..50)
        .map(|number| match number % 3 {
            0 => post("/echo", &format!("Content-Length: 3\r\n\r\n{number:03}")),
            1 => post("/echo", &format!("Transfer-Encoding: chunked\r\n\r\n3\r\n{number:03}\r\n0\r\n\r\n")),
            _ => format!("GET /{number:03} HTTP/1.1\r\nHost: a.example\r\n\r\n"),
        })
        .collect();
    let answer = server.ask(&requests).await;
    let mut rest = answer.as_str();
    for number in 0..50 {
        let (_, after) = rest.split_once("\r\n\r\n").unwrap();
        let body = after.strip_prefix("GET /").unwrap_or(after);
        assert!(body.starts_with(&format!("{number:03}")), "{number}: {after}");
        rest = after;
    }
}

/// The refusal of a pipelined request comes after the answers to those before it, and cuts none of them off.
#[tokio::test]
async fn a_bad_request_waits_for_the_answers_before_it() {
    let server = TestServer::start(Config::new()).await;
    let mut client = server.connect().await;
    client.send("GET /wait HTTP/1.1\r\nHost: a.example\r\n\r\nGET / HTTP/1.1\nHost: a.example\r\n\r\n").await;
    server.begun().await;
    server.signals.go.notify_one();
    let answer = client.rest().await;
    assert_eq!(statuses(&answer), [200, 400], "{answer}");
    assert!(answer.contains("waited") && answer.contains("bare LF"), "{answer}");
}

/// What an application keeps of a request, in its log for example, must not hold up the connection.
#[tokio::test]
async fn a_body_that_is_kept_is_taken_back_with_its_response() {
    let kept = Arc::new(Mutex::new(Vec::new()));
    let keeper = Arc::clone(&kept);
    let keep = tower::service_fn(move |request: Request<RequestBody>| {
        let mut body = request.into_body();
        let keeper = Arc::clone(&keeper);
        async move {
            let _ = body.frame().await;
            // One that reads on is told, too.
            let reading = tokio::spawn(async move {
                loop {
                    match body.frame().await {
                        Some(Ok(_)) => {}
                        Some(Err(error)) => return error.to_string(),
                        None => return String::from("the end"),
                    }
                }
            });
            keeper.lock().unwrap().push(reading);
            Ok::<_, Infallible>(Response::new("kept".to_owned()))
        }
    });
    let bound = Server::new(keep).bind("127.0.0.1:0").await.unwrap();
    let address = bound.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(bound.serve_until(async { stopped.await.unwrap_or(()) }));

    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nbegin").await.unwrap();
    let mut answer = Vec::new();
    // The rest never comes, so the connection cannot go on; it ends at once and not at a deadline.
    let read = tokio::time::timeout(PATIENCE / 2, client.read_to_end(&mut answer));
    read.await.expect("it is held up").unwrap();
    assert!(answer.ends_with(b"kept"), "{}", String::from_utf8_lossy(&answer));
    let reading = kept.lock().unwrap().pop().unwrap();
    let told = tokio::time::timeout(PATIENCE, reading).await.expect("nobody wakes the reader").unwrap();
    assert_eq!(told, "request body: the body cannot be read after the response was sent");
    drop(stop);
    running.await.unwrap().unwrap();
}

/// The server closes the connection behind a body that nobody has read, and says so (RFC 9112, section 9.6).
#[tokio::test]
async fn an_answer_before_a_large_body_says_that_the_connection_closes() {
    let mut app = Application::new("unread");
    app.settings_mut().auto_data = false;
    app.route("/", METHOD_POST, |_: poorwsgi::Request| "unread").unwrap();
    let server = TestServer::of(app, Config::new()).await;
    for (body, closes) in [
        ("Content-Length: 100000\r\n\r\n", true),
        ("Transfer-Encoding: chunked\r\n\r\n", true),
        // Little is read and forgotten.
        ("Content-Length: 3\r\n\r\nabc", false),
    ] {
        let mut client = server.connect().await;
        client.send(post("/", body)).await;
        let head = client.until("\r\n\r\n").await;
        assert_eq!(statuses(&head), [200]);
        assert_eq!(head.contains("\r\nConnection: close\r\n"), closes, "{body:?}: {head}");
    }
}
