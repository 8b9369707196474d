//! Arguments that may be missing.

use std::future::Future;

use super::{FromRequest, FromRequestParts, RequiredStates};
use crate::error::Error;
use crate::request::Request;

/// A type whose `Option` may be an argument of a handler: `None` where the client sent nothing.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), poorwsgi::BoxError> {
/// use poorwsgi::extract::OptionalFromRequestParts;
/// use poorwsgi::{Application, HttpError, Request, state};
///
/// /// The version of the client.
/// struct Version(u32);
///
/// impl OptionalFromRequestParts for Version {
///     type Rejection = HttpError;
///
///     async fn from_request_parts(req: &Request) -> Result<Option<Self>, HttpError> {
///         let Some(version) = req.headers().get("x-version") else { return Ok(None) };
///         let version = version.to_str().ok().and_then(|version| version.parse().ok());
///         version.map(Version).map(Some).ok_or_else(|| HttpError::bad_request("X-Version is a number"))
///     }
/// }
///
/// let mut app = Application::new("demo");
/// app.route("/", state::METHOD_HEAD | state::METHOD_GET, |version: Option<Version>| match version {
///     Some(Version(version)) => format!("you have {version}"),
///     None => "who are you?".to_owned(),
/// })?;
/// # let ask = async |version: &str| {
/// #     let request = http::Request::get("/").header("X-Version", version).body(String::new()).unwrap();
/// #     app.handle(request).await.status().as_u16()
/// # };
/// # assert_eq!((ask("7").await, ask("x").await), (200, 400));
/// # Ok(())
/// # }
/// ```
pub trait OptionalFromRequestParts: Sized {
    /// The error where the client sent something else.
    type Rejection: Into<Error>;

    /// Whether the future is always ready when it is first polled.
    #[doc(hidden)]
    const IS_READY: bool = false;

    /// Makes the value, if there is one.
    ///
    /// # Errors
    /// Where no value can be made of what the client sent.
    fn from_request_parts(
        request: &Request,
    ) -> impl Future<Output = Result<Option<Self>, Self::Rejection>> + Send;

    /// Names the states that the value is made of.
    fn required_states(required: &mut RequiredStates) {
        let _ = required;
    }
}

/// A type whose `Option` may be the last argument of a handler: `None` where the client sent no body.
///
/// ```
/// use poorwsgi::extract::{FromRequest, OptionalFromRequest};
/// use poorwsgi::{HttpError, Json, Request};
///
/// /// A number, as JSON.
/// struct Number(i64);
///
/// impl OptionalFromRequest for Number {
///     type Rejection = HttpError;
///
///     async fn from_request(req: Request) -> Result<Option<Self>, HttpError> {
///         let number = Option::<Json<i64>>::from_request(req).await?;
///         Ok(number.map(|Json(number)| Number(number)))
///     }
/// }
/// # let mut app = poorwsgi::Application::new("demo");
/// # app.route("/", poorwsgi::state::METHOD_POST, |number: Option<Number>| number.map(|n| n.0.to_string())).unwrap();
/// ```
pub trait OptionalFromRequest: Sized {
    /// The error where the client sent something else.
    type Rejection: Into<Error>;

    /// Makes the value, if there is one.
    ///
    /// # Errors
    /// Where no value can be made of what the client sent.
    fn from_request(request: Request) -> impl Future<Output = Result<Option<Self>, Self::Rejection>> + Send;

    /// Names the states that the value is made of.
    fn required_states(required: &mut RequiredStates) {
        let _ = required;
    }
}

#[diagnostic::do_not_recommend]
impl<T: OptionalFromRequestParts> FromRequestParts for Option<T> {
    type Rejection = T::Rejection;
    const IS_READY: bool = T::IS_READY;

    fn from_request_parts(request: &Request) -> impl Future<Output = Result<Self, Self::Rejection>> + Send {
        T::from_request_parts(request)
    }

    fn required_states(required: &mut RequiredStates) {
        T::required_states(required);
    }
}

#[diagnostic::do_not_recommend]
impl<T: OptionalFromRequest> FromRequest for Option<T> {
    type Rejection = T::Rejection;

    fn from_request(request: Request) -> impl Future<Output = Result<Self, Self::Rejection>> + Send {
        T::from_request(request)
    }

    fn required_states(required: &mut RequiredStates) {
        T::required_states(required);
    }
}
