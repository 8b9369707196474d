//! How errors of handlers are answered.

use std::fmt;
use std::sync::Arc;

use poorwsgi::session::{SealedKeys, SealedSession, SessionConfig, SessionError};
use poorwsgi::state::{METHOD_ALL, METHOD_GET, METHOD_GET_POST, METHOD_HEAD, METHOD_POST};
use poorwsgi::{Application, BoxError, Error, HttpError, Request, Response, Result, abort};

use crate::client::{ask, get, get_with};

#[derive(Debug)]
struct DatabaseError {
    source: std::num::ParseIntError,
}

impl fmt::Display for DatabaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the <database> is gone")
    }
}

impl std::error::Error for DatabaseError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

fn query() -> Result<u8, DatabaseError> {
    "x".parse().map_err(|source| DatabaseError { source })
}

const QUERY_LINE: u32 = line!() + 3;

async fn failing(_req: Request) -> Result<String> {
    Ok(query()?.to_string())
}

fn application() -> Application {
    let mut app = Application::new("errors");
    app.route("/database", METHOD_ALL, failing).unwrap();
    app.route("/parse", METHOD_GET, |_req: Request| -> Result<_> { Ok("x".parse::<u8>()?.to_string()) })
        .unwrap();
    app.route("/typed", METHOD_GET, |_req: Request| query().map(|number| number.to_string())).unwrap();
    app.route("/box", METHOD_GET, async |_req: Request| -> Result<()> {
        let boxed: Result<(), BoxError> = Err("boxed".into());
        boxed.map_err(Error::new)
    })
    .unwrap();
    app.route("/abort", METHOD_ALL, async |_req: Request| -> Result<()> { abort(410) }).unwrap();
    app.route("/instead", METHOD_GET, async |_req: Request| -> Result<()> {
        abort(Response::text("instead").with_status(202)?)
    })
    .unwrap();
    app.route("/panic", METHOD_GET, |_req: Request| -> String { panic!("plain {}", "panic") }).unwrap();
    app.route("/late-panic", METHOD_GET, async |_req: Request| -> String {
        tokio::task::yield_now().await;
        panic!("async panic")
    })
    .unwrap();
    app.route("/fine", METHOD_GET, async |_req: Request| "fine").unwrap();
    app
}

#[tokio::test]
async fn an_error_of_any_type_is_500_and_tells_nothing() {
    let app = application();
    for path in ["/database", "/parse", "/typed", "/box"] {
        let answer = get(&app, path).await;
        answer.expect_page(500, "Internal Server Error");
        for word in ["database&", "invalid digit", "boxed", "errors.rs", "caused by", "Rule", "door::errors"]
        {
            assert!(!answer.text().contains(word), "{path}: {word}");
        }
    }
}

#[tokio::test]
async fn debug_shows_the_chain_and_the_place_of_the_question_mark() {
    let mut app = application();
    app.settings_mut().debug = true;
    let answer = get(&app, "/database").await;
    answer.expect_page(500, "the &lt;database&gt; is gone");
    answer.expect_page(500, "invalid digit found in string");
    answer.expect_page(500, &format!("errors.rs:{QUERY_LINE}:"));
    answer.expect_page(500, "caused by");
    answer.expect_page(500, "<dt>Rule</dt><dd><code>/database</code></dd>");
    answer.expect_page(500, "<dt>Handler</dt><dd><code>door::errors::");
    get(&app, "/box").await.expect_page(500, "boxed");
    get(&app, "/panic").await.expect_page(500, "plain panic");
}

#[tokio::test]
async fn abort_answers_a_status_or_a_response() {
    let app = application();
    get(&app, "/abort").await.expect_page(410, "Gone");
    get(&app, "/instead").await.expect(202, "instead");
}

#[tokio::test]
async fn a_panic_is_500_and_the_application_goes_on() {
    let mut app = application();
    for path in ["/panic", "/late-panic", "/panic", "/late-panic"] {
        get(&app, path).await.expect_page(500, "Internal Server Error");
    }
    get(&app, "/fine").await.expect(200, "fine");
    app.before_response(|req: Request| assert!(req.path() != "/fine", "a hook may panic too"));
    assert_eq!(get(&app, "/fine").await.status, 500);
    app.http_state(500, METHOD_ALL, |_req: Request, _error| -> String { panic!("and so may this") });
    get(&app, "/fine").await.expect_page(500, "class=\"status\"");
}

