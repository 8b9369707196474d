//! An application of the Rust door, over real sockets.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use poorwsgi::response::iter;
use poorwsgi::state::{METHOD_ALL, METHOD_GET, METHOD_GET_POST, METHOD_HEAD, METHOD_POST};
use poorwsgi::{Application, HttpError, Request, Response, Result};
use poorwsgi_server::Config;

use crate::support::{TestServer, statuses};

fn get(path: &str, fields: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: a.example\r\n{fields}\r\n")
}

fn post(path: &str, rest: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nHost: a.example\r\n{rest}")
}

const JSON: &str = "Content-Type: application/json\r\n";
const FORM: &str = "Content-Type: application/x-www-form-urlencoded\r\n";

/// The application, and how often one of its handlers that want a body has run.
fn application() -> (Application, Arc<AtomicUsize>) {
    let runs = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&runs);
    let mut app = Application::new("application");
    app.route("/", METHOD_GET | METHOD_HEAD, async |_req: Request| "Hello world").unwrap();
    app.route("/user/<name:word>/<age:int>", METHOD_GET, |req: Request| -> Result<_> {
        Ok(format!("{} {}", req.path_arg::<&str>("name")?, req.path_arg::<u8>("age")?))
    })
    .unwrap();
    app.route("/parsed", METHOD_POST, move |req: Request| {
        seen.fetch_add(1, Ordering::Relaxed);
        format!(
            "{:?} {:?} {:?}.",
            req.form().map(|form| form.get("a").map(str::to_owned)),
            req.json(),
            req.data()
        )
    })
    .unwrap();
    app.route("/read", METHOD_POST, async |req: Request| -> Result<_> {
        Ok(format!("read {}.", req.read(1 << 20).await?.len()))
    })
    .unwrap();
    app.route("/numbers", METHOD_GET, |_req: Request| {
        Response::json_stream(iter((0..5000_u32).map(Ok::<_, std::io::Error>)))
    })
    .unwrap();
    app.route("/broken", METHOD_GET, |_req: Request| {
        Response::json_stream(iter(
            (0..5000_u32).map(|number| if number < 4999 { Ok(number) } else { Err("no more") }),
        ))
    })
    .unwrap();
    app.route("/declined", METHOD_GET_POST, |_req: Request| Response::declined()).unwrap();
    app.route("/panic", METHOD_GET, |_req: Request| -> String { panic!("as asked") }).unwrap();
    app.route("/private", METHOD_ALL, |_req: Request| "never").unwrap();
    app.before_response(|req: Request| -> Result<()> {
        if req.rule() == Some("/private") { poorwsgi::abort(403) } else { Ok(()) }
    });
    app.http_state(404, METHOD_ALL, |req: Request, _: HttpError| {
        (format!("no {}", req.path()), "text/plain", (), 404)
    });
    (app, runs)
}

async fn server(config: Config) -> TestServer {
    TestServer::of(application().0, config).await
}

#[tokio::test]
async fn pages_of_all_kinds() {
    let server = server(Config::new()).await;
    let hello = server.ask(get("/", "")).await;
    assert!(hello.starts_with("HTTP/1.1 200 OK\r\n") && hello.ends_with("\r\n\r\nHello world"), "{hello}");
    assert!(hello.contains("Content-Type: text/html; charset=utf-8\r\n"), "{hello}");
    let head = server.ask("HEAD / HTTP/1.1\r\nHost: a.example\r\n\r\n").await;
    assert!(head.contains("Content-Length: 11\r\n") && head.ends_with("\r\n\r\n"), "{head}");
    assert!(server.ask(get("/user/ann/42", "")).await.ends_with("ann 42"));
    assert_eq!(statuses(&server.ask(get("/user/ann/256", "")).await), [404]);
    assert!(server.ask(get("/%C5%BE", "")).await.ends_with("no /ž"));
    assert_eq!(statuses(&server.ask(get("/%FF", "")).await), [400]);
    assert_eq!(statuses(&server.ask("BREW / HTTP/1.1\r\nHost: a.example\r\n\r\n").await), [501]);
    let not_allowed = server.ask(post("/", "Content-Length: 0\r\n\r\n")).await;
    assert!(not_allowed.contains("Allow: HEAD, GET\r\n"), "{not_allowed}");
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let server = server(Config::new()).await;
    let requests = [
        get("/user/ann/1", ""),
        post("/parsed", &format!("{FORM}Content-Length: 3\r\n\r\na=1")),
        get("/panic", ""),
        post("/parsed", &format!("{JSON}Transfer-Encoding: chunked\r\n\r\n2\r\n[1\r\n1\r\n]\r\n0\r\n\r\n")),
        post("/parsed", &format!("{JSON}Content-Length: 1\r\n\r\n[")),
        get("/user/bob/2", ""),
    ];
    let answers = server.ask(requests.concat()).await;
    assert_eq!(statuses(&answers), [200, 200, 500, 200, 400, 200], "{answers}");
    let mut rest = answers.as_str();
    for text in ["ann 1", r#"Some(Some("1")) None None."#, "None Some(Array [Number(1)]) None.", "bob 2"] {
        rest = rest.split_once(text).unwrap_or_else(|| panic!("{text:?} is not in {rest}")).1;
    }
}

