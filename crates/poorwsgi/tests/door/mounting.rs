//! Tower services mounted in an application, and an application mounted in other services.

use std::convert::Infallible;

use axum::Router;
use axum::extract::Request as AxumRequest;
use axum::routing::{get as axum_get, post as axum_post};
use http_body_util::BodyExt;
use poorwsgi::response::iter;
use poorwsgi::routing::RouteErrorKind;
use poorwsgi::state::{METHOD_ALL, METHOD_GET, METHOD_POST};
use poorwsgi::{Application, Body, BoxError, Request, Response, Result};
use tower::ServiceExt;

use crate::client::{ask, get, get_with, post};

#[derive(Clone)]
struct User(String);

async fn seen(request: http::Request<Body>) -> Result<http::Response<String>, Infallible> {
    let user = request.extensions().get::<User>().map(|user| user.0.as_str());
    Ok(http::Response::new(format!("{} {} {user:?}", request.method(), request.uri())))
}

fn application() -> Application {
    let mut app = Application::new("outer");
    app.mount("/api", tower::service_fn(seen)).unwrap();
    app.before_response(|req: Request| -> Result<()> {
        if req.path().ends_with("/forbidden") {
            return poorwsgi::abort(403);
        }
        req.insert(User("ann".into()));
        Ok(())
    });
    app.after_response(|req: Request, response: Response| {
        response.with_header("X-Rule", req.rule().unwrap_or_default())
    });
    app
}

#[tokio::test]
async fn a_mounted_service_sees_the_rest_of_the_path_and_the_query() {
    let app = application();
    for (target, below) in [
        ("/api", "/"),
        ("/api/", "/"),
        ("/api?x=1", "/?x=1"),
        ("/api/user/7?x=1&y=%20", "/user/7?x=1&y=%20"),
        ("/api//a", "//a"),
        ("/api/%61?x", "/%61?x"),
        ("/%61pi/x", "/x"),
        ("/ap%69", "/"),
        ("/api%2Fx", "/x"),
    ] {
        let answer = get(&app, target).await;
        answer.expect(200, &format!("GET {below} Some(\"ann\")"));
        assert_eq!(answer.header("x-rule"), Some("/api/*"));
    }
    ask(&app, "DELETE", "/api/x").await.expect(200, "DELETE /x Some(\"ann\")");
    ask(&app, "PROPFIND", "/api/x").await.expect(200, "PROPFIND /x Some(\"ann\")");
    assert_eq!(ask(&app, "PROPFIND", "/apix").await.status, 501);
    assert_eq!(get(&app, "/api/forbidden").await.status, 403);
    for target in ["/apix", "/apix/y", "/ap", "/x/api/y", "/API/x"] {
        assert_eq!(get(&app, target).await.status, 404, "{target}");
    }
}

/// The body belongs to the mounted service, whatever its type: nothing of it is read ahead.
#[tokio::test]
async fn the_body_of_a_mounted_service_streams() {
    let mut app = Application::new("outer");
    let echo = |request: http::Request<Body>| async move {
        Ok::<_, Infallible>(http::Response::new(request.into_body()))
    };
    app.mount("/echo", tower::service_fn(echo)).unwrap();
    for content_type in [
        "application/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "text/plain",
    ] {
        post(&app, "/echo", content_type, "{not parsed").await.expect(200, "{not parsed");
        let pieces = Body::stream(iter(["a", "b", "c"].map(Ok::<_, BoxError>)));
        post(&app, "/echo", content_type, pieces).await.expect(200, "abc");
    }
    let endless = Body::stream(iter(std::iter::repeat_with(|| Ok::<_, BoxError>("piece"))));
    let request = http::Request::post("/echo").header("transfer-encoding", "chunked").body(endless).unwrap();
    let mut body = app.handle(request).await.into_body();
    for _ in 0..10 {
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "piece");
    }
}

#[tokio::test]
async fn a_mounted_service_that_fails_is_an_error_like_any_other() {
    let mut app = Application::new("outer");
    let failing = |_: http::Request<Body>| async { Err::<http::Response<String>, _>(std::fmt::Error) };
    app.mount("/fails", tower::service_fn(failing)).unwrap();
    assert_eq!(get(&app, "/fails").await.status, 500);
    app.error_handler::<std::fmt::Error, _>(METHOD_ALL, |_req: Request, _: std::fmt::Error| "handled");
    get(&app, "/fails").await.expect(200, "handled");
}

