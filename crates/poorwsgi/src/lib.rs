//! A small web framework: routes with filters, hooks, forms and uploads, sessions, digest login, files with
//! ranges, error pages, and a debug page.
//!
//! ```no_run
//! use poorwsgi::extract::Path;
//! use poorwsgi::state::{METHOD_GET, METHOD_HEAD};
//! use poorwsgi::{Application, BoxError, Json, Result, abort, state};
//!
//! #[derive(serde::Serialize)]
//! struct User {
//!     name: String,
//!     age: i64,
//! }
//!
//! async fn user_detail(Path((name, age)): Path<(String, i64)>) -> Result<Json<User>> {
//!     if age < 0 {
//!         return abort(state::HTTP_BAD_REQUEST);
//!     }
//!     Ok(Json(User { name, age }))
//! }
//!
//! #[tokio::main]
//! async fn main() -> Result<(), BoxError> {
//!     let mut app = Application::new("demo");
//!     app.route("/user/<name:word>/<age:int>", METHOD_HEAD | METHOD_GET, user_detail)?;
//!     app.route("/", METHOD_HEAD | METHOD_GET, async || "Hello world")?;
//!     Ok(app.run("127.0.0.1:8080").await?)
//! }
//! ```
//!
//! [`Application`] is a tower service over `http` types. `Application::run` serves it with `poorwsgi-server`
//! and the default settings of that server; its page shows how to change a setting, such as the largest body.
//! Any other server for such services can serve it, too: [`compared_with_axum`] shows `axum::serve`.
//! (`default-features = false` leaves `poorwsgi-server` out.)
//!
//! # Where to look
//!
//! | for | see |
//! |---|---|
//! | routes, hooks, handlers | [`Application`], [`routing`] |
//! | requests | [`Request`], [`request::Head`], [`form`], [`headers`] |
//! | arguments of handlers by type, shared state | [`extract`] |
//! | responses | [`Response`], [`IntoResponse`], [`Json`], [`sse`], [`abort`], [`response`] |
//! | sessions and login | [`session`], [`digest`] |
//! | settings and limits | [`settings::Settings`], [`form::FormLimits`], `poorwsgi_server::Config` |
//! | statuses and methods | [`state`] |
//!
//! Many names are those of axum; [`compared_with_axum`] says what is different.
//!
//! # Logging
//!
//! Without a subscriber of the crate `tracing`, nothing is printed, not even the error behind a 500. With the
//! crate `tracing-subscriber` among the dependencies, one line at the start of `main` prints all events of the
//! level `INFO` and above on the standard output:
//!
//! ```
//! tracing_subscriber::fmt().init();
//! ```
//!
//! | target | its events |
//! |---|---|
//! | `poorwsgi` | the error behind each 500 (`ERROR`); requests that were refused (`INFO`) |
//! | `poorwsgi::access` | each request that `poorwsgi-server` has answered (`INFO`): method, path, status, bytes, duration in microseconds, peer |
//! | `poorwsgi::server` | what `poorwsgi-server` has to say of itself: connections that cannot be accepted, requests that a stop cuts off |
//!
//! # Features
//!
//! All are on by default except `cli`, which is for the command `poorwsgi-digest`, and `testing`.
//!
//! | feature | without it |
//! |---|---|
//! | `digest` | no digest login, and no [`digest`] |
//! | `forms` | bodies that are forms are left to the handler |
//! | `inlining` | each call of a plain handler is made on a thread for blocking work; asynchronous handlers do not need the feature, and `poorwsgi-calls` is not compiled |
//! | `pages` | an error is one line of text; directories are not listed, and `/debug-info` is not served |
//! | `sealed-sessions` | [`session`] has only plain sessions and tokens |
//! | `server` | no `Application::run` |
//! | `testing` | no module `testing`, a client for tests that sends requests to an application without a socket |
//!
//! This crate is built on an engine, `poorwsgi-core`, which is for servers and for bindings to other
//! languages. The API of the engine may change with each version; only what this crate exports is stable.
#![forbid(unsafe_code)]

mod application;
#[cfg(any(doc, doctest))]
pub mod compared_with_axum;
mod error;
pub mod extract;
#[cfg(feature = "forms")]
mod forms;
mod handler;
mod into_response;
mod language;
mod path_arg;
pub mod request;
#[cfg(feature = "server")]
mod run;
mod service;
pub mod sse;
#[cfg(feature = "testing")]
pub mod testing;

pub use application::Application;
pub use error::{Abort, Error, Result, abort};
#[cfg(feature = "forms")]
pub use extract::Form;
pub use extract::Json;
pub use handler::{
    AfterHook, BeforeHook, ErrorHandler, Handler, HandlerService, Layered, StateHandler, marker,
};
pub use into_response::{IntoHeaders, IntoResponse, ResponseContent, make_response};
pub use path_arg::{ConvertError, FromPathArg};
pub use poorwsgi_core::error::{BoxError, Challenge, HttpError};
pub use poorwsgi_core::response::{Body, Response};
pub use poorwsgi_core::state;
pub use request::Request;

