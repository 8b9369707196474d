//! Hooks before and after handlers.

use std::sync::{Arc, Mutex};

use poorwsgi::state::{METHOD_ALL, METHOD_GET};
use poorwsgi::{Application, HttpError, IntoResponse, Request, Response, Result, abort};

use crate::client::{get, get_with, page};

type Log = Arc<Mutex<Vec<String>>>;

fn note(log: &Log, line: &str) -> impl Fn() + Clone + Send + Sync + 'static {
    let (log, line) = (Arc::clone(log), line.to_owned());
    move || log.lock().unwrap().push(line.clone())
}

#[tokio::test]
async fn hooks_run_in_order_around_the_handler() {
    let log = Log::default();
    let mut app = Application::new("order");
    let (handler, one, two, three, four) = (
        note(&log, "handler"),
        note(&log, "before 1"),
        note(&log, "before 2"),
        note(&log, "after 1"),
        note(&log, "after 2"),
    );
    app.route("/", METHOD_GET, move |_req: Request| handler()).unwrap();
    app.before_response(move |_req: Request| one());
    app.before_response(move |_req: Request| {
        let two = two.clone();
        async move { two() }
    });
    app.after_response(move |_req: Request, response: Response| {
        three();
        response
    });
    app.after_response(move |_req: Request, response: Response| {
        four();
        async { response }
    });
    get(&app, "/").await.expect(204, "");
    assert_eq!(*log.lock().unwrap(), ["before 1", "before 2", "handler", "after 1", "after 2"]);
    log.lock().unwrap().clear();
    assert_eq!(get(&app, "/nowhere").await.status, 404);
    assert_eq!(*log.lock().unwrap(), ["before 1", "before 2", "after 1", "after 2"]);
}

#[derive(Clone)]
struct Database(&'static str);

async fn attach(req: Request) -> Result<()> {
    req.insert(Database("orders"));
    if let Some(user) = req.headers().get("x-user") {
        req.set_user(user.to_str()?);
    }
    Ok(())
}

#[tokio::test]
async fn what_a_hook_attaches_the_handler_and_the_after_hook_get() {
    let mut app = Application::new("attach");
    app.before_response(attach);
    app.route("/", METHOD_GET, async |req: Request| {
        req.insert(7_u8);
        format!("{:?} {:?}", req.get::<Database>().map(|database| database.0), req.user())
    })
    .unwrap();
    app.after_response(async |req: Request, response: Response| {
        response.with_header("X-Attached", req.get::<u8>().unwrap_or(0).to_string())
    });
    let answer = get_with(&app, "/", &[("x-user", "ann")]).await;
    answer.expect(200, r#"Some("orders") Some("ann")"#);
    assert_eq!(answer.header("x-attached"), Some("7"));
    get(&app, "/").await.expect(200, r#"Some("orders") None"#);
    assert_eq!(get(&app, "/nowhere").await.header("x-attached"), Some("0"));
}

#[tokio::test]
async fn extensions_of_the_server_are_found_too() {
    let mut app = Application::new("extensions");
    app.route("/", METHOD_GET, |req: Request| format!("{:?}", req.get::<u32>())).unwrap();
    let request = http::Request::builder().extension(5_u32).body(poorwsgi::Body::empty()).unwrap();
    crate::client::send(&app, request).await.expect(200, "Some(5)");
}

#[tokio::test]
async fn a_before_hook_ends_a_request_by_an_error_or_a_response() {
    let mut app = page("never");
    app.before_response(async |req: Request| -> Result<()> {
        match req.headers().get("x-end").map(http::HeaderValue::as_bytes) {
            Some(b"status") => abort(403),
            Some(b"detail") => abort(HttpError::bad_request("what is that?")),
            Some(b"response") => abort(Response::text("instead")),
            _ => Ok(()),
        }
    });
    get(&app, "/").await.expect(200, "never");
    assert_eq!(get_with(&app, "/", &[("x-end", "status")]).await.status, 403);
    get_with(&app, "/", &[("x-end", "detail")]).await.expect_page(400, "what is that?");
    get_with(&app, "/", &[("x-end", "response")]).await.expect(200, "instead");
}

#[tokio::test]
async fn an_after_hook_replaces_even_error_pages_and_may_fail() {
    let mut app = page("page");
    app.after_response(|_req: Request, response: Response| -> Result<Response> {
        match response.status() {
            200 => ("replaced", "text/plain", ("X-A", "1"), 201).into_response(),
            _ => Err(std::io::Error::other("a hook that fails").into()),
        }
    });
    get(&app, "/").await.expect(201, "replaced");
    assert_eq!(get(&app, "/nowhere").await.status, 500);
    app.error_handler::<std::io::Error, _>(METHOD_ALL, |_req: Request, error: std::io::Error| {
        error.to_string()
    });
    get(&app, "/nowhere").await.expect(200, "a hook that fails");
}