#[tokio::test]
async fn an_error_handler_gets_its_type_for_its_methods() {
    let mut app = application();
    app.error_handler::<DatabaseError, _>(METHOD_GET, async |req: Request, error: DatabaseError| {
        (format!("{} at {}", error.source, req.path()), "text/plain", (), 503)
    });
    get(&app, "/database").await.expect(503, "invalid digit found in string at /database");
    get(&app, "/typed").await.expect(503, "invalid digit found in string at /typed");
    assert_eq!(ask(&app, "POST", "/database").await.status, 500);
    assert_eq!(
        get(&app, "/parse").await.status,
        500,
        "the source of another error is not an error of this type"
    );
    app.error_handler::<DatabaseError, _>(METHOD_POST, |_req: Request, _: DatabaseError| "posted");
    ask(&app, "POST", "/database").await.expect(200, "posted");
    get(&app, "/database").await.expect(503, "invalid digit found in string at /database");
}

#[tokio::test]
async fn an_error_handler_may_raise_a_status_or_fail_itself() {
    let mut app = application();
    app.http_state(503, METHOD_ALL, |_req: Request, error: HttpError| {
        error.detail().unwrap_or_default().to_owned()
    });
    app.error_handler::<DatabaseError, _>(METHOD_ALL, |_req: Request, _: DatabaseError| -> Result<()> {
        abort(HttpError::new(503).with_detail("later"))
    });
    get(&app, "/database").await.expect(200, "later");
    app.error_handler::<DatabaseError, _>(METHOD_ALL, |_req: Request, error: DatabaseError| {
        Err::<(), _>(error)
    });
    get(&app, "/database").await.expect_page(500, "class=\"status\"");
}

#[tokio::test]
async fn a_state_handler_gets_the_error_for_its_methods() {
    let mut app = application();
    app.http_state(410, METHOD_HEAD | METHOD_GET, async |_req: Request, error: HttpError| {
        (format!("state {error}"), "text/plain", (), error.status())
    });
    get(&app, "/abort").await.expect(410, "state 410 Gone");
    ask(&app, "POST", "/abort").await.expect_page(410, "class=\"status\"");
    assert_eq!(ask(&app, "HEAD", "/abort").await.header("content-length"), Some("14"));
}

#[tokio::test]
async fn a_state_handler_of_500_gets_what_nobody_handled() {
    let mut app = application();
    app.http_state(500, METHOD_GET_POST, |_req: Request, error: HttpError| {
        let source = std::error::Error::source(&error).map(ToString::to_string);
        format!("{:?} {:?}", source, error.location().map(std::panic::Location::line))
    });
    get(&app, "/database").await.expect(200, &format!("Some(\"the <database> is gone\") Some({QUERY_LINE})"));
    get(&app, "/panic").await.expect_page(200, "the handler panicked: plain panic");
}

/// `abort(DECLINED)` leaves the request unanswered, as in PoorWSGI.
#[tokio::test]
async fn abort_can_decline_to_answer() {
    let mut app = Application::new("declined");
    app.route("/", METHOD_GET, |_req: Request| -> Result<()> { abort(poorwsgi::state::DECLINED) }).unwrap();
    let response = app.handle(http::Request::new(poorwsgi::Body::empty())).await;
    assert!(response.extensions().get::<poorwsgi::response::Declined>().is_some());
}

/// A file or a cookie that the client names wrongly is no fault of the application.
#[tokio::test]
async fn mistakes_of_the_client_are_its_own() {
    let mut app = Application::new("mistakes");
    let keys = Arc::new(SealedKeys::new(["secret"]).unwrap());
    app.route("/file/<name:re:.+>", METHOD_GET, |req: Request| -> Result<_> {
        Ok(Response::file(format!("/no/such/{}", req.path_arg::<&str>("name")?))?)
    })
    .unwrap();
    app.route("/session", METHOD_GET, move |req: Request| -> Result<_> {
        let mut session = SealedSession::new(Arc::clone(&keys), SessionConfig::default())?;
        session.load(req.cookies())?;
        Ok("loaded")
    })
    .unwrap();
    app.route("/page", METHOD_GET, |req: Request| -> Result<_> {
        Ok(req.args()?.getfirst("number", str::parse::<u32>)?.unwrap_or(1).to_string())
    })
    .unwrap();
    app.route("/own", METHOD_GET, |_req: Request| -> Result<_> { Ok(std::fs::read("/no/such/file")?) })
        .unwrap();
    let file = get(&app, "/file/x").await;
    assert!(file.status == 404 && !file.text().contains("such/x"), "{}", file.text());
    get(&app, "/session").await.expect(200, "loaded");
    get_with(&app, "/session", &[("cookie", "SESSID=forged")]).await.expect_page(400, "session cookie");
    get(&app, "/page?number=x").await.expect_page(400, "number");
    assert_eq!(get(&app, "/own").await.status, 500);

    app.error_handler::<SessionError, _>(METHOD_GET, |_req: Request, _error: SessionError| "a new session");
    get_with(&app, "/session", &[("cookie", "SESSID=forged")]).await.expect(200, "a new session");
}