#[tokio::test]
async fn streamed_json_is_whole_or_cut() {
    let server = server(Config::new()).await;
    let numbers = server.ask(get("/numbers", "")).await;
    assert!(numbers.contains("Transfer-Encoding: chunked\r\n") && numbers.ends_with("]\r\n0\r\n\r\n"));
    let broken = server.ask(get("/broken", "")).await;
    // how much was sent before the error came is up to the buffers
    assert!(!broken.ends_with("0\r\n\r\n"), "a part must not look like the whole");
}

fn files() -> (tempfile::TempDir, Application) {
    let root = tempfile::tempdir().unwrap();
    std::fs::write(root.path().join("a.txt"), "0123456789").unwrap();
    let mut app = Application::new("files");
    app.settings_mut().document_root = Some(root.path().to_owned());
    (root, app)
}

/// RFC 9110, section 14.
#[tokio::test]
async fn a_file_and_its_ranges() {
    let (_root, app) = files();
    let server = TestServer::of(app, Config::new()).await;
    assert!(server.ask(get("/a.txt", "")).await.ends_with("\r\n\r\n0123456789"));
    let part = server.ask(get("/a.txt", "Range: bytes=3-5\r\n")).await;
    assert!(part.contains("206") && part.contains("Content-Range: bytes 3-5/10\r\n"), "{part}");
    assert!(part.contains("Content-Length: 3\r\n") && part.ends_with("\r\n\r\n345"), "{part}");
    let beyond = server.ask(get("/a.txt", "Range: bytes=10-\r\n")).await;
    assert_eq!(statuses(&beyond), [416]);
    assert_eq!(statuses(&server.ask(get("/a.txt", "If-None-Match: *\r\n")).await), [304]);
}

/// Letters that differ from place to place.
fn letters(length: usize) -> String {
    (0..length).map(|at| char::from(b'a' + ((at * 7 + at / 251) % 26) as u8)).collect()
}

/// Read or sent by the system, whole or in part, one after the other on one connection: the bytes are those
/// of the file.
#[tokio::test]
async fn large_files_are_what_they_are() {
    const SIZES: [usize; 7] =
        [(64 << 10) - 1, 64 << 10, (64 << 10) + 1, 1 << 20, (1 << 20) + 100, (3 << 20) + 17, 300_000];
    let (root, app) = files();
    for size in SIZES {
        std::fs::write(root.path().join(format!("{size}.txt")), letters(size)).unwrap();
    }
    // none of this one is in memory
    let cold = std::fs::File::open(root.path().join("300000.txt")).unwrap();
    cold.sync_all().unwrap();
    rustix::fs::fadvise(&cold, 0, None, rustix::fs::Advice::DontNeed).unwrap();
    let server = TestServer::of(app, Config::new()).await;
    let ranges = [(0, 70_000), (5, 99_999), (65_000, 299_000)];
    let mut requests = Vec::new();
    let mut contents = Vec::new();
    for size in SIZES {
        requests.push(get(&format!("/{size}.txt"), ""));
        contents.push(letters(size));
        requests.push(get("/a.txt", ""));
        contents.push("0123456789".to_owned());
        for (first, last) in ranges.iter().filter(|range| range.1 < size) {
            requests.push(get(&format!("/{size}.txt"), &format!("Range: bytes={first}-{last}\r\n")));
            contents.push(letters(size)[*first..=*last].to_owned());
        }
        requests.push(get(&format!("/{size}.txt"), "").replace("GET", "HEAD"));
        contents.push(String::new());
    }
    let answers = server.ask(requests.concat()).await;
    let mut rest = answers.as_str();
    for (request, content) in requests.iter().zip(&contents) {
        let (head, after) = rest.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 20"), "{request}: {head}");
        let (got, next) = after.split_at(content.len());
        assert!(got == content, "{request}");
        rest = next;
    }
    assert_eq!(rest, "");
}

