//! What is registered can be removed, and a clone is an application of its own.

use poorwsgi::routing::RouteErrorKind::{Taken, Unreachable};
use poorwsgi::state::{METHOD_ALL, METHOD_GET, METHOD_GET_POST, METHOD_POST, Method};
use poorwsgi::{Application, Request, Response, Result};
use tower::ServiceExt;

use crate::client::{ask, get};

async fn stamp(req: Request) {
    req.insert("stamped");
}

fn sign(_req: Request, response: Response) -> Result<Response> {
    Ok(response.with_header("X-Signed", "yes")?)
}

fn hello(req: Request) -> String {
    format!("hello {:?}", req.get::<&str>())
}

#[tokio::test]
async fn routes_are_removed_method_by_method() {
    let mut app = Application::new("pop");
    app.route("/", METHOD_GET_POST, hello).unwrap();
    app.route("/<id:int>", METHOD_GET, hello).unwrap();
    app.regular_route("/re$", METHOD_GET, hello).unwrap();
    app.default(METHOD_GET, hello);
    assert!(app.pop_route("/", Method::Get) && !app.pop_route("/", Method::Get));
    assert_eq!(get(&app, "/").await.status, 405);
    assert_eq!(ask(&app, "POST", "/").await.status, 200);
    assert!(app.pop_default(Method::Get) && !app.pop_default(Method::Get));
    for path in ["/1", "/re"] {
        assert_eq!(get(&app, path).await.status, 200);
    }
    assert!(app.pop_route("/<id:int>", Method::Get) && !app.pop_route("/<id:int>", Method::Get));
    assert!(app.pop_regular_route("/re$", Method::Get) && !app.pop_regular_route("/re$", Method::Get));
    for path in ["/1", "/re"] {
        assert_eq!(get(&app, path).await.status, 404);
    }
}

/// PoorWSGI 2.8.1's `pop_after_response` looks in the wrong list.
#[tokio::test]
async fn hooks_are_removed_by_their_function() {
    let mut app = Application::new("hooks");
    app.route("/", METHOD_GET, hello).unwrap();
    let closure = |req: Request| req.insert("by a closure");
    app.before_response(stamp).before_response(closure).after_response(sign);
    let answer = get(&app, "/").await;
    answer.expect(200, r#"hello Some("by a closure")"#);
    assert_eq!(answer.header("x-signed"), Some("yes"));
    assert!(app.pop_before_response(closure) && !app.pop_before_response(closure));
    assert!(!app.pop_before_response(|req: Request| req.insert("another closure")));
    get(&app, "/").await.expect(200, r#"hello Some("stamped")"#);
    assert!(app.pop_before_response(stamp) && app.pop_after_response(sign) && !app.pop_after_response(sign));
    let answer = get(&app, "/").await;
    answer.expect(200, "hello None");
    assert_eq!(answer.header("x-signed"), None);
}

#[tokio::test]
async fn state_and_error_handlers_are_removed() {
    let mut app = Application::new("states");
    app.route("/", METHOD_GET, |_req: Request| Err::<(), _>(std::fmt::Error)).unwrap();
    app.http_state(404, METHOD_ALL, |_req: Request, _error| "state");
    app.error_handler::<std::fmt::Error, _>(METHOD_ALL, |_req: Request, _: std::fmt::Error| "error");
    get(&app, "/").await.expect(200, "error");
    get(&app, "/nowhere").await.expect(200, "state");
    assert!(app.pop_error_handler::<std::fmt::Error>(Method::Get) && app.pop_http_state(404, Method::Get));
    assert!(!app.pop_error_handler::<std::fmt::Error>(Method::Get) && !app.pop_http_state(404, Method::Get));
    assert_eq!(get(&app, "/").await.status, 500);
    get(&app, "/nowhere").await.expect_page(404, "class=\"status\"");
}

#[tokio::test]
async fn a_clone_changes_alone() {
    let mut app = Application::new("one");
    app.route("/", METHOD_GET, hello).unwrap();
    let mut other = app.clone();
    other.route("/other", METHOD_GET, hello).unwrap();
    other.settings_mut().debug = true;
    other.after_response(sign);
    assert_eq!((get(&app, "/other").await.status, get(&other, "/other").await.status), (404, 200));
    assert_eq!((get(&app, "/").await.header("x-signed"), app.settings().debug), (None, false));
    app.pop_route("/", Method::Get);
    assert_eq!((get(&app, "/").await.status, get(&other, "/").await.status), (404, 200));
}

/// The error of an invalid rule says what would be valid.
#[test]
fn a_wrong_rule_names_what_is_known() {
    let mut app = Application::new("rules");
    let error = app.route("/user/<name:wrod>", METHOD_GET, hello).unwrap_err().to_string();
    assert!(error.contains("/user/<name:wrod>") && error.contains(":word"), "{error}");
    assert!(
        app.mount(
            "api",
            tower::service_fn(async |_: http::Request<poorwsgi::Body>| Ok::<_, std::fmt::Error>(
                http::Response::new(String::new())
            ))
        )
        .is_err()
    );
}

#[tokio::test]
async fn an_application_is_a_tower_service() {
    let mut app = Application::new("tower");
    app.route("/", METHOD_GET, hello).unwrap();
    let request = http::Request::new(http_body_util::Empty::<bytes::Bytes>::new());
    assert_eq!(app.oneshot(request).await.unwrap().status(), 200);
}

/// What no request reaches, and what would replace another handler, is said where it is set.
#[test]
fn wrong_rules_are_errors() {
    let mut app = Application::new("rules");
    app.route("/a", METHOD_GET, || "a").unwrap();
    app.route("/u/<id:int>", METHOD_GET, || "u").unwrap();
    for (rule, kind, says) in [
        ("/u/{id}", Unreachable, "a group is written <id> or <id:word>"),
        ("/u/{id:int}", Unreachable, "a group is written <id>"),
        ("u", Unreachable, "write \"/u\""),
        ("/a", Taken, "GET has a handler already"),
        ("/u/<id:int>", Taken, "GET has a handler already"),
    ] {
        let error = app.route(rule, METHOD_GET, || "b").unwrap_err();
        assert_eq!(error.kind(), kind, "{rule}");
        assert!(error.to_string().contains(says), "{error}");
    }
    assert!(app.route("/a", METHOD_POST, || "b").is_ok(), "another method");
    assert!(app.pop_route("/a", Method::Get));
    assert!(app.route("/a", METHOD_GET, || "b").is_ok());
}
