//! A small web framework: routes with filters, hooks, forms and uploads, sessions, digest login, files with
//! ranges, error pages, and a debug page.
//!
//! ```no_run
//! use poorwsgi::{Application, BoxError, Request, Response, Result, abort, state};
//!
//! async fn user_detail(req: Request) -> Result<Response> {
//!     let name: &str = req.path_arg("name")?;
//!     let age: i64 = req.path_arg("age")?;
//!     if age < 0 {
//!         return abort(state::HTTP_BAD_REQUEST);
//!     }
//!     Ok(Response::json(&serde_json::json!({ "name": name, "age": age }))?)
//! }
//!
//! #[tokio::main]
//! async fn main() -> Result<(), BoxError> {
//!     let mut app = Application::new("demo");
//!     app.route("/user/<name:word>/<age:int>", state::METHOD_GET, user_detail)?;
//!     app.route("/", state::METHOD_GET_POST, async |_req: Request| "Hello world")?;
//!     Ok(app.run("127.0.0.1:8080").await?)
//! }
//! ```
//!
//! [`Application`] is a tower service over `http` types: `Application::run` serves it with `poorwsgi-server`,
//! and any other server of such services runs it as well (`default-features = false` leaves ours out).
//!
//! # Where to look
//!
//! | for | see |
//! |---|---|
//! | routes, hooks, handlers | [`Application`], [`routing`] |
//! | what the client sent | [`Request`], [`request::Head`], [`form`], [`headers`] |
//! | what is answered | [`Response`], [`IntoResponse`], [`abort`], [`response`] |
//! | who is there | [`session`], [`digest`] |
//! | settings and limits | [`settings::Settings`], [`form::Limits`] |
//! | statuses and methods | [`state`] |
//!
//! # Features
//!
//! All are on by default but `cli`, which is for the command `poorwsgi-digest`.
//!
//! | feature | without it |
//! |---|---|
//! | `digest` | no digest login, and no [`digest`] |
//! | `forms` | bodies that are forms are left to the handler |
//! | `pages` | an error is one line of text; directories are not listed, and `/debug-info` is not served |
//! | `sealed-sessions` | [`session`] has plain sessions and tokens alone |
//! | `server` | no `Application::run` |
//!
//! The engine below, `poorwsgi-core`, is for servers and for doors of other languages; its surface may change
//! with each version, and what is not named here is not promised.
#![forbid(unsafe_code)]

mod application;
mod error;
#[cfg(feature = "forms")]
mod forms;
mod handler;
mod into_response;
mod language;
mod mount;
mod path_arg;
pub mod request;
#[cfg(feature = "server")]
mod run;
mod service;

pub use application::Application;
pub use error::{Abort, Error, Result, abort};
pub use handler::{AfterHook, BeforeHook, ErrorHandler, Handler, StateHandler, marker};
pub use into_response::{IntoHeaders, IntoResponse, make_response};
pub use path_arg::{ConvertError, FromPathArg};
pub use poorwsgi_core::error::{BoxError, HttpError};
pub use poorwsgi_core::response::{Body, Response};
pub use poorwsgi_core::state;
pub use request::Request;

/// Fields of requests and responses, and what their values mean.
pub mod headers {
    pub use poorwsgi_core::headers::{
        ContentRange, CookieError, Cookies, HeaderError, Headers, RangeSpec, SameSite, SetCookie, date,
    };
}

/// Forms and uploads: what [`Request::form`](crate::Request::form) gives, and how large it may be.
pub mod form {
    #[cfg(feature = "forms")]
    pub use poorwsgi_core::form::{FieldStorage, safe_filename};
    pub use poorwsgi_core::form::{FormError, FormFile, Limits, WriteOnly};
}

/// What handlers return beside text: files, streams, redirects, partial content.
pub mod response {
    pub use poorwsgi_core::response::{
        Body, Declined, DocumentRoot, EntityTag, Iter, Ranges, Response, ResponseError, document_root, iter,
    };
}

/// Routes, as errors and [`Application::router`](crate::Application::router) show them.
pub mod routing {
    pub use poorwsgi_core::routing::{
        Conversion, Filter, Filters, PatternRoute, RegularRoute, RouteError, RouteErrorKind, Router,
    };
}

/// Sessions in cookies that are sealed, and signed tokens.
pub mod session {
    #[cfg(feature = "sealed-sessions")]
    pub use poorwsgi_core::session::{DataSession, SealedKeys, SealedSession, Sealer};
    pub use poorwsgi_core::session::{Session, SessionConfig, SessionError, check_token, get_token};
}

#[cfg(feature = "digest")]
/// Digest login (RFC 7616) and its password files.
pub mod digest {
    pub use poorwsgi_core::digest::{
        Algorithm, PasswordMap, PasswordMapError, UnknownAlgorithm, challenges, command, hexdigest,
    };
}

/// What the built-in pages are made with.
pub mod results {
    pub use poorwsgi_core::results::{hbytes, html_escape};
}

/// What an application can be told.
pub mod settings {
    pub use poorwsgi_core::settings::{FileCallback, MediaTypeCallback, SecretKey, Settings};
}
