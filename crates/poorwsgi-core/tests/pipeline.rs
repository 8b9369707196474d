//! The pipeline with a toy language, whose handlers are plain functions that may write to a log of the
//! request. What holds here holds for every door.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::borrow::Cow;
use std::future::Future;
use std::pin::pin;
use std::sync::{Mutex, OnceLock};
use std::task::{Context, Poll, Waker};

use http_body_util::BodyExt;
use poorwsgi_core::dispatch::{BodyPlan, Callable, Foreseen, Language, Raised, Route, dispatch, foresee};
use poorwsgi_core::error::with_removed_cookie;
use poorwsgi_core::headers::Headers;
use poorwsgi_core::request::{Head, HttpHead};
use poorwsgi_core::response::Response;
use poorwsgi_core::results::ErrorReport;
use poorwsgi_core::routing::{RouteMatch, mount, set_default, set_route};
use poorwsgi_core::settings::{SecretKey, Settings};
use poorwsgi_core::state::{METHOD_ALL, METHOD_GET, METHOD_GET_POST, METHOD_POST, Method};
use poorwsgi_core::tables::Tables;
use poorwsgi_core::{Body, HttpError};

enum Toy {}

struct Asked {
    head: HttpHead,
    /// The match that a server has found before the call.
    found: Mutex<Option<RouteMatch>>,
    route: OnceLock<(String, bool, Vec<String>)>,
    log: Mutex<Vec<String>>,
}

impl Asked {
    fn note(&self, line: impl Into<String>) {
        self.log.lock().unwrap().push(line.into());
    }
}

#[derive(Debug)]
enum Trouble {
    Status(HttpError),
    Response(u16),
    Other(&'static str),
    Exit,
}

impl From<HttpError> for Trouble {
    fn from(error: HttpError) -> Self {
        Trouble::Status(error)
    }
}

type Handler = fn(&Asked) -> Result<Response, Trouble>;

impl Language for Toy {
    type Request = Asked;
    type Response = Response;
    type Error = Trouble;
    type HttpError = HttpError;
    type Leave = &'static str;
    type Handler = Handler;
    type BeforeHook = Before;
    type AfterHook = After;
    type StateHandler = fn(&Asked, HttpError) -> Result<Response, Trouble>;
    type ErrorHandler = fn(&Asked, Trouble) -> Result<Response, Trouble>;
    type ErrorType = &'static str;
    type Converter = ();

    fn head(request: &Asked) -> &dyn Head {
        &request.head
    }

    fn found(request: &Asked) -> Option<RouteMatch> {
        request.found.lock().unwrap().take()
    }

    fn assign(request: &Asked, route: Route<'_, '_, Self>) -> Result<(), Trouble> {
        let args: Vec<String> = route
            .captures
            .iter()
            .flat_map(|captures| captures.iter().map(|capture| capture.value.unwrap().to_owned()))
            .collect();
        if args.iter().any(|arg| arg == "unconvertible") {
            return Err(HttpError::new(404).into());
        }
        request.route.set((route.rule.to_string(), route.handler.is_some(), args)).unwrap();
        Ok(())
    }

    async fn load(request: &Asked, plan: BodyPlan) -> Result<(), Trouble> {
        request.note(format!("load {plan:?}"));
        Ok(())
    }

    async fn handle(handler: &Handler, request: &Asked) -> Result<Response, Trouble> {
        handler(request)
    }

    async fn before(hook: &Self::BeforeHook, request: &Asked) -> Result<(), Trouble> {
        hook(request)
    }

    async fn after(hook: &Self::AfterHook, request: &Asked, response: Response) -> Result<Response, Trouble> {
        hook(request, response)
    }

    async fn handle_state(
        handler: &Self::StateHandler,
        request: &Asked,
        error: HttpError,
    ) -> Result<Response, Trouble> {
        handler(request, error)
    }

    async fn handle_error(
        handler: &Self::ErrorHandler,
        request: &Asked,
        error: Trouble,
    ) -> Result<Response, Trouble> {
        handler(request, error)
    }

    fn is_instance(kind: &&'static str, error: &Trouble) -> bool {
        matches!(error, Trouble::Other(name) if name.starts_with(kind))
    }