#[tokio::test]
async fn an_axum_router_is_mounted() {
    let router: Router = Router::new()
        .route(
            "/hello/{name}",
            axum_get(|path: axum::extract::Path<String>| async move { format!("hello {}", path.0) }),
        )
        .route(
            "/sum",
            axum_post(|body: axum::Json<Vec<i32>>| async move { body.0.iter().sum::<i32>().to_string() }),
        );
    let mut app = Application::new("outer");
    app.mount("/axum", router.map_request(|request: http::Request<Body>| request.map(axum::body::Body::new)))
        .unwrap();
    app.after_response(|_req: Request, response: Response| response.with_header("X-Outer", "yes"));
    let answer = get(&app, "/axum/hello/ann").await;
    answer.expect(200, "hello ann");
    assert_eq!(answer.header("x-outer"), Some("yes"));
    let head = ask(&app, "HEAD", "/axum/hello/ann").await;
    head.expect(200, "");
    assert_eq!(head.header("content-length"), Some("9"));
    post(&app, "/axum/sum", "application/json", "[1, 2, 3]").await.expect(200, "6");
    assert_eq!(get(&app, "/axum/nowhere").await.status, 404);
}

#[tokio::test]
async fn ours_is_nested_in_axum() {
    let mut app = Application::new("inner");
    app.route("/hello/<name>", METHOD_GET, |req: Request| -> Result<_> {
        Ok(format!("hello {} at {}", req.path_arg::<&str>("name")?, req.path()))
    })
    .unwrap();
    app.route("/sum", METHOD_POST, |req: Request| format!("{:?}", req.json())).unwrap();
    let router: Router = Router::new().nest_service("/poor", app.clone()).fallback_service(app);
    let ask = async |request: AxumRequest| {
        let response = router.clone().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        (
            status,
            String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap(),
        )
    };
    let get = |target: &str| http::Request::get(target).body(axum::body::Body::empty()).unwrap();
    assert_eq!(ask(get("/poor/hello/ann")).await, (200, "hello ann at /hello/ann".into()));
    assert_eq!(ask(get("/hello/bob")).await.1, "hello bob at /hello/bob");
    assert_eq!(ask(get("/poor/nowhere")).await.0, 404);
    let sum = http::Request::post("/poor/sum")
        .header("content-type", "application/json")
        .header("content-length", "3")
        .body(axum::body::Body::from("[1]"))
        .unwrap();
    assert_eq!(ask(sum).await.1, "Some(Array [Number(1)])");
}

#[test]
fn prefixes_that_cannot_be() {
    let mut app = application();
    for prefix in ["", "/", "x", "/x/", "/user/<name>", "/api"] {
        let error = app.mount(prefix, tower::service_fn(seen)).unwrap_err();
        assert_eq!((error.kind(), error.rule()), (RouteErrorKind::Prefix, prefix));
    }
}

#[tokio::test]
async fn an_application_knows_where_it_is_mounted() {
    let mut inner = Application::new("inner");
    inner.route("/url", METHOD_GET, |req: Request| req.construct_url("/page").unwrap()).unwrap();
    inner.route("/leave", METHOD_GET, |_req: Request| Response::redirect("/page", 302).unwrap()).unwrap();
    let mut middle = Application::new("middle");
    middle.mount("/b", inner).unwrap();
    let mut outer = Application::new("outer");
    outer.mount("/a", middle).unwrap();
    get(&outer, "/a/b/url").await.expect(200, "http://a.example/a/b/page");
    assert_eq!(get(&outer, "/a/b/leave").await.header("location"), Some("/a/b/page"));
}

#[tokio::test]
async fn ours_is_mounted_in_ours() {
    let mut inner = Application::new("inner");
    inner
        .route("/page", METHOD_GET, |req: Request| format!("{:?}", req.get::<User>().map(|user| user.0)))
        .unwrap();
    let mut outer = application();
    outer.mount("/inner", inner).unwrap();
    get_with(&outer, "/inner/page", &[]).await.expect(200, "Some(\"ann\")");
    assert_eq!(get(&outer, "/inner/other").await.status, 404);
}
