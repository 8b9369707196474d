//! What goes out: whole, or visibly not.

use std::time::Duration;

use poorwsgi::Application;
use poorwsgi::state::METHOD_GET;
use poorwsgi_core::request::ForwardedFields;
use poorwsgi_server::{Config, TrustedPeer};

use crate::support::{LOG, TestServer, statuses};

async fn get(server: &TestServer, method: &str, path: &str) -> String {
    server.ask(format!("{method} {path} HTTP/1.1\r\nHost: a.example\r\n\r\n")).await
}

fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").map_or("", |(_, body)| body)
}

/// RFC 9110, sections 9.3.2, 15.3.5, 15.3.6 and 15.4.5.
#[tokio::test]
async fn no_content_where_there_must_be_none() {
    let server = TestServer::start(Config::new()).await;
    for (method, path, status) in [
        ("HEAD", "/", 200),
        ("HEAD", "/echo", 200),
        ("HEAD", "/frames", 200),
        ("HEAD", "/wrong-length", 200),
        ("GET", "/no-content", 204),
        ("HEAD", "/no-content", 204),
        ("GET", "/not-modified", 304),
        ("GET", "/reset-content", 205),
        ("GET", "/reset-frames", 205),
        ("GET", "/reset-wrong-length", 205),
        ("HEAD", "/reset-content", 205),
    ] {
        let answer = get(&server, method, path).await;
        assert_eq!((statuses(&answer), body(&answer)), (vec![status], ""), "{method} {path}: {answer}");
    }
    assert!(get(&server, "HEAD", "/").await.contains("Content-Length: 12\r\n"));
    for method in ["GET", "HEAD"] {
        assert!(!get(&server, method, "/no-content").await.contains("content-length"));
    }
    assert!(get(&server, "GET", "/not-modified").await.contains("ETag: \"1\"\r\n"));
    for path in ["/reset-content", "/reset-frames", "/reset-wrong-length"] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: a.example\r\n\r\n");
        let answer = server.ask(request.repeat(2)).await;
        assert_eq!(statuses(&answer), [205, 205], "the second one begins where the first one ends: {answer}");
        assert_eq!(answer.matches("\r\nContent-Length: 0\r\n").count(), 2, "{answer}");
        assert!(!answer.contains("Transfer-Encoding"), "{answer}");
    }
}

/// A client that believed a 101 would wait for ever if nobody spoke the other protocol.
#[tokio::test]
async fn no_protocol_is_switched_without_one_who_speaks_it() {
    let server = TestServer::start(Config::new()).await;
    let request =
        "GET /switching HTTP/1.1\r\nHost: a.example\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";
    let answer = server.ask(request.repeat(2)).await;
    assert_eq!(statuses(&answer), [500], "{answer}");
    assert!(answer.contains("\r\nConnection: close\r\n") && !answer.contains("Upgrade"), "{answer}");
    let lines = LOG.lines("/switching");
    assert!(lines.iter().any(|line| line.contains("ERROR") && line.contains("101")), "{lines:?}");
}

#[tokio::test]
async fn a_refused_head_request_gets_no_content_either() {
    let server = TestServer::start(Config::new()).await;
    for head in ["HEAD / HTTP/1.1\r\n\r\n", "HEAD / HTTP/1.1\nHost: a\r\n\r\n"] {
        let answer = server.ask(head).await;
        assert_eq!((statuses(&answer), body(&answer)), (vec![400], ""), "{answer}");
    }
}

#[tokio::test]
async fn a_length_that_is_not_true_is_never_sent() {
    let server = TestServer::start(Config::new()).await;
    for path in ["/wrong-length", "/odd-length", "/two-lengths", "/early"] {
        let answer = get(&server, "GET", path).await;
        assert_eq!(statuses(&answer), [500], "{path}: {answer}");
    }
    for (path, length) in [("/short", 99), ("/long", 5)] {
        let answer = get(&server, "GET", path).await;
        assert!(body(&answer).len() < length, "{path}: {answer}");
    }
    assert!(get(&server, "GET", "/exact").await.ends_with("longlong"));
    let blank = get(&server, "GET", "/blank-length").await;
    assert!(blank.contains("\r\nContent-Length: 8\r\n") && blank.ends_with("longlong"), "{blank}");
    let again = get(&server, "GET", "/length-again").await;
    assert_eq!((statuses(&again), again.matches("Content-Length: 5\r\n").count()), (vec![200], 1), "{again}");
}

#[tokio::test]
async fn a_body_that_fails_cuts_the_connection_and_is_logged() {
    let server = TestServer::start(Config::new()).await;
    let answer = get(&server, "GET", "/broken").await;
    assert_eq!(body(&answer), "5\r\nfirst\r\n", "what came before it is sent, and no end");
    let errors: Vec<_> =
        LOG.lines("the file shrank").into_iter().filter(|line| line.contains("ERROR")).collect();
    assert!(matches!(&*errors, [error] if error.contains("the response is cut off")), "{errors:?}");
}