    fn raised(error: Trouble) -> Raised<Self> {
        match error {
            Trouble::Status(error) => Raised::Http(error),
            Trouble::Response(status) => Raised::Response(Response::empty(status).unwrap()),
            Trouble::Exit => Raised::Leave("exit"),
            Trouble::Other(_) => Raised::Other(error),
        }
    }

    fn uncaught(error: Trouble) -> HttpError {
        HttpError::new(500).with_source(format!("{error:?}"))
    }

    fn report(error: &HttpError) -> ErrorReport {
        ErrorReport::new(error)
    }

    fn respond(response: Response) -> Response {
        response
    }

    fn with_headers<T>(response: &mut Response, call: impl FnOnce(u16, &mut Headers) -> T) -> T {
        call(response.status(), response.headers_mut())
    }

    fn finish(response: Response) -> Result<Response, Trouble> {
        Ok(response)
    }

    fn name(_: Callable<'_, Self>) -> Cow<'_, str> {
        "toy".into()
    }
}

/// The response to a request, and the request's route and log.
struct Outcome {
    status: u16,
    body: String,
    headers: http::HeaderMap,
    route: Option<(String, bool, Vec<String>)>,
    log: Vec<String>,
}

fn ready<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("a toy never waits"),
    }
}

fn try_ask(tables: &Tables<Toy>, request: http::Request<()>) -> Result<Outcome, &'static str> {
    try_ask_routed(tables, request, None)
}

fn try_ask_routed(
    tables: &Tables<Toy>,
    request: http::Request<()>,
    found: Option<RouteMatch>,
) -> Result<Outcome, &'static str> {
    let (parts, ()) = request.into_parts();
    let head = HttpHead::new(parts, None);
    let asked = Asked { head, found: Mutex::new(found), route: OnceLock::new(), log: Mutex::default() };
    let (parts, body) = ready(dispatch(tables, &asked))?.into_http().into_parts();
    let body: Body = body;
    let bytes = ready(body.collect()).unwrap().to_bytes();
    Ok(Outcome {
        status: parts.status.as_u16(),
        headers: parts.headers,
        body: String::from_utf8(bytes.to_vec()).unwrap(),
        route: asked.route.get().cloned(),
        log: asked.log.into_inner().unwrap(),
    })
}

fn ask(tables: &Tables<Toy>, method: &str, target: &str) -> Outcome {
    let request = http::Request::builder().method(method).uri(target).header("host", "h").body(()).unwrap();
    try_ask(tables, request).unwrap()
}

fn hello(request: &Asked) -> Result<Response, Trouble> {
    request.note("handler");
    Ok(Response::text("hello"))
}

fn status_handler(_: &Asked, error: HttpError) -> Result<Response, Trouble> {
    Ok(Response::text(format!("state {}", error.status())).with_status(error.status()).unwrap())
}

type Before = fn(&Asked) -> Result<(), Trouble>;
type After = fn(&Asked, Response) -> Result<Response, Trouble>;

fn before(tables: &mut Tables<Toy>, hook: Before) {
    tables.before.push(hook);
}

fn after(tables: &mut Tables<Toy>, hook: After) {
    tables.after.push(hook);
}

fn tables() -> Tables<Toy> {
    let mut tables = Tables::new(Settings::new("toy"));
    before(&mut tables, |request| {
        request.note("before");
        Ok(())
    });
    after(&mut tables, |request, response| {
        request.note(format!("after {}", response.status()));
        Ok(response)
    });
    tables
}

fn route(tables: &mut Tables<Toy>, rule: &str, handler: Handler) {
    set_route(&mut tables.router, rule, METHOD_GET_POST, handler).unwrap();
}

#[test]
fn a_request_goes_before_handler_after() {
    let mut tables = tables();
    route(&mut tables, "/hello", hello);
    let outcome = ask(&tables, "GET", "/hello");
    assert_eq!((outcome.status, outcome.body.as_str()), (200, "hello"));
    assert_eq!(outcome.log, ["before", "handler", "after 200"]);
    assert_eq!(outcome.route, Some(("/hello".into(), true, vec![])));
}

