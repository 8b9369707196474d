//! What an application answers, with the built-in pages and without.
#![allow(clippy::unwrap_used)]

use std::thread;
use std::time::{Duration, Instant};

use http_body_util::BodyExt;
use poorwsgi::{Application, Body, Request, abort, state};

async fn answered(app: &Application, path: &str) -> (u16, String, String) {
    let request = http::Request::get(path).body(Body::empty()).unwrap();
    let response = app.handle(request).await;
    let field =
        response.headers().get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (status, content_type) = (response.status().as_u16(), field.to_owned());
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, content_type, String::from_utf8_lossy(&body).into_owned())
}

fn application() -> Application {
    let mut app = Application::new("small");
    app.route("/", state::METHOD_GET, async |_: Request| "Hello world").unwrap();
    app.route("/gone", state::METHOD_GET, async |_: Request| -> poorwsgi::Result<()> { abort(410) }).unwrap();
    app
}

#[tokio::test]
async fn an_error_is_a_page_or_a_line_of_text() {
    let app = application();
    assert_eq!(answered(&app, "/").await.2, "Hello world");
    for (path, status) in [("/gone", 410), ("/nowhere", 404)] {
        let (answered, content_type, text) = answered(&app, path).await;
        let reason = state::reason(status).unwrap();
        assert_eq!(answered, status);
        if cfg!(feature = "pages") {
            assert_eq!(content_type, "text/html; charset=utf-8");
            assert!(text.contains(&format!("<title>{status} {reason}</title>")), "{text}");
        } else {
            assert_eq!(content_type, "text/plain; charset=utf-8");
            assert_eq!(text, format!("{status} {reason}\n"));
        }
    }
}

/// RFC 9457, with the built-in pages and without.
#[tokio::test]
async fn an_error_is_a_problem_for_clients_that_prefer_json() {
    let request =
        http::Request::get("/gone").header("accept", "application/json").body(Body::empty()).unwrap();
    let response = application().handle(request).await;
    assert_eq!(
        (response.status().as_u16(), &response.headers()["content-type"]),
        (410, &"application/problem+json".parse().unwrap())
    );
}

/// Without the built-in pages, directories are not listed and there is no debug page.
#[tokio::test]
async fn directories_and_the_debug_page_need_the_pages() {
    let folder = tempfile::tempdir().unwrap();
    let mut app = application();
    app.settings_mut().document_root = Some(folder.path().into());
    app.settings_mut().document_index = true;
    app.settings_mut().debug = true;
    app.pop_route("/", state::Method::Get);
    let listed = if cfg!(feature = "pages") { 200 } else { 403 };
    assert_eq!(answered(&app, "/").await.0, listed);
    let shown = if cfg!(feature = "pages") { 200 } else { 404 };
    assert_eq!(answered(&app, "/debug-info").await.0, shown);
}

/// Without the feature `inlining`, plain handlers may block just the same, and are never called inline; nor are they on
/// a runtime of one thread.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plain_handler_may_block() {
    const NAP: Duration = Duration::from_millis(300);
    let own = thread::current().id();
    let mut app = application();
    app.route("/nap", state::METHOD_GET, || {
        thread::sleep(NAP);
        "slept"
    })
    .unwrap();
    app.route("/brief", state::METHOD_GET, move || (thread::current().id() == own).to_string()).unwrap();
    let begun = Instant::now();
    let sleepers = (0..3).map(|_| {
        let app = app.clone();
        tokio::spawn(async move { answered(&app, "/nap").await.2 })
    });
    let sleepers: Vec<_> = sleepers.collect();
    tokio::task::yield_now().await;
    let mut inline = 0;
    for _ in 0..200 {
        assert_eq!(answered(&app, "/").await.2, "Hello world");
        inline += usize::from(answered(&app, "/brief").await.2 == "true");
    }
    assert!(begun.elapsed() < NAP, "{:?}", begun.elapsed());
    assert_eq!(inline > 0, cfg!(feature = "inlining"), "{inline} calls were made inline");
    for sleeper in sleepers {
        assert_eq!(sleeper.await.unwrap(), "slept");
    }
}