#[tokio::test]
async fn a_file_that_shrinks_while_it_is_sent_cuts_the_connection() {
    const LENGTH: u64 = 256 * 1024 * 1024;
    let (root, app) = files();
    let path = root.path().join("large.bin");
    let mut file = std::fs::File::create(&path).unwrap();
    file.write_all(b"start").unwrap();
    file.set_len(LENGTH).unwrap();
    let server = TestServer::of(app, Config::new()).await;
    let mut client = server.connect().await;
    client.send(get("/large.bin", "")).await;
    let head = client.until("\r\n\r\n").await;
    assert!(head.contains(&format!("Content-Length: {LENGTH}\r\n")), "{head}");
    client.until("start").await;
    file.set_len(1000).unwrap();
    assert!((client.rest().await.len() as u64) < LENGTH - 5);
}

/// RFC 9110, section 12.5.1, and RFC 9457: whoever refuses a request, in the server or in the application.
#[tokio::test]
async fn a_refusal_comes_in_the_form_that_its_client_prefers() {
    let (app, _) = application();
    let server = TestServer::of(app, Config::new().max_body(5).max_request_line(100)).await;
    let long = "a".repeat(200);
    let requests = |accept: &str| {
        [
            (post("/read", &format!("{accept}Content-Length: 6\r\n\r\n123456")), 413, "max_body"),
            (post("/parsed", &format!("{accept}{JSON}Content-Length: 2\r\n\r\n]]")), 400, "JSON"),
            (get(&format!("/{long}"), accept), 414, "max_request_line"),
            (get("/", &format!("{accept}{}", "X: 1\r\n".repeat(101))), 431, "max_fields"),
            (get("/private", accept), 403, "not allowed to have it"),
        ]
    };
    for (request, status, reason) in requests("Accept: application/json, */*;q=0.1\r\n") {
        let answer = server.ask(request).await;
        assert_eq!(statuses(&answer), [status], "{answer}");
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.contains("\r\nContent-Type: application/problem+json\r\n"), "{head}");
        assert!(head.contains("\r\nVary: Accept\r\n") || head.ends_with("\r\nVary: Accept"), "{head}");
        let problem: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(problem["status"], status, "{body}");
        assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains(reason)), "{body}");
    }
    for accept in ["", "Accept: */*\r\n", "Accept: text/html, application/json\r\n"] {
        for (request, status, reason) in requests(accept) {
            let answer = server.ask(request).await;
            assert_eq!(statuses(&answer), [status], "{answer}");
            assert!(answer.contains("\r\nContent-Type: text/html; charset=utf-8\r\n"), "{answer}");
            assert!(answer.contains(reason) && answer.ends_with("</html>"), "{answer}");
        }
    }
}

