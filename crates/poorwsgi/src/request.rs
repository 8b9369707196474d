//! The request that Rust handlers get.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), poorwsgi::BoxError> {
//! use poorwsgi::{Application, Request, Result, state};
//!
//! /// Shows a client how the server sees it.
//! fn mirror(req: Request) -> Result<String> {
//!     let agent = req.user_agent().unwrap_or_default();
//!     Ok(format!("{} {} of {}, by {agent}", req.method(), req.full_path()?, req.hostname()))
//! }
//!
//! let mut app = Application::new("demo");
//! app.route("/mirror", state::METHOD_HEAD | state::METHOD_GET, mirror)?;
//! let request = http::Request::get("/mirror?x=1").header("Host", "srv").header("User-Agent", "curl");
//! # use http_body_util::BodyExt;
//! let text = app.handle(request.body(String::new())?).await.into_body().collect().await?.to_bytes();
//! assert_eq!(text, "GET /mirror?x=1 of srv, by curl");
//! # Ok(())
//! # }
//! ```

mod attached;
mod views;

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::SystemTime;

use bytes::Bytes;
use http::HeaderMap;
use serde::Deserialize;

use self::attached::{Attached, lock};
use crate::handler::Stored;
use crate::language::{Rust, Shared};
use crate::path_arg::{Converted, FromPathArg, PathArgs};
#[cfg(feature = "digest")]
use poorwsgi_core::digest::{self, PasswordMap};
use poorwsgi_core::error::{BoxError, HttpError, no_such_value, unsupported_media_type};
#[cfg(feature = "forms")]
use poorwsgi_core::form::FieldStorage;
use poorwsgi_core::headers::cookie::Cookies;
pub use poorwsgi_core::request::{Args, ArgsOptions, Authority, Authorization, Connection, Head, Mount};
use poorwsgi_core::request::{HttpHead, read_body};
use poorwsgi_core::response::{Body, iter};
use poorwsgi_core::settings::{self, SecretKey, Settings};
use poorwsgi_core::state;
use poorwsgi_core::tables::Tables;
pub use poorwsgi_core::values::OneOrMany;

/// A request: what the client sent, the route that matched, and the values that handlers and hooks attach.
///
/// It is cheap to clone; all clones share one request. The methods of [`Head`] interpret the head of the
/// request, and nothing is parsed before they are called.
///
/// ```
/// use poorwsgi::{Request, Response, Result};
///
/// async fn greet(req: Request) -> Result<String> {
///     let name: &str = req.path_arg("name")?;
///     let greeting = req.args()?.get("greeting").unwrap_or("Hello").to_owned();
///     Ok(format!("{greeting} {name}, you came from {}", req.referer().unwrap_or_default()))
/// }
/// ```
#[derive(Clone)]
pub struct Request(Arc<Inner>);

struct Inner {
    head: HttpHead,
    shared: Arc<Shared>,
    start_time: SystemTime,
    route: OnceLock<Route>,
    body: Mutex<Option<Body>>,
    extras: OnceLock<Box<Extras>>,
}

/// The data that many requests do not need; allocated when first used.
#[derive(Default)]
struct Extras {
    args: OnceLock<Args>,
    cookies: OnceLock<Cookies>,
    content: OnceLock<ReadContent>,
    attached: OnceLock<Arc<Attached>>,
}

#[derive(Clone)]
struct Route {
    rule: Arc<str>,
    /// The name of the handler.
    handler: Option<&'static str>,
    reads_body: bool,
    args: PathArgs,
}

/// The body, where it was read before the handler.
pub(super) enum ReadContent {
    #[cfg(feature = "forms")]
    Form(Box<FieldStorage>),
    Json(serde_json::Value),
    Data(Bytes),
}

impl Request {
    /// A request that a server gives to an application, or an application to a nested one.
    pub(super) fn new(shared: Arc<Shared>, head: HttpHead, body: Body) -> Self {
        let attached = head.parts().extensions.get::<Arc<Attached>>().map(Arc::clone);
        let extras = attached.map_or_else(OnceLock::new, Extras::sharing);
        Request(Arc::new(Inner {
            head,
            shared,
            start_time: SystemTime::now(),
            route: OnceLock::new(),
            body: Mutex::new(Some(body)),
            extras,
        }))
    }