/// Header fields of requests and responses, and the values in them.
///
/// ```
/// use poorwsgi::headers::{Headers, SetCookie};
///
/// let mut headers = Headers::new();
/// headers.append("Set-Cookie", SetCookie::new("theme", "dark").max_age(30 * 24 * 3600).render()?)?;
/// assert_eq!(headers.get_str("set-cookie"), Some("theme=dark; Max-Age=2592000"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub mod headers {
    pub use poorwsgi_core::headers::{
        ContentRange, CookieError, Cookies, HeaderError, Headers, RangeSpec, SameSite, SetCookie, date,
    };
}

/// Forms and uploads: what [`Request::form`](crate::Request::form) returns, and its limits.
///
/// ```
/// use poorwsgi::form::{FieldStorage, FormLimits};
/// use poorwsgi::{Application, HttpError, Request, state};
///
/// let mut app = Application::new("demo");
/// app.settings_mut().form_limits = FormLimits { body_bytes: 64 << 20, ..FormLimits::default() };
/// app.route("/photo", state::METHOD_POST, |req: Request| {
///     let photo = req.form().and_then(|form| form.field("photo"));
///     let name = photo.and_then(FieldStorage::safe_filename);
///     name.ok_or_else(|| HttpError::bad_request("a file named photo is wanted"))
/// })?;
/// # Ok::<(), poorwsgi::routing::RouteError>(())
/// ```
pub mod form {
    #[cfg(feature = "forms")]
    pub use poorwsgi_core::form::{FieldStorage, safe_filename};
    pub use poorwsgi_core::form::{FormFile, FormLimits, WriteOnly};
}

/// What handlers return beside text: files, streams, redirects, partial content.
///
/// ```
/// use poorwsgi::response::{EntityTag, Response, ResponseError};
///
/// /// A page that browsers keep until its version changes, and of which they may request ranges.
/// fn page(version: u32) -> Result<Response, ResponseError> {
///     let response = Response::text("Hello world").accept_ranges();
///     match EntityTag::strong(&version.to_string()) {
///         Some(tag) => response.with_entity_tag(&tag).with_header("Cache-Control", "no-cache"),
///         None => Ok(response),
///     }
/// }
/// # assert_eq!(page(7)?.headers().get_str("ETag"), Some("\"7\""));
/// # Ok::<(), ResponseError>(())
/// ```
pub mod response {
    pub use poorwsgi_core::response::{
        Body, Declined, DocumentRoot, EntityTag, Iter, OpenFile, Ranges, Response, ResponseError,
        document_root, iter,
    };
}

/// The types of routes and filters that [`Application::router`](crate::Application::router) and route errors
/// give.
///
/// ```
/// use poorwsgi::{Application, Request, state};
///
/// let mut app = Application::new("demo");
/// app.route("/about", state::METHOD_HEAD | state::METHOD_GET, |_req: Request| "about us")?;
/// for (path, methods) in app.router().static_routes() {
///     assert_eq!((&**path, methods.methods().to_string()), ("/about", "HEAD, GET".to_owned()));
/// }
/// # Ok::<(), poorwsgi::routing::RouteError>(())
/// ```
pub mod routing {
    pub use crate::handler::Stored;
    pub use crate::path_arg::Converter;
    pub use poorwsgi_core::routing::{
        Conversion, Filter, Filters, MethodTable, PatternRoute, Registration, RouteError, RouteErrorKind,
        Router,
    };
}

