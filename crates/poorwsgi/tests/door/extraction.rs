//! Arguments of handlers by type.

use std::collections::HashMap;

use bytes::Bytes;
use http::{HeaderMap, Method, Uri};
use poorwsgi::extract::{FromRequest, FromRequestParts, Path, Query, State, User};
use poorwsgi::response::iter;
use poorwsgi::state::{METHOD_ALL, METHOD_GET, METHOD_POST};
use poorwsgi::testing::Client;
use poorwsgi::{Application, Body, BoxError, Form, HttpError, Json, Request, Result};
use serde::Deserialize;
use serde_json::json;

use crate::client::{get, post};

const URLENCODED: &str = "application/x-www-form-urlencoded";

#[derive(Debug, Deserialize, PartialEq)]
struct Order {
    article: String,
    pieces: u32,
    #[serde(default)]
    tag: Vec<String>,
    note: Option<String>,
}

#[tokio::test]
async fn functions_have_up_to_eight_arguments() {
    let mut app = Application::new("arity");
    app.with_state(7_u8);
    app.route("/0", METHOD_GET, || "none").unwrap();
    app.route("/0/async", METHOD_GET, async || "none").unwrap();
    app.route("/8/<id:int>", METHOD_GET, eight).unwrap();
    app.route("/8/async/<id:int>", METHOD_GET, eight_async).unwrap();
    let client = Client::new(app);
    for path in ["/0", "/0/async"] {
        assert_eq!(client.get(path).send().await.text(), "none");
    }
    for path in ["/8/5?a=1", "/8/async/5?a=1"] {
        let text = format!("GET {path} 5 1 7 true None {}", &path[..path.len() - 4]);
        assert_eq!(client.get(path).send().await.text(), text);
    }
}

#[expect(clippy::too_many_arguments, reason = "the most that there may be")]
fn eight(
    method: Method,
    uri: Uri,
    Path(id): Path<u8>,
    Query(query): Query<HashMap<String, String>>,
    State(number): State<u8>,
    headers: HeaderMap,
    user: Option<User>,
    req: Request,
) -> String {
    let (a, host) = (&query["a"], headers.contains_key("host"));
    format!("{method} {uri} {id} {a} {number} {host} {user:?} {}", req.path())
}

#[expect(clippy::too_many_arguments, reason = "the most that there may be")]
async fn eight_async(
    method: Method,
    uri: Uri,
    path: Path<u8>,
    query: Query<HashMap<String, String>>,
    number: State<u8>,
    headers: HeaderMap,
    user: Option<User>,
    body: Result<Json<u8>, HttpError>,
) -> String {
    assert_eq!(body.unwrap_err().status(), 415);
    let (a, host) = (&query["a"], headers.contains_key("host"));
    format!("{method} {uri} {} {a} {} {host} {user:?} {}", *path, *number, uri.path())
}

#[tokio::test]
async fn a_path_argument_that_does_not_fit_is_404_and_a_wrong_rule_500() {
    #[derive(Deserialize)]
    struct Day {
        month: u8,
        year: u16,
    }
    let mut app = Application::new("paths");
    app.route("/one/<id:int>", METHOD_GET, |Path(id): Path<u8>| id.to_string()).unwrap();
    app.route("/two/<a>/<b>", METHOD_GET, async |Path((a, b)): Path<(String, char)>| format!("{a} {b}"))
        .unwrap();
    app.route("/day/<year:int>/<month:int>", METHOD_GET, |Path(day): Path<Day>| {
        format!("{} {}", day.month, day.year)
    })
    .unwrap();
    app.route("/all/<a>/<b>", METHOD_GET, |Path(all): Path<Vec<String>>| all.join(" ")).unwrap();
    app.route("/short/<a>", METHOD_GET, |Path(_): Path<(String, String)>| "never").unwrap();
    app.route("/long/<a>/<b>", METHOD_GET, |Path(_): Path<String>| "never").unwrap();
    app.route("/names/<a>/<b>", METHOD_GET, |Path(_): Path<Day>| "never").unwrap();
    app.route("/none", METHOD_GET, |path: Option<Path<String>>| format!("{}", path.is_none())).unwrap();
    for (path, text) in [
        ("/one/255", "255"),
        ("/two/x%20y/%C5%BE", "x y ž"),
        ("/day/1999/12", "12 1999"),
        ("/all/a/b", "a b"),
        ("/none", "true"),
    ] {
        get(&app, path).await.expect(200, text);
    }
    for path in ["/one/256", "/one/-1", "/two/x/long", "/day/1999/300", "/day/99999/1"] {
        assert_eq!(get(&app, path).await.status, 404, "{path}");
    }
    app.settings_mut().debug = true;
    for path in ["/short/a", "/long/a/b", "/names/a/b"] {
        get(&app, path).await.expect_page(500, "do not fit");
    }
}