    pub(super) fn tables(&self) -> &Tables<Rust> {
        &self.0.shared.tables
    }

    fn extras(&self) -> &Extras {
        self.0.extras.get_or_init(Box::default)
    }

    fn attached(&self) -> &Arc<Attached> {
        self.extras().attached.get_or_init(Arc::default)
    }

    fn already_attached(&self) -> Option<&Attached> {
        self.0.extras.get()?.attached.get().map(Arc::as_ref)
    }

    fn content(&self) -> Option<&ReadContent> {
        self.0.extras.get()?.content.get()
    }

    pub(super) fn head(&self) -> &HttpHead {
        &self.0.head
    }

    /// Takes the map of the header fields, so that the response can reuse its allocation. A new map where
    /// another clone of the request exists.
    pub(super) fn take_fields(&mut self) -> HeaderMap {
        Arc::get_mut(&mut self.0).map(|inner| inner.head.take_fields()).unwrap_or_default()
    }

    pub(super) fn set_route(&self, rule: Arc<str>, handler: Option<&Stored<Request>>, args: PathArgs) {
        let reads_body = handler.is_some_and(Stored::reads_body);
        let _ = self.0.route.set(Route { rule, handler: handler.map(Stored::name), reads_body, args });
    }

    pub(super) fn set_content(&self, content: ReadContent) {
        let _ = self.extras().content.set(content);
    }

    pub(super) fn put_body(&self, body: Body) {
        *lock(&self.0.body) = Some(body);
    }

    /// Makes further reads of the body fail with the error of the first read, so that a broken body is never
    /// taken for a complete one.
    pub(super) fn break_body(&self, error: Option<&HttpError>) {
        let status = error.map_or(state::HTTP_INTERNAL_SERVER_ERROR, HttpError::status);
        let detail = error.and_then(HttpError::detail).unwrap_or("the body could not be read before");
        let error: BoxError = HttpError::new(status).with_detail(detail).into();
        self.put_body(Body::stream(iter([Err::<Bytes, _>(error)])));
    }

    /// Whether the handler reads the body itself.
    pub(super) fn reads_body(&self) -> bool {
        self.0.route.get().is_some_and(|route| route.reads_body)
    }

