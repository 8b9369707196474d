//! A small web framework: routes with filters, hooks, forms and uploads, sessions, digest login, files with
//! ranges, error pages, and a debug page.
//!
//! ```no_run
//! use poorwsgi::{Application, Request, Response, Result, abort, state};
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
//! # mod poorwsgi_server {
//! #     pub async fn run(_: poorwsgi::Application, _: &str) -> Result<(), std::io::Error> { Ok(()) }
//! # }
//! # async fn serve() -> Result<(), poorwsgi::BoxError> {
//! let mut app = Application::new("demo");
//! app.route("/user/<name:word>/<age:int>", state::METHOD_GET, user_detail)?;
//! app.route("/", state::METHOD_GET_POST, async |_req: Request| "Hello world")?;
//! poorwsgi_server::run(app, "127.0.0.1:8080").await?;
//! # Ok(())
//! # }
//! ```
//!
//! The crate has no sockets: [`Application`] is a tower service over `http` types, which `poorwsgi-server` or
//! any other server of such services runs.
//!
//! # Where to look
//!
//! | for | see |
//! |---|---|
//! | routes, hooks, handlers | [`Application`], [`routing`] |
//! | what the client sent | [`Request`], [`request::Head`], [`form`], [`json`], [`charset`], [`headers`] |
//! | what is answered | [`Response`], [`IntoResponse`], [`abort`], [`response`] |
//! | who is there | [`session`], [`digest`] |
//! | settings and limits | [`settings::Settings`], [`form::Limits`] |
//! | pages for errors, directories and debugging | [`results`] |
//! | how a request goes through all that, and how another language gets a door | [`mod@dispatch`] |
#![forbid(unsafe_code)]

pub mod charset;
pub mod clip;
pub mod digest;
pub mod dispatch;
mod door;
pub mod error;
pub mod form;
pub mod headers;
pub mod json;
pub mod request;
pub mod response;
pub mod results;
pub mod routing;
pub mod session;
pub mod settings;
pub mod state;
pub mod tables;
mod values;
pub mod variables;

pub use door::{
    Abort, AfterHook, Application, BeforeHook, ConvertError, Error, ErrorHandler, FromPathArg, Handler,
    Request, Result, StateHandler, abort, marker,
};
pub use error::{BoxError, HttpError};
pub use response::{Body, IntoResponse, Response};