#[tokio::test]
async fn a_query_that_does_not_fit_is_400_and_names_the_argument() {
    let mut app = Application::new("queries");
    app.route("/", METHOD_GET, |Query(order): Query<Order>| format!("{order:?}")).unwrap();
    app.settings_mut().auto_args = false;
    let text = r#"Order { article: "green tea", pieces: 2, tag: ["a", "b"], note: None }"#;
    get(&app, "/?article=green+tea&pieces=2&tag=a&tag=b&note=&other=1").await.expect(200, text);
    get(&app, "/?article=&pieces=1&note=x")
        .await
        .expect(200, r#"Order { article: "", pieces: 1, tag: [], note: Some("x") }"#);
    get(&app, "/?article=tea").await.expect_page(400, "query: pieces: missing");
    get(&app, "/?article=tea&pieces=x").await.expect_page(400, "query: pieces: invalid digit");
    get(&app, "/?article=tea&pieces=1&pieces=2").await.expect_page(400, "pieces: comes 2 times");
    app.settings_mut().form_limits.fields = 2;
    get(&app, "/?article=tea&pieces=1&note=x").await.expect_page(413, "form_limits.fields");
}

#[tokio::test]
async fn a_form_is_read_by_its_type_and_its_limits() {
    let mut app = Application::new("forms");
    app.route("/", METHOD_ALL, async |Form(order): Form<Order>| format!("{order:?}")).unwrap();
    let text = r#"Order { article: "tea", pieces: 2, tag: ["a", "b"], note: None }"#;
    for auto_form in [true, false] {
        app.settings_mut().auto_form = auto_form;
        post(&app, "/", URLENCODED, "article=tea&pieces=2&tag=a&tag=b&note=").await.expect(200, text);
        let part = |name: &str, value: &str| {
            format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
        };
        let multipart = ["article", "pieces", "tag", "tag"].iter().zip(["tea", "2", "a", "b"]);
        let body: String = multipart.map(|(name, value)| part(name, value)).collect();
        post(&app, "/", "multipart/form-data; boundary=x", format!("{body}--x--")).await.expect(200, text);
        get(&app, "/?article=tea&pieces=2&tag=a&tag=b").await.expect(200, text);
        post(&app, "/", URLENCODED, "article=tea").await.expect_page(400, "form: pieces: missing");
        post(&app, "/", "application/json", "{}").await.expect_page(415, "a form is wanted");
        post(&app, "/", URLENCODED, broken()).await.expect_page(400, "could not be read to its end");
    }
    app.settings_mut().form_limits.body_bytes = 5;
    post(&app, "/", URLENCODED, "article=tea").await.expect_page(413, "form_limits.body_bytes");
}

fn broken() -> Body {
    Body::stream(iter([Ok("a=1"), Err(BoxError::from("reset"))]))
}

#[tokio::test]
async fn json_is_read_by_its_type_and_its_limits() {
    let mut app = Application::new("json");
    app.route("/", METHOD_POST, async |Json(order): Json<Order>| Json(json!({ "pieces": order.pieces })))
        .unwrap();
    app.route("/maybe", METHOD_POST, |order: Option<Json<u8>>| {
        format!("{:?}", order.map(|Json(order)| order))
    })
    .unwrap();
    app.route("/caught", METHOD_POST, |order: Result<Json<u8>, HttpError>| {
        order.map_or_else(|error| error.status(), |Json(order)| order.into()).to_string()
    })
    .unwrap();
    let order = r#"{"article": "tea", "pieces": 2}"#;
    for auto_json in [true, false] {
        app.settings_mut().auto_json = auto_json;
        for content_type in
            ["application/json", "application/json; charset=utf-8", "application/problem+json"]
        {
            let answer = post(&app, "/", content_type, order).await;
            answer.expect(200, r#"{"pieces":2}"#);
            assert_eq!(answer.header("content-type"), Some("application/json; charset=utf-8"));
        }
        post(&app, "/", "text/plain", order).await.expect_page(415, "a JSON body is wanted");
        post(&app, "/", "application/json", r#"{"article": "tea"}"#)
            .await
            .expect_page(400, "missing field `pieces`");
        post(&app, "/", "application/json", "{\n \"a\" }").await.expect_page(400, "line 2 column 6");
        post(&app, "/", "application/json", broken()).await.expect_page(400, "could not be read to its end");
        post(&app, "/maybe", "application/json", "3").await.expect(200, "Some(3)");
        post(&app, "/maybe", "application/json", "x").await.expect_page(400, "JSON");
        post(&app, "/caught", "application/json", "x").await.expect(200, "400");
        post(&app, "/caught", "application/json", "7").await.expect(200, "7");
    }
    crate::client::ask(&app, "POST", "/maybe").await.expect(200, "None");
    app.settings_mut().json_size = 5;
    post(&app, "/", "application/json", order).await.expect_page(413, "json_size");
}

#[tokio::test]
async fn a_body_that_the_handler_reads_is_not_read_before() {
    let mut app = Application::new("bodies");
    app.route("/raw", METHOD_POST, |body: Body| body).unwrap();
    app.route("/bytes", METHOD_POST, async |req: Request, body: Bytes| {
        format!("{:?} {}", req.data(), body.len())
    })
    .unwrap();
    app.route("/text", METHOD_POST, |text: String| text.to_uppercase()).unwrap();
    let endless = || Body::stream(iter(std::iter::repeat_with(|| Ok::<_, BoxError>("piece"))));
    for content_type in [URLENCODED, "application/json", "multipart/form-data; boundary=x", "text/plain"] {
        post(&app, "/raw", content_type, "{not parsed").await.expect(200, "{not parsed");
        post(&app, "/bytes", content_type, "{not parsed").await.expect(200, "None 11");
        post(&app, "/text", content_type, "{not parsed").await.expect(200, "{NOT PARSED");
        post(&app, "/text", content_type, endless()).await.expect_page(413, "data_size");
    }
    post(&app, "/text", "text/plain", &b"\xff"[..]).await.expect_page(400, "UTF-8");
    let request =
        http::Request::post("/raw").header("content-type", "application/json").body(endless()).unwrap();
    let mut body = app.handle(request).await.into_body();
    let frame = http_body_util::BodyExt::frame(&mut body).await.unwrap().unwrap();
    assert_eq!(frame.into_data().unwrap(), "piece", "an endless body comes piece by piece");
}

/// What cannot be made goes the way of every status.
#[tokio::test]
async fn rejections_go_to_the_state_handlers() {
    let mut app = Application::new("states");
    app.route("/", METHOD_GET, |Query(_): Query<Order>| "never").unwrap();
    app.http_state(http::StatusCode::BAD_REQUEST, METHOD_ALL, |_req: Request, error: HttpError| {
        error.detail().unwrap_or_default().to_owned()
    });
    get(&app, "/").await.expect(200, "query: article: missing");
}

#[tokio::test]
async fn arguments_are_made_from_left_to_right_and_the_first_error_counts() {
    struct Fails<const STATUS: u16>;
    impl<const STATUS: u16> FromRequestParts for Fails<STATUS> {
        type Rejection = HttpError;

        async fn from_request_parts(_: &Request) -> Result<Self, HttpError> {
            tokio::task::yield_now().await;
            Err(HttpError::new(STATUS))
        }
    }
    let mut app = Application::new("order");
    app.route("/plain", METHOD_POST, |_: Fails<403>, _: Fails<409>, _: Json<u8>| "never").unwrap();
    app.route("/async", METHOD_POST, async |_: Fails<409>, _: Fails<403>| "never").unwrap();
    assert_eq!(post(&app, "/plain", "text/plain", "").await.status, 403);
    assert_eq!(post(&app, "/async", "text/plain", "").await.status, 409);
}

#[tokio::test]
async fn before_hooks_have_arguments_too() {
    let mut app = Application::new("hooks");
    app.with_state("secret");
    app.before_response(
        async |State(secret): State<&'static str>, headers: HeaderMap, req: Request| -> Result<()> {
            match headers.get("x-secret") {
                Some(sent) if sent == secret => req.set_user("ann"),
                _ => return poorwsgi::abort(http::StatusCode::FORBIDDEN),
            }
            Ok(())
        },
    );
    app.route("/", METHOD_GET, |user: User| user.to_string()).unwrap();
    let client = Client::new(app);
    assert_eq!(client.get("/").send().await.status(), 403);
    assert_eq!(client.get("/").header("x-secret", "secret").send().await.text(), "ann");
}

#[tokio::test]
async fn who_is_not_signed_in_is_asked_to() {
    let mut app = Application::new("users");
    app.route("/", METHOD_GET, |user: User| user.to_string()).unwrap();
    app.route("/maybe", METHOD_GET, |user: Option<User>| format!("{user:?}")).unwrap();
    assert_eq!(get(&app, "/").await.status, 401);
    get(&app, "/maybe").await.expect(200, "None");
}

/// An argument of one's own may be made of others, also of those that read the body.
#[tokio::test]
async fn arguments_of_ones_own_are_made_of_others() {
    struct Checked(Order);
    impl FromRequest for Checked {
        type Rejection = HttpError;

        async fn from_request(req: Request) -> Result<Self, HttpError> {
            let Json(order) = Json::<Order>::from_request(req).await?;
            if order.pieces == 0 {
                Err(HttpError::bad_request("one piece at least"))
            } else {
                Ok(Checked(order))
            }
        }
    }
    let mut app = Application::new("own");
    app.route("/", METHOD_POST, |Checked(order): Checked| order.article).unwrap();
    post(&app, "/", "application/json", r#"{"article": "tea", "pieces": 1}"#).await.expect(200, "tea");
    post(&app, "/", "application/json", r#"{"article": "tea", "pieces": 0}"#)
        .await
        .expect_page(400, "one piece");
    // A handler may make one itself, of a body that was read as the settings say.
    app.route("/itself", METHOD_POST, async |req: Request| {
        Json::<Order>::from_request(req).await.map(|Json(o)| o.article)
    })
    .unwrap();
    post(&app, "/itself", "application/json", r#"{"article": "tea", "pieces": 1}"#).await.expect(200, "tea");
}

/// A client's mistake is no failure of the application.
#[tokio::test]
async fn the_clients_mistakes_are_never_logged_as_errors() {
    let mut app = Application::new("mistakes");
    app.settings_mut().json_size = 9;
    app.route("/path/<id:int>", METHOD_GET, |Path(id): Path<u8>| id.to_string()).unwrap();
    app.route("/query", METHOD_GET, |Query(_): Query<Order>| "never").unwrap();
    app.route("/form", METHOD_POST, |Form(_): Form<Order>| "never").unwrap();
    app.route("/json", METHOD_POST, |Json(_): Json<Order>| "never").unwrap();
    // A place that logs is known to each subscriber that comes after its first use.
    get(&app, "/query").await;
    let log = crate::secrets::Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    assert_eq!(get(&app, "/path/256").await.status, 404);
    assert_eq!(get(&app, "/query?pieces=1").await.status, 400);
    assert_eq!(post(&app, "/form", URLENCODED, "pieces=1").await.status, 400);
    assert_eq!(post(&app, "/form", "text/plain", "pieces=1").await.status, 415);
    assert_eq!(post(&app, "/json", "application/json", "{}").await.status, 400);
    assert_eq!(post(&app, "/json", "application/json", "[1, 2, 3, 4, 5]").await.status, 413);
    let log = log.text();
    assert!(!log.contains("ERROR") && !log.contains("WARN"), "{log}");
    assert!(log.contains("query: article: missing") && log.contains("json_size"), "{log}");
}