    /// The settings of the application.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.0.shared.tables.settings
    }

    /// The path of the target, percent-decoded.
    #[must_use]
    pub fn path(&self) -> Cow<'_, str> {
        // A path that is not UTF-8 is answered with 400 before any route's handler runs; only the handlers
        // and hooks of that 400 see the path.
        self.head().path().unwrap_or_else(|_| String::from_utf8_lossy(self.target().path().as_bytes()))
    }

    /// The header fields as they arrived.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.head().parts().headers
    }

    /// The target of the request. In a mounted or nested application it has no prefix;
    /// [`OriginalUri`](crate::extract::OriginalUri) is the target as it arrived.
    #[must_use]
    pub fn target(&self) -> &http::Uri {
        &self.head().parts().uri
    }

    /// The rule that the request matched, as it was registered. `/*` for files, for default handlers, and
    /// where nothing matches. `None` where the request is refused because its path does not have the method,
    /// or is not UTF-8.
    #[must_use]
    pub fn rule(&self) -> Option<&str> {
        self.0.route.get().map(|route| route.rule.as_ref())
    }

    /// The name of the handler that the request matched.
    #[must_use]
    pub fn handler(&self) -> Option<&'static str> {
        self.0.route.get()?.handler
    }

    /// A path argument, converted to `T`.
    ///
    /// # Errors
    /// 404 where the text is not a value of `T`; 500 where the rule has no argument of this name.
    pub fn path_arg<'r, T: FromPathArg<'r>>(&'r self, name: &str) -> Result<T, HttpError> {
        let Some((_, text, converted)) = self.each_path_arg().find(|(known, ..)| *known == Some(name)) else {
            let rule = self.rule().unwrap_or("none");
            return Err(HttpError::new(state::HTTP_INTERNAL_SERVER_ERROR)
                .with_source(format!("the rule {rule} has no path argument {name:?}")));
        };
        T::from_path_arg(text, converted)
            .map_err(|error| no_such_value(format!("path argument {name:?}: {error}")))
    }

    /// All path arguments as text, in the order of the pattern; unnamed groups of a regular route have no
    /// name.
    pub fn path_args(&self) -> impl Iterator<Item = (Option<&str>, &str)> {
        self.each_path_arg().map(|(name, text, _)| (name, text))
    }

    fn each_path_arg(&self) -> impl Iterator<Item = (Option<&str>, &str, Option<&Converted>)> {
        self.0.route.get().into_iter().flat_map(|route| route.args.iter())
    }

    /// The arguments of the query; empty when `auto_args` is off.
    ///
    /// # Errors
    /// 400 where `strict_parsing` is on and an argument has no `=`; 413 where there are more arguments than
    /// the setting `form_limits.fields` allows.
    pub fn args(&self) -> Result<&Args, HttpError> {
        let known = &self.extras().args;
        if let Some(args) = known.get() {
            return Ok(args);
        }
        let settings = self.settings();
        let args = if settings.auto_args { (**self).args(&args_options(settings))? } else { Args::default() };
        Ok(known.get_or_init(|| args))
    }

    /// The cookies; none when `auto_cookies` is off.
    #[must_use]
    pub fn cookies(&self) -> &Cookies {
        self.extras().cookies.get_or_init(|| {
            if self.settings().auto_cookies { (**self).cookies() } else { Cookies::default() }
        })
    }

    #[cfg(feature = "forms")]
    /// The form, if the body was one and `auto_form` read it.
    #[must_use]
    pub fn form(&self) -> Option<&FieldStorage> {
        match self.content() {
            Some(ReadContent::Form(form)) => Some(form),
            _ => None,
        }
    }

    /// The JSON value, if the body was one and `auto_json` read it.
    #[must_use]
    pub fn json(&self) -> Option<&serde_json::Value> {
        match self.content() {
            Some(ReadContent::Json(value)) => Some(value),
            _ => None,
        }
    }

    /// The JSON value, deserialised to a type of the application's own.
    ///
    /// ```
    /// use poorwsgi::{Request, Result};
    ///
    /// #[derive(serde::Deserialize)]
    /// struct Order<'r> {
    ///     article: &'r str,
    ///     pieces: u32,
    /// }
    ///
    /// async fn order(req: Request) -> Result<String> {
    ///     let order: Order<'_> = req.json_as()?;
    ///     Ok(format!("{} pieces of {}", order.pieces, order.article))
    /// }
    /// ```
    ///
    /// # Errors
    /// 415 for a body of another content type than those in the setting `json_mime_types`; 400, with the
    /// reason, where the value does not fit the type, or the body was not read because `auto_json` is off.
    pub fn json_as<'r, T: Deserialize<'r>>(&'r self) -> Result<T, HttpError> {
        let Some(value) = self.json() else {
            let is_listed = settings::is_listed(&self.settings().json_mime_types, &self.mime_type());
            return Err(if is_listed { HttpError::bad_request("a JSON body is wanted") } else { no_json() });
        };
        T::deserialize(value)
            .map_err(|error| HttpError::bad_request(format!("JSON: {error}")).with_source(error))
    }

    /// The body, if `auto_data` read it: a body of at most `data_size` bytes, of known length, that is
    /// neither a form nor JSON.
    #[must_use]
    pub fn data(&self) -> Option<&Bytes> {
        match self.content() {
            Some(ReadContent::Data(data)) => Some(data),
            _ => None,
        }
    }

    /// Takes the body, to be read as a stream. The stream is empty where the body was taken before, or parsed
    /// as a form or JSON; a body that `auto_data` has read can still be taken once.
    #[must_use]
    pub fn take_body(&self) -> Body {
        lock(&self.0.body).take().unwrap_or_else(Body::empty)
    }

    /// [Takes the body](Self::take_body) and reads it whole.
    ///
    /// # Errors
    /// 413 for a body over `limit` bytes; the error of the connection where the body ends early. After an
    /// error, further reads fail with the same status.
    pub async fn read(&self, limit: usize) -> Result<Bytes, HttpError> {
        let read = read_body(self.take_body(), limit as u64, "of the handler").await;
        read.inspect_err(|error| self.break_body(Some(error)))
    }

    #[cfg(feature = "digest")]
    /// Checks the digest login of this request against stored passwords. Returns the user's name, and sets it
    /// as [`user`](Self::user).
    ///
    /// The stored digests have to be made with an algorithm of the setting `auth_algorithms`. The 401 has a
    /// challenge only where the setting `auth_digest` is on.
    ///
    /// # Errors
    /// 401 where the credentials are missing or refused, which asks the client for them; 400 for a path that
    /// is not UTF-8; 500 where the operating system gives no random bytes for a key.
    pub fn check_digest(&self, passwords: &PasswordMap, realm: &str) -> Result<Arc<str>, HttpError> {
        let nonces = &self.0.shared.tables.nonces;
        let user = digest::authenticate(self.settings(), self.head(), nonces, passwords, realm)?;
        let user = Arc::<str>::from(user);
        self.set_user(Arc::clone(&user));
        Ok(user)
    }

    /// The name of the user who is logged in, as set by [`set_user`](Self::set_user) or the digest check.
    #[must_use]
    pub fn user(&self) -> Option<Arc<str>> {
        self.already_attached().and_then(Attached::user)
    }

    /// Sets the name of the user who is logged in.
    pub fn set_user(&self, user: impl Into<Arc<str>>) {
        self.attached().set_user(user.into());
    }

    /// Attaches a value, which [`get`](Self::get) finds by its type. An earlier value of the type is
    /// replaced.
    pub fn insert<T: Clone + Send + Sync + 'static>(&self, value: T) {
        self.attached().insert(value);
    }

    /// A clone of the attached value of this type; where there is none, of the extension of this type that a
    /// server or layer has set.
    #[must_use]
    pub fn get<T: Clone + Send + Sync + 'static>(&self) -> Option<T> {
        let attached = self.already_attached().and_then(Attached::get);
        attached.or_else(|| self.head().parts().extensions.get().cloned())
    }

    /// The application's state of this type. Handlers and before hooks usually take it as an argument
    /// instead, [`State<T>`](crate::extract::State).
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), poorwsgi::BoxError> {
    /// use poorwsgi::{Application, Request, Response, Result};
    ///
    /// #[derive(Clone)]
    /// struct Version(&'static str);
    ///
    /// fn tell_version(req: Request, response: Response) -> Result<Response> {
    ///     let version = req.state().map_or("none", |Version(version)| version);
    ///     Ok(response.with_header("X-Version", version)?)
    /// }
    ///
    /// let mut app = Application::new("demo");
    /// app.with_state(Version("1.2"));
    /// app.after_response(tell_version);
    /// let answer = app.handle(http::Request::get("/").body(String::new())?).await;
    /// assert_eq!(answer.headers()["X-Version"], "1.2");
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn state<T: Clone + Send + Sync + 'static>(&self) -> Option<&T> {
        self.0.shared.states.get()
    }

    /// The connection that the request came in on, where the server gives it.
    #[must_use]
    pub fn connection(&self) -> Option<&Connection> {
        self.head().connection()
    }

    /// When the request arrived.
    #[must_use]
    pub fn start_time(&self) -> SystemTime {
        self.0.start_time
    }

    /// Whether debug is on for this request.
    #[must_use]
    pub fn debug(&self) -> bool {
        settings::debug_for(self.settings(), self.head())
    }

    /// The secret key for this request.
    #[must_use]
    pub fn secret_key(&self) -> Option<SecretKey> {
        settings::secret_key_for(self.settings(), self.head())
    }
}

/// How arguments are read, by these settings.
pub(crate) fn args_options(settings: &Settings) -> ArgsOptions {
    ArgsOptions {
        keep_blank_values: settings.keep_blank_values,
        strict_parsing: settings.strict_parsing,
        max_num_fields: usize::try_from(settings.form_limits.fields).unwrap_or(usize::MAX),
    }
}

/// The error of a body whose content type is not JSON.
pub(crate) fn no_json() -> HttpError {
    unsupported_media_type("a JSON body", "application/json")
}

/// Shows the rule only, because the rest may hold secrets that the client sent.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request").field("rule", &self.rule()).finish_non_exhaustive()
    }
}

impl Deref for Request {
    // A trait object, so that callers need no `use` of [`Head`] for its methods.
    type Target = dyn Head;

    fn deref(&self) -> &(dyn Head + 'static) {
        &self.0.head
    }
}
