//! What can be a handler, and what it may return.

use std::borrow::Cow;
use std::convert::Infallible;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use poorwsgi::headers::Headers;
use poorwsgi::response::iter;
use poorwsgi::state::{METHOD_GET, METHOD_GET_POST};
use poorwsgi::{Application, Body, IntoResponse, Request, Response, Result};
use serde_json::json;

use crate::client::{ask, get, page};

async fn asynchronous(req: Request) -> Result<String> {
    tokio::task::yield_now().await;
    Ok(format!("async {}", req.path()))
}

fn plain(req: Request) -> Result<String> {
    Ok(format!("plain {}", req.path()))
}

#[tokio::test]
async fn functions_and_closures_of_both_kinds_are_handlers() {
    let greeting = String::from("hello");
    let captured = greeting.clone();
    let mut app = Application::new("handlers");
    app.route("/async", METHOD_GET, asynchronous).unwrap();
    app.route("/plain", METHOD_GET, plain).unwrap();
    app.route("/closure", METHOD_GET, move |_req: Request| greeting.clone()).unwrap();
    app.route("/async-closure", METHOD_GET, async |req: Request| format!("async {}", req.path())).unwrap();
    app.route("/async-move", METHOD_GET, move |_req: Request| {
        let captured = captured.clone();
        async move { captured }
    })
    .unwrap();
    app.default(METHOD_GET_POST, async |_req: Request| "default");
    for (path, text) in [
        ("/async", "async /async"),
        ("/plain", "plain /plain"),
        ("/closure", "hello"),
        ("/async-closure", "async /async-closure"),
        ("/async-move", "hello"),
        ("/anything", "default"),
    ] {
        get(&app, path).await.expect(200, text);
    }
}

async fn answer(value: impl IntoResponse + Clone + Send + Sync + 'static) -> (u16, String, String) {
    let answer = get(&page(value), "/").await;
    let content_type = answer.header(CONTENT_TYPE.as_str()).unwrap_or_default();
    (answer.status, content_type.to_owned(), answer.text().to_owned())
}

fn expected(status: u16, content_type: &str, text: &str) -> (u16, String, String) {
    (status, content_type.to_owned(), text.to_owned())
}

#[tokio::test]
async fn every_kind_of_value_becomes_its_response() {
    let html = |text| expected(200, "text/html; charset=utf-8", text);
    assert_eq!(answer("text").await, html("text"));
    assert_eq!(answer(String::from("text")).await, html("text"));
    assert_eq!(answer(Cow::Borrowed("text")).await, html("text"));
    assert_eq!(answer(&b"text"[..]).await, html("text"));
    assert_eq!(answer(b"text".to_vec()).await, html("text"));
    assert_eq!(answer(Bytes::from("text")).await, html("text"));
    assert_eq!(answer(Some("text")).await, html("text"));
    assert_eq!(answer(Ok::<_, Infallible>("text")).await, html("text"));
    assert_eq!(answer(()).await, expected(204, "", ""));
    assert_eq!(answer(None::<String>).await, expected(204, "", ""));
    assert_eq!(answer(Ok::<_, Infallible>(())).await, expected(204, "", ""));
    assert_eq!(answer(json!([])).await, expected(200, "application/json; charset=utf-8", "[]"));
    assert_eq!(answer(("text", "text/plain")).await, expected(200, "text/plain", "text"));
    assert_eq!(answer((json!({}), "", ("X-A", "1"))).await.2, "{}");
    assert_eq!(
        answer(("text", "text/plain", Headers::new(), 201)).await,
        expected(201, "text/plain", "text")
    );
}

#[tokio::test]
async fn responses_that_cannot_be_cloned_are_answers_too() {
    let mut app = Application::new("bodies");
    app.route("/body", METHOD_GET, |_req: Request| Body::from("bytes")).unwrap();
    app.route("/response", METHOD_GET, |_req: Request| Response::text("text")).unwrap();
    app.route("/stream", METHOD_GET, async |_req: Request| {
        Response::text_stream(iter(["a", "b"].map(Ok::<_, Infallible>)))
    })
    .unwrap();
    app.route("/reader", METHOD_GET, |_req: Request| Response::reader(&b"read"[..])).unwrap();
    app.route("/array", METHOD_GET, |_req: Request| {
        Response::json_stream(iter([1, 2].map(Ok::<_, Infallible>)))
    })
    .unwrap();
    for (path, text) in [
        ("/body", "bytes"),
        ("/response", "text"),
        ("/stream", "ab"),
        ("/reader", "read"),
        ("/array", "[1,2]"),
    ] {
        get(&app, path).await.expect(200, text);
    }
}

#[tokio::test]
async fn a_value_that_is_no_response_is_500() {
    get(&page(("text", "", [("X-A", "a\r\nB: c")])), "/").await.expect_page(500, "Internal Server Error");
    assert_eq!(get(&page(("text", "", (), 99)), "/").await.status, 500);
}

/// PoorWSGI 2.8.1 handles an unknown method as GET.
#[tokio::test]
async fn an_unknown_method_is_501() {
    assert_eq!(ask(&page("x"), "BREW", "/").await.status, 501);
    assert_eq!(ask(&page("x"), "get", "/").await.status, 501);
}

/// As in PoorWSGI, a path that is not UTF-8 is a 400.
#[tokio::test]
async fn a_path_that_is_not_utf8_is_400() {
    get(&page("x"), "/%ff").await.expect_page(400, "UTF-8");
}

/// RFC 9110, section 15.5.6.
#[tokio::test]
async fn another_method_is_405_with_allow() {
    let answer = ask(&page("x"), "DELETE", "/").await;
    assert_eq!((answer.status, answer.header("allow")), (405, Some("HEAD, GET")));
}