#[tokio::test]
async fn a_body_of_unknown_length_is_chunked_for_those_who_know_chunks() {
    let server = TestServer::start(Config::new()).await;
    let answer = get(&server, "GET", "/frames").await;
    assert!(answer.contains("Transfer-Encoding: chunked\r\n"), "{answer}");
    assert_eq!(body(&answer), "4\r\none \r\n3\r\ntwo\r\n0\r\n\r\n");
    let old = server.ask("GET /frames HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").await;
    assert!(!old.contains("Transfer-Encoding"), "{old}");
    assert_eq!(body(&old), "one two");
}

#[tokio::test]
async fn a_panic_or_an_error_is_a_500_and_the_server_lives() {
    let server = TestServer::start(Config::new()).await;
    for path in ["/panic", "/error"] {
        let answer = get(&server, "GET", path).await;
        assert_eq!(statuses(&answer), [500], "{path}: {answer}");
        assert!(
            answer.contains("\r\nConnection: close\r\n") && !answer.contains("as asked"),
            "{path}: {answer}"
        );
    }
    assert_eq!(statuses(&get(&server, "GET", "/").await), [200]);
    for (event, path) in [("the application panicked", "/panic"), ("the application failed", "/error")] {
        let lines = LOG.lines(event);
        let named = |line: &String| line.contains("method=GET") && line.contains(&format!("path=\"{path}\""));
        assert!(lines.iter().any(named), "{lines:?}");
    }
}

/// A client that reads slowly gets them all, whatever waits for it when the body fails.
#[tokio::test]
async fn bytes_before_a_failure_are_not_lost() {
    let server = TestServer::start(Config::new().queue(1 << 20)).await;
    let mut client = server.connect_slowly().await;
    client.send("GET /broken-late HTTP/1.1\r\nHost: a.example\r\n\r\n").await;
    client.until("\r\n\r\n").await;
    // The server has long gone on to the failure.
    LOG.until("broken late").await;
    assert_eq!(client.rest().await.matches('x').count(), 8 * 64 * 1024);
}

/// Title-Case, unless the application says otherwise or the name has an acronym in it.
#[tokio::test]
async fn names_are_spelled_as_their_applications_spell_them() {
    let mut app = Application::new("spelling");
    app.route("/", METHOD_GET, async |_: poorwsgi::Request| {
        let mut response = poorwsgi::Response::text("text");
        for name in ["X-UPPER", "x-lower", "X-Usual", "DAV", "ETag"] {
            response.headers_mut().add(name, "1").unwrap();
        }
        response
    })
    .unwrap();
    let server = TestServer::of(app, Config::new()).await;
    for _ in 0..2 {
        let answer = get(&server, "GET", "/").await;
        for name in ["X-UPPER", "x-lower", "X-Usual", "DAV", "ETag", "Content-Type", "Content-Length", "Date"]
        {
            assert_eq!(answer.matches(&format!("\r\n{name}: ")).count(), 1, "{name}: {answer}");
        }
    }
}

/// PoorWSGI's `state.DECLINED`.
#[tokio::test]
async fn a_declined_request_gets_no_answer() {
    let server = TestServer::start(Config::new()).await;
    assert_eq!(get(&server, "GET", "/declined").await, "");
}

#[tokio::test]
async fn the_server_names_itself_once_and_without_a_version() {
    let server = TestServer::start(Config::new()).await;
    for answer in [get(&server, "GET", "/").await, server.ask("GET / HTTP/1.1\r\n\r\n").await] {
        assert_eq!(answer.matches("\r\nServer: PoorWSGI\r\n").count(), 1, "{answer}");
        assert_eq!(answer.matches("\r\nDate: ").count(), 1, "{answer}");
    }
    let server = TestServer::start(Config::new().server_header(None)).await;
    for answer in [get(&server, "GET", "/").await, server.ask("GET / HTTP/1.1\nHost: a\r\n\r\n").await] {
        assert!(!answer.contains("Server:"), "{answer}");
    }
}

/// RFC 9110, section 6.6.1.
#[tokio::test]
async fn every_response_has_one_date_and_an_application_may_give_its_own() {
    let server = TestServer::start(Config::new()).await;
    for request in [
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.0\r\n\r\n",
        "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /not-modified HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /error HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nno field\r\n\r\n",
        "GET / HTTP/9.9\r\nHost: a\r\n\r\n",
    ] {
        let answer = server.ask(request).await;
        let dates: Vec<_> = answer.lines().filter_map(|line| line.strip_prefix("Date: ")).collect();
        assert_eq!(dates.len(), 1, "{request}: {answer}");
        let date = httpdate::parse_http_date(dates[0]).unwrap();
        let age = std::time::SystemTime::now().duration_since(date).unwrap();
        assert!(age < Duration::from_secs(10), "{request}: {answer}");
    }
    let answer = get(&server, "GET", "/dated").await;
    assert_eq!(answer.matches("Date: ").count(), 1, "{answer}");
    assert!(answer.contains("\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"), "{answer}");
}