/// Sessions in sealed or plain cookies, and signed tokens.
///
/// A [`SealedSession`](session::SealedSession) is the class for a login. It is an argument of a handler; its
/// keys are a state of the application. Only a handler that returns the session beside the response writes
/// the cookie.
///
/// ```
/// use std::sync::Arc;
///
/// use poorwsgi::session::{SealedKeys, SealedSession, SessionConfig};
/// use poorwsgi::state::{METHOD_GET, METHOD_HEAD, METHOD_POST};
/// use poorwsgi::{Application, Form, Response, Result};
///
/// #[derive(serde::Deserialize)]
/// struct Login {
///     user: String,
/// }
///
/// /// A real application checks a password here.
/// async fn sign_in(mut session: SealedSession, Form(login): Form<Login>) -> (SealedSession, &'static str) {
///     session.data_mut().insert("user".into(), login.user.into());
///     (session, "welcome")
/// }
///
/// async fn who(session: SealedSession) -> Result<Response> {
///     let user = session.data().get("user").and_then(|user| user.as_str()).unwrap_or("nobody");
///     Ok(Response::text(user.to_owned()).with_header("Vary", "Cookie")?)
/// }
///
/// async fn sign_out(mut session: SealedSession) -> (SealedSession, &'static str) {
///     session.destroy();
///     (session, "bye")
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), poorwsgi::BoxError> {
/// # let secret = "a secret of at least 32 random bytes";
/// let mut app = Application::new("demo");
/// app.with_state(Arc::new(SealedKeys::new([secret])?));
/// // Without a `SessionConfig`, the cookie is named SESSID and lasts until the browser is closed.
/// app.with_state(SessionConfig { max_age: Some(24 * 3600), secure: true, ..SessionConfig::default() });
/// app.route("/sign-in", METHOD_POST, sign_in)?;
/// app.route("/who", METHOD_HEAD | METHOD_GET, who)?;
/// app.route("/sign-out", METHOD_POST, sign_out)?;
/// # let form = http::Request::post("/sign-in").header("Content-Type", "application/x-www-form-urlencoded");
/// # let answer = app.handle(form.body("user=ann".to_owned())?).await;
/// # let cookie = answer.headers()["Set-Cookie"].to_str()?.split(';').next().unwrap_or_default().to_owned();
/// # let answer = app.handle(http::Request::get("/who").header("Cookie", cookie).body(String::new())?).await;
/// # use http_body_util::BodyExt;
/// # assert_eq!(answer.into_body().collect().await?.to_bytes(), "ann");
/// # Ok(())
/// # }
/// ```
///
/// A before hook that reads the session lets every handler take the user as an argument
/// [`User`](crate::extract::User), those of nested applications as well:
///
/// ```
/// use poorwsgi::extract::User;
/// use poorwsgi::session::SealedSession;
/// use poorwsgi::{Application, Request, Response, state};
///
/// async fn remember(session: SealedSession, req: Request) {
///     if let Some(user) = session.data().get("user").and_then(|user| user.as_str()) {
///         req.set_user(user);
///     }
/// }
///
/// # fn main() -> Result<(), poorwsgi::BoxError> {
/// let mut app = Application::new("demo");
/// # app.with_state(std::sync::Arc::new(poorwsgi::session::SealedKeys::new(["secret"])?));
/// // … the keys, as above
/// app.before_response(remember);
/// app.route("/me", state::METHOD_HEAD | state::METHOD_GET, async |User(user): User| {
///     Response::text(format!("hello {user}")).with_header("Vary", "Cookie")
/// })?;
/// # Ok(())
/// # }
/// ```
///
/// The client can read and change the cookie of a plain [`Session`](session::Session), which is for
/// preferences:
///
/// ```
/// use poorwsgi::session::{Session, SessionConfig};
/// use poorwsgi::{Request, Response, Result};
///
/// /// Keeps the chosen language in a plain cookie, because it need not be secret.
/// fn choose(req: Request) -> Result<Response> {
///     let config = SessionConfig { sid: "language".into(), ..SessionConfig::default() };
///     let mut session = Session::new(config)?;
///     session.set_value(req.args()?.get("language").unwrap_or("en"));
///     let mut response = Response::redirect("/", poorwsgi::state::HTTP_SEE_OTHER)?;
///     session.write(response.headers_mut())?;
///     Ok(response)
/// }
/// # poorwsgi::Application::new("demo").route("/choose", poorwsgi::state::METHOD_GET, choose).unwrap();
/// ```
pub mod session {
    #[cfg(feature = "sealed-sessions")]
    pub use poorwsgi_core::session::{DataSession, SealedKeys, SealedSession, Sealer};
    pub use poorwsgi_core::session::{Session, SessionConfig, SessionError, check_token, get_token};
}

#[cfg(feature = "digest")]
/// Digest login (RFC 7616) and its password files.
///
/// ```
/// use poorwsgi::digest::{Algorithm, PasswordMap, hexdigest};
/// use poorwsgi::{Application, Request, Result, state};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut users = PasswordMap::new();
/// users.set("Zone", "ann", &hexdigest("ann", "Zone", "looking-glass", Algorithm::Sha256))?;
///
/// let mut app = Application::new("demo");
/// app.settings_mut().auth_digest = true;
/// app.route("/admin", state::METHOD_HEAD | state::METHOD_GET, move |req: Request| -> Result<String> {
///     let user = req.check_digest(&users, "Zone")?;
///     Ok(format!("hello {user}"))
/// })?;
/// # Ok(())
/// # }
/// ```
pub mod digest {
    pub use poorwsgi_core::digest::{
        Algorithm, PasswordMap, PasswordMapError, UnknownAlgorithm, challenges, command, hexdigest,
    };
}

/// Helpers of the built-in pages: sizes in readable units, and HTML escaping.
///
/// ```
/// use poorwsgi::results::{hbytes, html_escape};
///
/// let (name, size) = ("<plans>.pdf", 2048.0);
/// let (number, unit) = hbytes(size);
/// let row = format!("<td>{}</td><td>{number} {unit}B</td>", html_escape(name));
/// assert_eq!(row, "<td>&lt;plans&gt;.pdf</td><td>2 kB</td>");
/// ```
pub mod results {
    pub use poorwsgi_core::results::{hbytes, html_escape};
}

/// The settings of an application.
///
/// ```
/// use poorwsgi::Application;
/// use poorwsgi::settings::SecretKey;
///
/// # fn main() -> std::io::Result<()> {
/// let mut app = Application::new("demo");
/// let settings = app.settings_mut();
/// settings.document_root = Some("/srv/www".into());
/// settings.json_size = 64 * 1024;
/// settings.secret_key = Some(SecretKey::random()?);
/// # Ok(())
/// # }
/// ```
pub mod settings {
    pub use poorwsgi_core::settings::{FileCallback, MediaTypeCallback, SecretKey, Settings};
}