#[test]
fn rule_and_arguments_are_known_to_before_hooks() {
    let mut tables = Tables::new(Settings::new("toy"));
    before(&mut tables, |request| {
        request.note(format!("{:?}", request.route.get()));
        Ok(())
    });
    route(&mut tables, "/user/<name:word>/<age:int>", hello);
    let outcome = ask(&tables, "GET", "/user/ann/42");
    assert_eq!(outcome.log[0], r#"Some(("/user/<name:word>/<age:int>", true, ["ann", "42"]))"#);
}

#[test]
fn an_unknown_method_is_501_and_runs_nothing() {
    // PoorWSGI handles an unknown method as GET.
    let mut tables = tables();
    route(&mut tables, "/hello", hello);
    let outcome = ask(&tables, "BREW", "/hello");
    assert_eq!(outcome.status, 501);
    assert_eq!(outcome.log, ["after 501"]);
}

#[test]
fn what_is_mounted_gets_any_method_and_an_unread_body() {
    let mut tables = tables();
    mount(&mut tables.router, "/api", hello as Handler).unwrap();
    for method in ["GET", "PUT", "BREW"] {
        let request = http::Request::builder().method(method).uri("/api/x").header("content-length", "5");
        let outcome = try_ask(&tables, request.body(()).unwrap()).unwrap();
        assert_eq!((outcome.status, outcome.route), (200, Some(("/api/*".into(), true, vec![]))));
        assert_eq!(outcome.log, ["before", "handler", "after 200"]);
    }
    assert_eq!(ask(&tables, "BREW", "/apix").status, 501);
}

#[test]
fn a_path_that_is_not_utf8_is_400() {
    let outcome = ask(&tables(), "GET", "/%FF");
    assert_eq!(outcome.status, 400);
    assert!(outcome.body.contains("UTF-8"));
}

#[test]
fn a_static_path_of_another_method_is_405_with_allow_after_the_hooks() {
    let mut tables = tables();
    route(&mut tables, "/hello", hello);
    let outcome = ask(&tables, "PUT", "/hello");
    assert_eq!(outcome.status, 405);
    assert_eq!(outcome.headers["allow"], "HEAD, GET, POST");
    assert_eq!(outcome.log, ["before", "after 405"]);
}

#[test]
fn a_pattern_of_another_method_is_405_unless_the_default_handler_takes_it() {
    let mut tables = tables();
    route(&mut tables, "/item/<id:int>", hello);
    let outcome = ask(&tables, "DELETE", "/item/1");
    assert_eq!((outcome.status, &outcome.headers["allow"]), (405, &"HEAD, GET, POST".parse().unwrap()));
    set_default(&mut tables.router, METHOD_ALL, hello as Handler);
    let outcome = ask(&tables, "DELETE", "/item/1");
    assert_eq!(outcome.status, 200);
    assert_eq!(outcome.route, Some(("/*".into(), true, vec![])));
}

/// RFC 9110, section 9.3.7. PoorWSGI answers `OPTIONS` of a static path with 405.
#[test]
fn options_of_any_path_goes_to_its_default_handler() {
    let mut tables = tables();
    route(&mut tables, "/hello", hello);
    route(&mut tables, "/item/<id:int>", hello);
    assert_eq!(ask(&tables, "OPTIONS", "/hello").headers["allow"], "HEAD, GET, POST");
    set_default(&mut tables.router, METHOD_ALL, hello as Handler);
    for path in ["/hello", "/item/1", "/nowhere"] {
        let outcome = ask(&tables, "OPTIONS", path);
        assert_eq!((outcome.status, outcome.body.as_str()), (200, "hello"), "{path}");
        assert_eq!(outcome.route, Some(("/*".into(), true, vec![])));
    }
    assert_eq!(ask(&tables, "PUT", "/hello").status, 405, "other methods of a static path");
}

/// RFC 9110, sections 15.5.2 and 15.5.6.
#[test]
fn an_answer_of_the_application_has_the_fields_of_its_status() {
    let mut tables = tables();
    tables.settings.auth_digest = true;
    tables.settings.secret_key = Some(SecretKey::from(b"secret"));
    route(&mut tables, "/hello", hello);
    route(&mut tables, "/login", |_| Err(HttpError::unauthorized("Zone", false).into()));
    tables.states.set(405, METHOD_ALL, status_handler as _);
    tables.states.set(401, METHOD_ALL, status_handler as _);
    let outcome = ask(&tables, "PUT", "/hello");
    assert_eq!((outcome.status, outcome.body.as_str()), (405, "state 405"));
    assert_eq!(outcome.headers["allow"], "HEAD, GET, POST");
    let outcome = ask(&tables, "GET", "/login");
    assert_eq!((outcome.status, outcome.body.as_str()), (401, "state 401"));
    assert!(outcome.headers["www-authenticate"].to_str().unwrap().starts_with("Digest realm=\"Zone\""));
    tables.settings.auth_digest = false;
    assert!(!ask(&tables, "GET", "/login").headers.contains_key("www-authenticate"));
}

#[test]
fn fields_that_the_application_has_set_stay_and_another_status_gets_none() {
    let mut tables = tables();
    route(&mut tables, "/hello", hello);
    tables.states.set(405, METHOD_GET, |_, _| Ok(Response::text("moved on")));
    tables.states.set(405, METHOD_ALL, |_, error| {
        assert_eq!(error.allow().map(|allow| allow.to_string()).as_deref(), Some("HEAD, GET, POST"));
        Ok(Response::text("no").with_status(405).unwrap().with_header("Allow", "GET").unwrap())
    });
    let outcome = ask(&tables, "PUT", "/hello");
    assert_eq!(outcome.headers.get_all("allow").iter().collect::<Vec<_>>(), ["GET"]);
    tables.states.set(405, METHOD_ALL, |_, _| Ok(Response::text("moved on")));
    let outcome = ask(&tables, "PUT", "/hello");
    assert_eq!((outcome.status, outcome.headers.contains_key("allow")), (200, false));
}

/// The next request then comes without the cookie.
#[test]
fn an_answer_removes_a_cookie_that_was_the_mistake() {
    let mut tables = tables();
    route(&mut tables, "/hello", |_| {
        Err(with_removed_cookie(HttpError::bad_request("cookie"), "SESSID=; Max-Age=0").into())
    });
    let cookies = |outcome: &Outcome| {
        outcome
            .headers
            .get_all("set-cookie")
            .iter()
            .map(|value| value.to_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let outcome = ask(&tables, "GET", "/hello");
    assert_eq!((outcome.status, cookies(&outcome)), (400, vec!["SESSID=; Max-Age=0".to_owned()]));
    tables.states.set(400, METHOD_ALL, |_, _| {
        let response = Response::text("again").with_header("Set-Cookie", "SESSID=new").unwrap();
        Ok(response)
    });
    let outcome = ask(&tables, "GET", "/hello");
    assert_eq!((outcome.status, cookies(&outcome)), (200, vec!["SESSID=new".to_owned()]));
}

/// RFC 9110, section 12.5.1, and RFC 9457.
#[test]
fn a_client_that_prefers_json_gets_a_problem() {
    let mut tables = tables();
    route(&mut tables, "/hello", hello);
    let ask = |method: &str, target: &str, accept: &str| {
        let request = http::Request::builder().method(method).uri(target).header("accept", accept);
        try_ask(&tables, request.body(()).unwrap()).unwrap()
    };
    let outcome = ask("PUT", "/hello", "application/json, text/html;q=0.9");
    assert_eq!(
        (outcome.status, &outcome.headers["content-type"]),
        (405, &"application/problem+json".parse().unwrap())
    );
    assert_eq!(
        (&outcome.headers["vary"], &outcome.headers["allow"]),
        (&"Accept".parse().unwrap(), &"HEAD, GET, POST".parse().unwrap())
    );
    let problem: serde_json::Value = serde_json::from_str(&outcome.body).unwrap();
    assert_eq!((&problem["status"], &problem["title"]), (&405.into(), &"Method Not Allowed".into()));
    assert_eq!((&problem["path"], &problem["allow"][0]), (&"/hello".into(), &"HEAD".into()));
    for accept in ["*/*", "text/html", "text/html, application/json"] {
        let outcome = ask("GET", "/nowhere", accept);
        assert_eq!(outcome.headers["content-type"], "text/html; charset=utf-8", "{accept}");
        assert_eq!(outcome.headers["vary"], "Accept");
    }
}

#[test]
fn nothing_found_is_404_and_hooks_run() {
    let outcome = ask(&tables(), "GET", "/nowhere");
    assert_eq!(outcome.status, 404);
    assert_eq!(outcome.log, ["before", "after 404"]);
    assert_eq!(outcome.route, Some(("/*".into(), false, vec![])));
}

#[test]
fn a_conversion_that_fails_is_404() {
    let mut tables = tables();
    route(&mut tables, "/item/<id:word>", hello);
    assert_eq!(ask(&tables, "GET", "/item/unconvertible").status, 404);
}

#[test]
fn a_before_hook_stops_a_request_by_an_error_or_a_response() {
    let mut tables = tables();
    route(&mut tables, "/hello", hello);
    before(&mut tables, |_| Err(Trouble::Response(204)));
    let outcome = ask(&tables, "GET", "/hello");
    assert_eq!(outcome.status, 204);
    assert_eq!(outcome.log, ["before", "after 204"]);
    tables.before.clear();
    before(&mut tables, |_| Err(HttpError::new(403).into()));
    assert_eq!(ask(&tables, "GET", "/hello").status, 403);
}

#[test]
fn the_body_is_loaded_after_the_hooks_and_only_for_a_handler() {
    let mut tables = tables();
    route(&mut tables, "/hello", hello);
    let request = |media: &str, uri: &str| {
        let builder = http::Request::builder().method("POST").uri(uri).header("content-length", "5");
        builder.header("content-type", media).body(()).unwrap()
    };
    for (media, plan) in [
        ("application/x-www-form-urlencoded", "load Form"),
        ("multipart/form-data; boundary=x", "load Form"),
        ("application/json; charset=utf-8", "load Json"),
        ("text/plain", "load Data"),
    ] {
        let outcome = try_ask(&tables, request(media, "/hello")).unwrap();
        assert_eq!(outcome.log, ["before", plan, "handler", "after 200"]);
    }
    let outcome = try_ask(&tables, request("text/plain", "/nowhere")).unwrap();
    assert_eq!(outcome.log, ["before", "after 404"]);
    tables.settings.auto_form = false;
    tables.settings.data_size = 4;
    let outcome = try_ask(&tables, request("multipart/form-data; boundary=x", "/hello")).unwrap();
    assert_eq!(outcome.log, ["before", "handler", "after 200"]);
}

#[test]
fn a_bad_length_is_400() {
    let mut tables = tables();
    route(&mut tables, "/hello", hello);
    let request = http::Request::builder()
        .method("POST")
        .uri("/hello")
        .header("content-length", "five")
        .body(())
        .unwrap();
    assert_eq!(try_ask(&tables, request).unwrap().status, 400);
}

#[test]
fn a_status_goes_to_its_handler_for_its_methods() {
    let mut tables = tables();
    tables.states.set(404, METHOD_GET, status_handler as _);
    assert_eq!(ask(&tables, "GET", "/nowhere").body, "state 404");
    assert!(ask(&tables, "POST", "/nowhere").body.contains("<html"));
}

#[test]
fn an_error_goes_to_the_first_handler_that_takes_it() {
    let mut tables = tables();
    route(&mut tables, "/fail", |_| Err(Trouble::Other("value error")));
    tables.errors.set("value", METHOD_GET, |_, _| Ok(Response::text("first")));
    tables.errors.set("value error", METHOD_GET_POST, |_, _| Ok(Response::text("second")));
    assert_eq!(ask(&tables, "GET", "/fail").body, "first");
    assert_eq!(ask(&tables, "POST", "/fail").body, "second");
}

#[test]
fn an_error_without_a_handler_goes_to_state_500() {
    let mut tables = tables();
    route(&mut tables, "/fail", |_| Err(Trouble::Other("boom")));
    let outcome = ask(&tables, "GET", "/fail");
    assert_eq!(outcome.status, 500);
    assert!(!outcome.body.contains("boom"), "no detail when debug is off");
    tables.settings.debug = true;
    assert!(ask(&tables, "GET", "/fail").body.contains("boom"));
    tables.states.set(500, METHOD_GET, status_handler as _);
    assert_eq!(ask(&tables, "GET", "/fail").body, "state 500");
}

#[test]
fn a_failure_in_a_handler_for_failures_ends_at_the_built_in_page() {
    let mut tables = tables();
    route(&mut tables, "/fail", |_| Err(Trouble::Other("boom")));
    tables.errors.set("boom", METHOD_ALL, |_, _| Err(Trouble::Other("again")));
    tables.states.set(500, METHOD_ALL, |_, _| Err(Trouble::Other("and again")));
    let outcome = ask(&tables, "GET", "/fail");
    assert_eq!(outcome.status, 500);
    assert!(outcome.body.contains("<html"));
    // An error handler may raise a status, which has its own handler.
    tables.errors.set("boom", METHOD_ALL, |_, _| Err(HttpError::new(418).into()));
    tables.states.set(418, METHOD_ALL, status_handler as _);
    assert_eq!(ask(&tables, "GET", "/fail").body, "state 418");
}

#[test]
fn a_failing_after_hook_goes_through_the_error_path() {
    let mut tables = tables();
    route(&mut tables, "/hello", hello);
    tables.after.clear();
    after(&mut tables, |_, _| Err(Trouble::Other("hook")));
    after(&mut tables, |_, _| panic!("hooks after a failing one do not run"));
    tables.errors.set("hook", METHOD_ALL, |_, _| Ok(Response::text("mended")));
    let outcome = ask(&tables, "GET", "/hello");
    assert_eq!((outcome.status, outcome.body.as_str()), (200, "mended"));
}

#[test]
fn an_after_hook_may_replace_an_error_page() {
    let mut tables = tables();
    after(&mut tables, |_, _| Ok(Response::text("replaced")));
    let outcome = ask(&tables, "GET", "/nowhere");
    assert_eq!((outcome.status, outcome.body.as_str()), (200, "replaced"));
}

#[test]
fn an_exit_leaves_the_application() {
    // In PoorWSGI, `SystemExit` ends without a call of `start_response`.
    let mut tables = tables();
    route(&mut tables, "/exit", |_| Err(Trouble::Exit));
    let request = http::Request::builder().uri("/exit").body(()).unwrap();
    assert_eq!(try_ask(&tables, request).err(), Some("exit"));
}

#[test]
fn a_status_without_an_error_page_is_an_empty_response() {
    // In PoorWSGI, `HTTPException(204)` is a 501.
    let mut tables = tables();
    route(&mut tables, "/none", |_| Err(HttpError::new(204).into()));
    let outcome = ask(&tables, "GET", "/none");
    assert_eq!((outcome.status, outcome.body.as_str()), (204, ""));
    route(&mut tables, "/odd", |_| Err(HttpError::new(99).into()));
    assert_eq!(ask(&tables, "GET", "/odd").status, 500);
}

#[test]
fn the_debug_page_needs_debug_and_gives_way_to_a_route() {
    let mut tables = tables();
    assert_eq!(ask(&tables, "GET", "/debug-info").status, 404);
    tables.settings.debug = true;
    tables.settings.secret_key = Some(b"hush-hush".into());
    let outcome = ask(&tables, "GET", "/debug-info");
    assert_eq!(outcome.status, 200);
    assert_eq!(outcome.route, Some(("/debug-info".into(), false, vec![])));
    assert!(outcome.body.contains("toy") && !outcome.body.contains("hush-hush"));
    route(&mut tables, "/debug-info", hello);
    assert_eq!(ask(&tables, "GET", "/debug-info").body, "hello");
}

#[test]
fn files_and_directories_of_the_document_root() {
    let root = tempfile::tempdir().unwrap();
    std::fs::write(root.path().join("a.txt"), "file a").unwrap();
    std::fs::create_dir(root.path().join("sub")).unwrap();
    let mut tables = tables();
    tables.settings.document_root = Some(root.path().to_owned());
    let outcome = ask(&tables, "GET", "/a.txt");
    assert_eq!((outcome.status, outcome.body.as_str()), (200, "file a"));
    assert_eq!(outcome.route, Some(("/*".into(), false, vec![])));
    assert_eq!(outcome.log, ["before", "after 200"]);
    assert_eq!(ask(&tables, "POST", "/a.txt").status, 404);
    assert_eq!(ask(&tables, "GET", "/sub").status, 403);
    tables.settings.document_index = true;
    assert!(ask(&tables, "GET", "/").body.contains("a.txt"));
    assert_eq!(ask(&tables, "GET", "/../a.txt").status, 404);
}

#[test]
fn a_401_carries_the_challenge_when_digest_is_on() {
    let mut tables = tables();
    route(&mut tables, "/in", |_| Err(HttpError::new(401).into()));
    assert!(!ask(&tables, "GET", "/in").headers.contains_key("www-authenticate"));
    tables.settings.auth_digest = true;
    tables.settings.secret_key = Some(b"key".into());
    let outcome = ask(&tables, "GET", "/in");
    // PoorWSGI fails at `abort(401)` without a realm; here the realm is the application's name.
    let challenge = outcome.headers["www-authenticate"].to_str().unwrap();
    assert!(challenge.starts_with("Digest ") && challenge.contains("realm=\"toy\""), "{challenge}");
}

#[test]
fn methods_of_state_handlers_do_not_leak() {
    let mut tables = tables();
    tables.states.set(404, METHOD_POST, status_handler as _);
    assert!(ask(&tables, "GET", "/nowhere").body.contains("<html"));
}

/// A route that the server has found is not looked up again. To show this, the match here is that of another
/// path.
#[test]
fn a_route_that_was_found_before_is_taken() {
    let mut tables = Tables::<Toy>::new(Settings::new("toy"));
    set_route(&mut tables.router, "/hello", METHOD_GET, hello as Handler).unwrap();
    set_route(&mut tables.router, "/name/<name:word>", METHOD_GET, hello as Handler).unwrap();
    let request = || http::Request::get("/nowhere").header("host", "h").body(()).unwrap();
    assert_eq!(try_ask(&tables, request()).unwrap().status, 404);
    let found = RouteMatch::find(&tables.router, "/hello", Method::Get);
    let outcome = try_ask_routed(&tables, request(), Some(found)).unwrap();
    assert_eq!((outcome.status, outcome.body.as_str()), (200, "hello"));
    let missing = RouteMatch::find(&tables.router, "/nowhere", Method::Get);
    assert_eq!(try_ask_routed(&tables, request(), Some(missing)).unwrap().status, 404);
}

/// A server that chooses a thread before the call is told what the pipeline then does.
#[test]
fn what_is_foreseen_is_what_answers() {
    fn other(_: &Asked) -> Result<Response, Trouble> {
        Ok(Response::text("default"))
    }
    let root = tempfile::tempdir().unwrap();
    std::fs::write(root.path().join("a.txt"), "file a").unwrap();
    let mut plain = tables();
    route(&mut plain, "/hello", hello);
    route(&mut plain, "/name/<name:word>", hello);
    plain.settings.debug = true;
    plain.settings.secret_key = Some(b"hush-hush".into());
    let mut default = plain.clone();
    set_default(&mut default.router, METHOD_ALL, other as Handler);
    let mut files = default.clone();
    files.settings.document_root = Some(root.path().to_owned());
    for tables in [plain, default, files] {
        let has_root = tables.settings.document_root.is_some();
        let has_default = tables.router.default_handler(Method::Get).is_some();
        for (method, target) in [
            ("GET", "/hello"),
            ("PUT", "/hello"),
            ("POST", "/name/x"),
            ("PUT", "/name/x"),
            ("GET", "/a.txt"),
            ("POST", "/a.txt"),
            ("GET", "/nowhere"),
            ("POST", "/debug-info"),
            ("BREW", "/hello"),
            ("GET", "/%FF"),
        ] {
            let request = || http::Request::builder().method(method).uri(target).body(()).unwrap();
            let head = HttpHead::new(request().into_parts().0, None);
            let (found, foreseen) = match head.path() {
                Ok(path) => foresee(&tables, &head, &path),
                Err(_) => (None, Foreseen::Engine),
            };
            let outcome = try_ask_routed(&tables, request(), found).unwrap();
            let context = format!("{method} {target}, root {has_root}, default {has_default}");
            match (foreseen, &*outcome.body) {
                (Foreseen::Handler(handler), body) => {
                    let is_hello = std::ptr::fn_addr_eq(*handler, hello as Handler);
                    assert_eq!(body, if is_hello { "hello" } else { "default" }, "{context}");
                }
                (Foreseen::File, body) => {
                    assert!(has_root && matches!(body, "file a" | "default"), "{context}: {body}");
                }
                (Foreseen::Engine, body) => {
                    assert!(!matches!(body, "hello" | "default" | "file a"), "{context}: {body}");
                }
            }
        }
    }
}