#[tokio::test]
async fn bodies_over_the_servers_limit_are_413_and_name_it() {
    let (app, runs) = application();
    let server = TestServer::of(app, Config::new().max_body(5)).await;
    for kind in [JSON, FORM, "", "Content-Type: multipart/form-data; boundary=x\r\n"] {
        for body in
            ["Content-Length: 6\r\n\r\n123456", "Transfer-Encoding: chunked\r\n\r\n6\r\n123456\r\n0\r\n\r\n"]
        {
            let path = if kind.is_empty() { "/read" } else { "/parsed" };
            let answer = server.ask(post(path, &format!("{kind}{body}"))).await;
            assert_eq!(statuses(&answer), [413], "{kind}{body}: {answer}");
            assert!(answer.contains("max_body"), "{answer}");
        }
    }
    assert_eq!(runs.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn slow_bodies_are_408() {
    let (app, runs) = application();
    let server = TestServer::of(app, Config::new().body_timeout(Duration::from_millis(100))).await;
    for (path, kind) in
        [("/parsed", JSON), ("/parsed", FORM), ("/parsed", "Content-Type: text/plain\r\n"), ("/read", "")]
    {
        let mut client = server.connect().await;
        client.send(post(path, &format!("{kind}Content-Length: 10\r\n\r\na=1"))).await;
        let answer = client.rest().await;
        assert_eq!(statuses(&answer), [408], "{path} {kind}: {answer}");
        assert!(answer.contains("body_timeout"), "{answer}");
    }
    assert_eq!(runs.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_truncated_body_is_never_taken_for_a_whole_one() {
    let (app, runs) = application();
    let server = TestServer::of(app, Config::new()).await;
    for kind in
        [JSON, FORM, "Content-Type: text/plain\r\n", "Content-Type: multipart/form-data; boundary=x\r\n"]
    {
        for body in [
            "Content-Length: 10\r\n\r\n[1]",
            "Content-Length: 10\r\n\r\n--x--\r\n",
            "Transfer-Encoding: chunked\r\n\r\n3\r\n[1]\r\n",
        ] {
            let path = if kind.contains("plain") { "/read" } else { "/parsed" };
            let answer = server.ask(post(path, &format!("{kind}{body}"))).await;
            assert_eq!(statuses(&answer), [400], "{kind}{body}: {answer}");
            assert!(answer.contains("Connection: close"), "{answer}");
        }
    }
    assert_eq!(runs.load(Ordering::Relaxed), 0);
}

/// RFC 9110, section 10.1.1: 100 only where the body is wanted.
#[tokio::test]
async fn continue_is_sent_for_bodies_that_are_read() {
    let server = server(Config::new()).await;
    let expect = "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n";
    let mut client = server.connect().await;
    client.send(post("/parsed", &format!("{JSON}{expect}"))).await;
    client.until("HTTP/1.1 100 Continue\r\n\r\n").await;
    client.send("[1]").await;
    assert_eq!(statuses(&client.until("Number(1)").await), [200]);
    for path in ["/private", "/nowhere"] {
        let answer = server.ask(post(path, &format!("{JSON}{expect}"))).await;
        assert!(matches!(statuses(&answer)[..], [403 | 404]), "{answer}");
    }
}

#[tokio::test]
async fn a_declined_request_closes_the_connection_without_a_word() {
    let server = server(Config::new()).await;
    assert_eq!(server.ask([get("/declined", ""), get("/", "")].concat()).await, "");
    assert_eq!(server.ask(post("/declined", "Content-Length: 3\r\n\r\nabc")).await, "");
}

#[tokio::test]
async fn heads_over_the_limits_never_reach_the_application() {
    let server = server(Config::new().max_request_line(9000)).await;
    let long = get(&format!("/{}", "a".repeat(10_000)), "");
    assert_eq!(statuses(&server.ask(long).await), [414]);
    assert_eq!(statuses(&server.ask(get("/", &"X: 1\r\n".repeat(101))).await), [431]);
    assert_eq!(statuses(&server.ask(get("/", &format!("X: {}\r\n", "a".repeat(70_000)))).await), [431]);
}

/// An application reads what a trusted proxy says of its client from its request as of any client.
#[tokio::test]
async fn a_proxy_names_the_client_of_an_application() {
    let mut app = Application::new("application");
    let seen = |req: Request| -> Result<_> {
        Ok(format!("{:?} {} {}", req.remote_addr(), req.scheme(), req.construct_url("/x")?))
    };
    app.route("/", METHOD_GET, seen).unwrap();
    let fields = "X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Port: 8443\r\n";
    for (config, expected) in [
        (Config::new(), "Some(\"192.0.2.7\") https https://a.example:8443/x"),
        (Config::new().trusted_proxies([]), "Some(\"127.0.0.1\") http http://a.example/x"),
    ] {
        let server = TestServer::of(app.clone(), config).await;
        let answer = server.ask(get("/", fields)).await;
        assert!(answer.ends_with(expected), "{answer}");
    }
}
