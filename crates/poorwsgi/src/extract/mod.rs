//! Arguments of handlers: values that are made of the request by their types.
//!
//! Names and behaviour are those of axum. Arguments are made from left to right; only the last one may read
//! the body. Where an argument cannot be made, the request is answered with an error, in most cases a status,
//! and the application's handlers of that status or error are called as usual.
//!
//! | argument | what it is | the error |
//! |---|---|---|
//! | [`Request`] | the request itself | |
//! | [`State<T>`](State) | the application's [state](crate::Application::with_state) of that type | an error of `route` |
//! | [`Path<T>`](Path) | the path arguments, by serde | 404 |
//! | [`Query<T>`](Query) | the query, by serde | 400 |
//! | [`Form<T>`](Form), last | the body, a form | 400, 413, 415 |
//! | [`Json<T>`](Json), last | the body, JSON | 400, 413, 415 |
//! | [`Multipart`], last | the body, an upload, as a stream | 400, 413, 415 |
//! | [`Body`](crate::Body), last | the body, as a stream, without a limit but that of the server | |
//! | `Bytes`, last | the body, whole, of at most 65,365 bytes: the setting [`data_size`](crate::settings::Settings::data_size) | 413 |
//! | `String`, last | the same as text | 413; 400 where the body is not UTF-8 |
//! | [`SealedSession`](crate::session::SealedSession) | the session in its cookie; a new one where the cookie does not open | |
//! | [`User`] | the user who is logged in | 401 |
//! | `http::Method`, `http::Uri`, `http::HeaderMap`, [`OriginalUri`] | the head of the request | |
//! | `Option<T>` of some of them | `None` where the client sent nothing | that of `T` |
//! | `Result<T, T::Rejection>` of all of them | the value or the error | |
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
//! app.route("/articles/<kind:word>", state::METHOD_HEAD | state::METHOD_GET, articles)?;
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
mod option;
mod path;
mod query;
mod required_states;
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
#[cfg(feature = "forms")]
pub use multipart::{Field, Multipart};
pub use option::{OptionalFromRequest, OptionalFromRequestParts};
pub use path::Path;
pub use query::Query;
pub use required_states::RequiredStates;
pub use state::State;
pub use user::User;

use crate::error::Error;
use crate::handler::marker;
use crate::request::Request;

/// A type that is made from a request without its body. It may be any argument of a handler.
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
/// app.route("/api", state::METHOD_HEAD | state::METHOD_GET, async |ApiKey(key): ApiKey| {
///     Response::text(format!("hello {key}"))
/// })?;
/// let answer = app.handle(http::Request::get("/api").body(String::new())?).await;
/// assert_eq!(answer.status(), 403);
/// # Ok(())
/// # }
/// ```
#[diagnostic::on_unimplemented(
    note = "an argument that reads the body implements `FromRequest`, and has to be the last one",
    note = "a value that serde reads needs `serde::Deserialize`, a state needs `Clone`; the request is taken by value, without `&`"
)]
pub trait FromRequestParts: Sized {
    /// The error where no value can be made. An [`HttpError`](crate::HttpError) is answered with its status.
    type Rejection: Into<Error>;

    /// Whether the future is always ready when it is first polled.
    #[doc(hidden)]
    const IS_READY: bool = false;

    /// Makes the value.
    ///
    /// # Errors
    /// Where no value can be made of the request. The request is answered with the error.
    fn from_request_parts(request: &Request) -> impl Future<Output = Result<Self, Self::Rejection>> + Send;

    /// Makes the value for the last argument, which may keep the request.
    #[doc(hidden)]
    fn from_last(request: Request) -> impl Future<Output = Result<Self, Self::Rejection>> + Send {
        async move { Self::from_request_parts(&request).await }
    }

    /// Names the states that the value is made of, so that setting a route fails where one is missing.
    fn required_states(required: &mut RequiredStates) {
        let _ = required;
    }
}

/// A type that is made from a request and its body. It may be the last argument of a handler.
///
/// The framework does not read the body before. A type that needs no body implements [`FromRequestParts`]
/// instead, so that it may be any argument.
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
    note = "an argument of a handler implements `FromRequestParts`, or `FromRequest` where it is the last",
    note = "a value that serde reads needs `serde::Deserialize`, a state needs `Clone`; the request is taken by value, without `&`"
)]
pub trait FromRequest<M = marker::ViaRequest>: Sized {
    /// The error where no value can be made. An [`HttpError`](crate::HttpError) is answered with its status.
    type Rejection: Into<Error>;

    /// Whether the future is always ready when it is first polled.
    #[doc(hidden)]
    const IS_READY: bool = false;

    /// Whether the framework must leave the body unread.
    #[doc(hidden)]
    const READS_BODY: bool = true;

    /// Makes the value.
    ///
    /// # Errors
    /// Where no value can be made of the request. The request is answered with the error.
    fn from_request(request: Request) -> impl Future<Output = Result<Self, Self::Rejection>> + Send;

    /// Names the states that the value is made of, as [`FromRequestParts::required_states`] does.
    fn required_states(required: &mut RequiredStates) {
        let _ = required;
    }
}

impl<T: FromRequestParts> FromRequest<marker::ViaParts> for T {
    type Rejection = T::Rejection;
    const IS_READY: bool = <T as FromRequestParts>::IS_READY;
    const READS_BODY: bool = false;

    fn from_request(request: Request) -> impl Future<Output = Result<Self, Self::Rejection>> + Send {
        T::from_last(request)
    }

    fn required_states(required: &mut RequiredStates) {
        <T as FromRequestParts>::required_states(required);
    }
}