#[tokio::test]
async fn fields_are_dropped_unless_they_can_be_believed() {
    let request = "GET /fields HTTP/1.1\r\nHost: a\r\nX_Forwarded_For: 1\r\nX-Forwarded-For: 1\r\nForwarded: for=1\r\n\r\n";
    for (config, left) in [
        (Config::new(), "host x-forwarded-for"),
        (Config::new().trusted_proxies(["127.0.0.1".parse().unwrap()]), "host x-forwarded-for"),
        (Config::new().forwarded_fields(ForwardedFields::Forwarded), "forwarded host"),
        (Config::new().trusted_proxies([]), "host"),
        (Config::new().trusted_proxies(["10.0.0.0/8".parse().unwrap(), TrustedPeer::Unix]), "host"),
    ] {
        let server = TestServer::start(config.clone()).await;
        assert_eq!(body(&server.ask(request).await), left, "{config:?}");
    }
}

#[tokio::test]
async fn a_trusted_proxy_names_the_client_of_each_request() {
    let server = TestServer::start(Config::new()).await;
    let fields =
        "X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: site.example\r\n";
    let named = server.ask(&format!("GET /connection HTTP/1.1\r\nHost: a\r\n{fields}\r\n")).await;
    for part in ["remote: Some(192.0.2.7:0)", "local: Some(127.0.0.1:443)", "secure: true"] {
        assert!(named.contains(part), "{named}");
    }
    let unnamed = get(&server, "GET", "/connection").await;
    assert!(unnamed.contains("remote: Some(127.0.0.1:") && unnamed.contains("secure: false"), "{unnamed}");
    for field in ["X-Forwarded-Host: a b", "X-Forwarded-Port: x"] {
        let answer = server.ask(&format!("GET /connection HTTP/1.1\r\nHost: a\r\n{field}\r\n\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    }
}

#[tokio::test]
async fn a_request_knows_its_connection() {
    let server = TestServer::start(Config::new()).await;
    let answer = get(&server, "GET", "/connection").await;
    assert!(answer.contains(&format!("local: Some({})", server.address)), "{answer}");
    assert!(answer.contains("remote: Some(127.0.0.1:") && answer.contains("secure: false"), "{answer}");
}

#[tokio::test]
async fn log_lines_have_an_end_whatever_they_quote() {
    let server = TestServer::start(Config::new().stop_timeout(Duration::ZERO)).await;
    let (path, method) = (format!("/long-path{}", "\"".repeat(15_000)), "LONG-METHOD".repeat(1000));
    for request in [
        format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"),
        format!("GET {path} HTTP/1.1\r\nHost: a b\r\n\r\n"),
        format!("GET {path}\u{e9} HTTP/1.1\r\nHost: a\r\n\r\n"),
        format!("{method} / HTTP/1.1\r\nHost: a\r\n\r\n"),
        "GET /long-error HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
        format!("GET /long-frame?{} HTTP/1.1\r\nHost: a\r\n\r\n", "\\".repeat(15_000)),
    ] {
        server.ask(request).await;
    }
    let mut busy = Vec::new();
    for _ in 0..40 {
        let mut client = server.connect().await;
        client.send("GET /wait HTTP/1.1\r\nHost: a.example\r\n\r\n").await;
        server.begun().await;
        busy.push(client);
    }
    server.stop.send(()).unwrap();
    server.running.await.unwrap().unwrap();
    // A server of one connection speaks of that.
    let (each, times) = if crate::IN_MEMORY { ("count=1", 40) } else { ("count=40", 1) };
    let lines = LOG.lines("cut off at the stop: GET /wait").into_iter().filter(|line| line.ends_with(each));
    assert_eq!(lines.count(), times);
    for mark in [each, "/long-path", "LONG-METHOD", "long-error", "long-frame"] {
        let lines = LOG.lines(mark);
        assert!(!lines.is_empty(), "{mark}");
        for line in lines {
            assert!(line.len() <= 2048, "{} bytes: {}", line.len(), line.split_at(500).0);
        }
    }
}

#[tokio::test]
async fn each_request_is_one_access_record() {
    let server = TestServer::start(Config::new()).await;
    get(&server, "GET", "/recorded?secret").await;
    get(&server, "HEAD", "/recorded").await;
    let lines = LOG.lines("/recorded");
    let access: Vec<_> = lines.iter().filter(|line| line.contains("poorwsgi::access")).collect();
    assert_eq!(access.len(), 2, "{lines:?}");
    assert!(
        access[0].contains("method=GET path=\"/recorded\" status=200 bytes=13 duration_us="),
        "{access:?}"
    );
    assert!(access[0].contains("peer=127.0.0.1:") && !access[0].contains("secret"), "{access:?}");
    assert!(access[1].contains("method=HEAD") && access[1].contains("bytes=0"), "{access:?}");
}
