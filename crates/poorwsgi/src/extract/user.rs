//! The user who is logged in.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use poorwsgi_core::error::HttpError;
use poorwsgi_core::state;

use super::{FromRequestParts, OptionalFromRequestParts};
use crate::request::Request;

/// The name of the user who is logged in, as a hook or the digest check has set it
/// ([`Request::user`](crate::Request::user)). Where nobody is logged in, the request is answered with 401,
/// and `Option<User>` is `None`.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), poorwsgi::BoxError> {
/// use poorwsgi::extract::User;
/// use poorwsgi::{Application, Request, state};
///
/// let mut app = Application::new("demo");
/// app.before_response(|req: Request| {
///     if req.headers().contains_key("x-ann") {
///         req.set_user("ann");
///     }
/// });
/// app.route("/me", state::METHOD_HEAD | state::METHOD_GET, |user: User| format!("hello {user}"))?;
/// let request = http::Request::get("/me");
/// assert_eq!(app.handle(request.body(String::new())?).await.status(), 401);
/// let request = http::Request::get("/me").header("x-ann", "yes");
/// assert_eq!(app.handle(request.body(String::new())?).await.status(), 200);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User(pub Arc<str>);

impl FromRequestParts for User {
    type Rejection = HttpError;
    const IS_READY: bool = true;

    async fn from_request_parts(request: &Request) -> Result<Self, HttpError> {
        request.user().map(User).ok_or_else(|| HttpError::new(state::HTTP_UNAUTHORIZED))
    }
}

impl OptionalFromRequestParts for User {
    type Rejection = HttpError;
    const IS_READY: bool = true;

    async fn from_request_parts(request: &Request) -> Result<Option<Self>, HttpError> {
        Ok(request.user().map(User))
    }
}

impl Deref for User {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
