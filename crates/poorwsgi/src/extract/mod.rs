//! Arguments of handlers by type: what a handler needs of the request, and of the application.
//!
//! Names and behaviour are those of axum. Each argument of a handler is made from the request by its type,
//! from left to right; the last one may read the body. What cannot be made ends the request with an error, a
//! status as a rule, which goes to the application's state handler or page.
//!
//! | argument | what it is | where it does not fit |
//! |---|---|---|
//! | [`Request`] | the request itself, and all that it tells | |
//! | [`State<T>`](State) | what [`Application::with_state`](crate::Application::with_state) was given | an error of `route` |
//! | [`Path<T>`](Path) | the path arguments, by serde | 404 |
//! | [`Query<T>`](Query) | the query, by serde | 400 |
//! | [`Form<T>`](Form), last | the body, a form | 400, 413, 415 |
//! | [`Json<T>`](Json), last | the body, JSON | 400, 413, 415 |
//! | [`Multipart`], last | the body, an upload, as a stream | 400, 413, 415 |
//! | [`Body`](crate::Body), last | the body, as it comes | |
//! | `Bytes`, `String`, last | the body, whole | 400, 413 |
//! | [`SealedSession`](crate::session::SealedSession) | the session in its cookie | a new session |
//! | [`User`] | who is signed in | 401 |
//! | [`http::Method`], [`http::Uri`], [`http::HeaderMap`], [`OriginalUri`] | the head of the request | |
//! | `Option<T>` of some of them | `None` where nothing was sent | as `T`, where something else was sent |
//! | `Result<T, T::Rejection>` of all | the error, for the handler to handle | |
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), poorwsgi::BoxError> {
//! use poorwsgi::extract::{Path, Query, State};
//! use poorwsgi::{Application, state};
//!
//! #[derive(Clone)]
//! struct Shop(&'static str);
//!
//! #[derive(serde::Deserialize)]
//! struct Page {
//!     #[serde(default)]
//!     number: u32,
//! }
//!
//! async fn articles(State(shop): State<Shop>, Path(kind): Path<String>, Query(page): Query<Page>) -> String {
//!     format!("{}: {kind}, page {}", shop.0, page.number)
//! }
//!
//! let mut app = Application::new("shop");
//! app.with_state(Shop("Corner shop"));
//! app.route("/articles/<kind:word>", state::METHOD_GET, articles)?;
//! # use http_body_util::BodyExt;
//! # let ask = async |path: &str| {
//! #     let answer = app.handle(http::Request::get(path).body(String::new()).unwrap()).await;
//! #     (answer.status().as_u16(), answer.into_body().collect().await.unwrap().to_bytes())
//! # };
//! assert_eq!(ask("/articles/tea?number=2").await, (200, "Corner shop: tea, page 2".into()));
//! assert_eq!(ask("/articles/tea?number=two").await.0, 400);
//! # Ok(())
//! # }
//! ```

mod body;
#[cfg(feature = "forms")]
mod form;
mod head;
mod json;
#[cfg(feature = "forms")]
mod multipart;
mod needs;
mod option;
mod path;
mod query;
mod result;
#[cfg(feature = "sealed-sessions")]
mod session;
mod state;
mod texts;
mod user;

use std::future::Future;

#[cfg(feature = "forms")]
pub use form::Form;
pub use head::OriginalUri;
pub use json::Json;
pub(crate) use json::not_read as json_not_read;
#[cfg(feature = "forms")]
pub use multipart::{Field, Multipart};
pub use needs::Needs;
pub use option::{OptionalFromRequest, OptionalFromRequestParts};
pub use path::Path;
pub use query::Query;
pub use state::State;
pub use user::User;

use crate::error::Error;
use crate::handler::marker;
use crate::request::Request;

/// A type that is made from the request and leaves the body alone: any argument of a handler.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), poorwsgi::BoxError> {
/// use poorwsgi::extract::FromRequestParts;
/// use poorwsgi::{Application, HttpError, Request, Response, state};
///
/// /// The key that a client of the API has to send.
/// struct ApiKey(String);
///
/// impl FromRequestParts for ApiKey {
///     type Rejection = HttpError;
///
///     async fn from_request_parts(req: &Request) -> Result<Self, HttpError> {
///         let key = req.headers().get("x-api-key").and_then(|key| key.to_str().ok());
///         key.map(|key| ApiKey(key.to_owned())).ok_or_else(|| HttpError::new(state::HTTP_FORBIDDEN))
///     }
/// }
///
/// let mut app = Application::new("demo");
/// app.route("/api", state::METHOD_GET, async |ApiKey(key): ApiKey| Response::text(format!("hello {key}")))?;
/// let answer = app.handle(http::Request::get("/api").body(String::new())?).await;
/// assert_eq!(answer.status(), 403);
/// # Ok(())
/// # }
/// ```
#[diagnostic::on_unimplemented(note = "what reads the body implements `FromRequest` and comes last")]
pub trait FromRequestParts: Sized {
    /// The error of a request that no value can be made of. An [`HttpError`](crate::HttpError) is answered
    /// with its status.
    type Rejection: Into<Error>;

    /// Whether the future is ready when it is first polled, always.
    #[doc(hidden)]
    const IS_READY: bool = false;

    /// Makes the value.
    ///
    /// # Errors
    /// A request that no value can be made of; the error ends the request.
    fn from_request_parts(request: &Request) -> impl Future<Output = Result<Self, Self::Rejection>> + Send;

    /// Makes the value for the last argument, which may keep the request.
    #[doc(hidden)]
    fn from_last(request: Request) -> impl Future<Output = Result<Self, Self::Rejection>> + Send {
        async move { Self::from_request_parts(&request).await }
    }

    /// Names the states that the value is made of, so that a route without them is an error when it is set.
    fn needs(needs: &mut Needs) {
        let _ = needs;
    }
}

/// A type that is made from the whole request, with its body: the last argument of a handler.
///
/// Nothing of the body is read before. For what reads no body, implement [`FromRequestParts`] instead, with
/// which it may be any argument.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), poorwsgi::BoxError> {
/// use poorwsgi::extract::FromRequest;
/// use poorwsgi::{Application, HttpError, Request, state};
///
/// /// The lines of a text.
/// struct Lines(Vec<String>);
///
/// impl FromRequest for Lines {
///     type Rejection = HttpError;
///
///     async fn from_request(req: Request) -> Result<Self, HttpError> {
///         let text = req.read(64 * 1024).await?;
///         Ok(Lines(String::from_utf8_lossy(&text).lines().map(str::to_owned).collect()))
///     }
/// }
///
/// let mut app = Application::new("demo");
/// app.route("/count", state::METHOD_POST, |Lines(lines): Lines| lines.len().to_string())?;
/// let answer = app.handle(http::Request::post("/count").body("one\ntwo".to_owned())?).await;
/// # use http_body_util::BodyExt;
/// assert_eq!(answer.into_body().collect().await?.to_bytes(), "2");
/// # Ok(())
/// # }
/// ```
#[diagnostic::on_unimplemented(
    note = "an argument of a handler implements `FromRequestParts`, or `FromRequest` where it is the last"
)]
pub trait FromRequest<M = marker::ViaRequest>: Sized {
    /// The error of a request that no value can be made of. An [`HttpError`](crate::HttpError) is answered
    /// with its status.
    type Rejection: Into<Error>;

    /// Whether the future is ready when it is first polled, always.
    #[doc(hidden)]
    const IS_READY: bool = false;

    /// Whether the body must not be read before.
    #[doc(hidden)]
    const READS_BODY: bool = true;

    /// Makes the value.
    ///
    /// # Errors
    /// A request that no value can be made of; the error ends the request.
    fn from_request(request: Request) -> impl Future<Output = Result<Self, Self::Rejection>> + Send;

    /// Names the states that the value is made of, as [`FromRequestParts::needs`] does.
    fn needs(needs: &mut Needs) {
        let _ = needs;
    }
}

impl<T: FromRequestParts> FromRequest<marker::ViaParts> for T {
    type Rejection = T::Rejection;
    const IS_READY: bool = <T as FromRequestParts>::IS_READY;
    const READS_BODY: bool = false;

    fn from_request(request: Request) -> impl Future<Output = Result<Self, Self::Rejection>> + Send {
        T::from_last(request)
    }

    fn needs(needs: &mut Needs) {
        <T as FromRequestParts>::needs(needs);
    }
}
