//! Applications below a prefix, and layers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use poorwsgi::digest::{Algorithm, PasswordMap, hexdigest};
use poorwsgi::extract::{OriginalUri, State, User};
use poorwsgi::routing::RouteErrorKind;
use poorwsgi::state::{METHOD_ALL, METHOD_GET, METHOD_POST};
use poorwsgi::testing::Client;
use poorwsgi::{Application, Body, Handler, HttpError, Json, Request, Response, Result, abort};
use tower::Layer;
use tower::timeout::TimeoutLayer;
use tower::util::{MapRequestLayer, MapResponseLayer};

use crate::client::{ask, get, post};

fn admin() -> Application {
    let mut app = Application::new("admin");
    app.with_state("of the admin");
    app.settings_mut().json_size = 3;
    app.before_response(|req: Request| -> Result<()> {
        req.insert(7_u8);
        if req.path() == "/forbidden" { abort(403) } else { Ok(()) }
    });
    app.after_response(|_req: Request, response: Response| response.with_header("X-Inner", "yes"));
    app.route("/", METHOD_GET, |State(state): State<&'static str>| state).unwrap();
    app.route("/user/<id:int>", METHOD_GET, |req: Request, OriginalUri(uri): OriginalUri| {
        req.set_user("ann");
        format!("{} {uri} {:?} {:?}", req.path(), req.rule(), req.get::<&str>())
    })
    .unwrap();
    app.route("/json", METHOD_POST, |Json(number): Json<u32>| number.to_string()).unwrap();
    app.http_state(404, METHOD_ALL, |req: Request, _error: HttpError| {
        (http::StatusCode::NOT_FOUND, format!("no {} in the admin", req.path()))
    });
    app
}

fn outer() -> Application {
    let mut app = Application::new("outer");
    app.with_state("of the outer");
    app.before_response(|req: Request| req.insert("attached outside"));
    app.after_response(|req: Request, response: Response| {
        let user = req.user().unwrap_or_else(|| "nobody".into());
        response.with_header(
            "X-Outer",
            format!("{user} {:?} {}", req.get::<u8>(), req.rule().unwrap_or_default()),
        )
    });
    app.route("/", METHOD_GET, |State(state): State<&'static str>| state).unwrap();
    app.nest("/admin", admin()).unwrap();
    app
}

#[tokio::test]
async fn a_nested_application_has_its_own_of_everything() {
    let app = outer();
    get(&app, "/").await.expect(200, "of the outer");
    let answer = get(&app, "/admin").await;
    answer.expect(200, "of the admin");
    assert_eq!(answer.header("x-inner"), Some("yes"));
    get(&app, "/admin/nowhere").await.expect(404, "no /nowhere in the admin");
    assert_eq!(get(&app, "/admin/forbidden").await.status, 403);
    assert_eq!(ask(&app, "DELETE", "/admin/user/7").await.status, 405);
    post(&app, "/admin/json", "application/json", "123").await.expect(200, "123");
    post(&app, "/admin/json", "application/json", "1234").await.expect_page(413, "json_size");
    assert_eq!(get(&app, "/nowhere").await.header("x-inner"), None);
    assert!(Application::new("x").nest("/admin/", admin()).is_err());
}

#[tokio::test]
async fn what_is_attached_is_the_same_inside_and_outside() {
    let answer = get(&outer(), "/admin/user/7?x=1").await;
    let text = "/user/7 /admin/user/7?x=1 Some(\"/user/<id:int>\") Some(\"attached outside\")";
    answer.expect(200, text);
    assert_eq!(answer.header("x-outer"), Some("ann Some(7) /admin/*"));
}

/// A client signs the target as it sends it.
#[tokio::test]
async fn digest_login_works_below_prefixes() {
    let mut users = PasswordMap::new();
    users.set("Zone", "ann", &hexdigest("ann", "Zone", "looking-glass", Algorithm::Sha256)).unwrap();
    let mut inner = Application::new("inner");
    inner.settings_mut().auth_digest = true;
    inner.before_response(move |req: Request| -> Result<()> {
        Ok(req.check_digest(&users, "Zone").map(drop)?)
    });
    inner
        .route("/me", METHOD_GET, |user: User, OriginalUri(uri): OriginalUri| format!("{user} at {uri}"))
        .unwrap();
    let mut middle = Application::new("middle");
    middle.nest("/deep", inner).unwrap();
    let mut app = Application::new("outer");
    app.nest("/admin", middle).unwrap();
    let client = Client::new(app).digest_login("ann", "looking-glass");
    assert_eq!(client.get("/admin/deep/me?x=1").send().await.text(), "ann at /admin/deep/me?x=1");
}

/// A redirection of a nested application stays in it, and the debug page lists its routes.
#[tokio::test]
async fn a_nested_application_is_a_mounted_one() {
    let mut inner = Application::new("inner");
    inner.route("/leave", METHOD_GET, || Response::redirect("/page", 302)).unwrap();
    inner.route("/url", METHOD_GET, |req: Request| req.construct_url("/page")).unwrap();
    inner.route("/user/<id:int>", METHOD_GET, || "user").unwrap();
    let mut middle = Application::new("middle");
    middle.nest("/deep", inner).unwrap();
    let mut app = Application::new("outer");
    app.nest("/admin", middle).unwrap();
    app.settings_mut().debug = true;
    assert_eq!(get(&app, "/admin/deep/leave").await.header("location"), Some("/admin/deep/page"));
    get(&app, "/admin/deep/url").await.expect(200, "http://a.example/admin/deep/page");
    for rule in ["/admin/*", "/admin/deep/*", "/admin/deep/leave", "/admin/deep/user/&lt;id:int&gt;"] {
        get(&app, "/debug-info").await.expect_page(200, rule);
    }
    let error = app.nest("/admin", Application::new("other")).map(drop).unwrap_err();
    assert_eq!((error.kind(), error.rule()), (RouteErrorKind::Prefix, "/admin"));
}

/// A target in absolute form (RFC 9112, section 3.2.2) keeps its scheme and its authority.
#[tokio::test]
async fn the_original_target_is_as_it_was_sent() {
    let tell = |OriginalUri(original): OriginalUri, uri: http::Uri| format!("{original} {uri}");
    let mut inner = Application::new("inner");
    inner.default(METHOD_ALL, tell);
    let mut app = Application::new("outer");
    app.nest("/a b", inner).unwrap();
    app.route("/<name>", METHOD_GET, tell).unwrap();
    for (sent, below) in [
        ("/%61%20b/x?q=%20", "/x?q=%20"),
        ("/a%20b", "/"),
        ("http://a.example:81/a%20b/x?q", "http://a.example:81/x?q"),
        ("http://a.example/x?", "http://a.example/x?"),
    ] {
        get(&app, sent).await.expect(200, &format!("{sent} {below}"));
    }
}

#[tokio::test]
async fn a_layer_is_around_one_route() {
    let stamp = MapResponseLayer::new(|mut response: http::Response<Body>| {
        response.headers_mut().insert("x-layer", "yes".parse().unwrap());
        response
    });
    let tell =
        |Json(number): Json<u32>, req: Request| format!("{number} {:?} {:?}", req.rule(), req.get::<&str>());
    let tell = move |req: Request, json: Json<u32>| tell(json, req);
    let mut app = Application::new("layers");
    app.route("/layered/<id>", METHOD_POST, tell.layer(stamp.clone())).unwrap();
    app.route("/plain/<id>", METHOD_POST, tell).unwrap();
    app.route("/whole", METHOD_POST, (|req: Request| format!("{:?}", req.json())).layer(stamp.clone()))
        .unwrap();
    app.before_response(|req: Request| req.insert("attached"));
    let answer = post(&app, "/layered/1", "application/json", "42").await;
    answer.expect(200, r#"42 Some("/layered/<id>") Some("attached")"#);
    assert_eq!(answer.header("x-layer"), Some("yes"));
    let answer = post(&app, "/plain/1", "application/json", "42").await;
    answer.expect(200, r#"42 Some("/plain/<id>") Some("attached")"#);
    assert_eq!(answer.header("x-layer"), None);
    let answer = post(&app, "/whole", "application/json", "[1]").await;
    answer.expect(200, "Some(Array [Number(1)])");
    assert_eq!(answer.header("x-layer"), Some("yes"));
}

/// A layer may change what the handler sees.
#[tokio::test]
async fn a_layer_changes_the_head_and_the_body() {
    let layer = MapRequestLayer::new(|mut request: http::Request<Body>| {
        request.headers_mut().insert("content-type", "application/json".parse().unwrap());
        request.extensions_mut().insert("by the layer");
        request.map(|_| Body::from("[7]"))
    });
    let mut app = Application::new("layers");
    let tell = async |req: Request, body: Json<[u8; 1]>| format!("{:?} {:?}", body.0, req.get::<&str>());
    app.route("/", METHOD_POST, tell.layer(layer)).unwrap();
    post(&app, "/", "text/plain", "x").await.expect(200, r#"[7] Some("by the layer")"#);
}

#[derive(Debug)]
struct Own;

impl std::fmt::Display for Own {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("own")
    }
}

impl std::error::Error for Own {}

#[tokio::test(start_paused = true)]
async fn errors_pass_through_layers_and_those_of_layers_are_handled() {
    let timeout = TimeoutLayer::new(Duration::from_secs(1));
    let mut app = Application::new("layers");
    let slow = async || {
        tokio::time::sleep(Duration::from_secs(3600)).await;
        "slow"
    };
    app.route("/slow", METHOD_GET, slow.layer(&timeout)).unwrap();
    app.route("/own", METHOD_GET, (async || Err::<(), _>(Own)).layer(&timeout)).unwrap();
    app.route("/status", METHOD_GET, (async || abort::<()>(410)).layer(&timeout)).unwrap();
    app.route("/instead", METHOD_GET, (async || abort::<()>(Response::text("instead"))).layer(&timeout))
        .unwrap();
    app.error_handler::<Own, _>(METHOD_ALL, |_req: Request, error: Own| error.to_string());
    app.error_handler::<tower::timeout::error::Elapsed, _>(
        METHOD_ALL,
        |_req: Request, _: tower::timeout::error::Elapsed| (http::StatusCode::GATEWAY_TIMEOUT, "too late"),
    );
    get(&app, "/slow").await.expect(504, "too late");
    get(&app, "/own").await.expect(200, "own");
    assert_eq!(get(&app, "/status").await.status, 410);
    get(&app, "/instead").await.expect(200, "instead");
}

#[tokio::test]
async fn layers_are_around_a_nested_application() {
    let count = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&count);
    let layer = MapRequestLayer::new(move |request: http::Request<Body>| {
        counter.fetch_add(1, Ordering::Relaxed);
        request
    });
    let mut app = Application::new("outer");
    app.route("/", METHOD_GET, || "outer").unwrap();
    app.mount("/admin", layer.layer(admin())).unwrap();
    get(&app, "/").await.expect(200, "outer");
    get(&app, "/admin").await.expect(200, "of the admin");
    get(&app, "/admin/nowhere").await.expect(404, "no /nowhere in the admin");
    assert_eq!(count.load(Ordering::Relaxed), 2);
}

/// security: with another lifetime, a session that has expired in one application would be valid in the other.
#[cfg(feature = "sealed-sessions")]
#[test]
fn a_nested_application_needs_the_configuration_of_the_sessions() {
    use poorwsgi::session::{SealedKeys, SessionConfig};

    let keys = Arc::new(SealedKeys::new(["0123456789abcdef0123456789abcdef"]).unwrap());
    let config = SessionConfig { max_age: Some(60), ..SessionConfig::default() };
    let nested = |config: Option<SessionConfig>| {
        let mut app = Application::new("nested");
        app.with_state(Arc::clone(&keys));
        if let Some(config) = config {
            app.with_state(config);
        }
        app
    };
    let mut app = Application::new("outer");
    assert!(app.nest("/without", nested(None)).is_ok());
    app.with_state(config.clone());
    let error = app.nest("/admin", nested(None)).unwrap_err();
    assert!(error.to_string().contains("no SessionConfig"), "{error}");
    assert!(app.nest("/admin", nested(Some(config))).is_ok());
}
