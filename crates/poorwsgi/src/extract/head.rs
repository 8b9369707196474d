//! The head of the request, and the request itself.

use std::convert::Infallible;

use http::{HeaderMap, Method, Uri};

use super::FromRequestParts;
use crate::request::Request;

/// The target of a request as it arrived: in a mounted or nested application, with the prefixes that the
/// mounts have removed from [`Uri`].
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), poorwsgi::BoxError> {
/// use poorwsgi::extract::OriginalUri;
/// use poorwsgi::{Application, Request, state};
///
/// let mut admin = Application::new("admin");
/// admin.route("/users", state::METHOD_HEAD | state::METHOD_GET, |req: Request, OriginalUri(uri)| {
///     format!("{} of {uri}", req.path())
/// })?;
/// let mut app = Application::new("demo");
/// app.nest("/admin", admin)?;
/// let answer = app.handle(http::Request::get("/admin/users?page=2").body(String::new())?).await;
/// # use http_body_util::BodyExt;
/// assert_eq!(answer.into_body().collect().await?.to_bytes(), "/users of /admin/users?page=2");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OriginalUri(pub Uri);

impl FromRequestParts for Request {
    type Rejection = Infallible;
    const IS_READY: bool = true;

    async fn from_request_parts(request: &Request) -> Result<Self, Infallible> {
        Ok(request.clone())
    }

    async fn from_last(request: Request) -> Result<Self, Infallible> {
        Ok(request)
    }
}

macro_rules! part {
    ($($type:ty: |$request:ident| $part:expr;)*) => {$(
        impl FromRequestParts for $type {
            type Rejection = Infallible;
            const IS_READY: bool = true;

            async fn from_request_parts($request: &Request) -> Result<Self, Infallible> {
                Ok($part)
            }
        }
    )*};
}

part! {
    HeaderMap: |request| request.headers().clone();
    Method: |request| request.head().parts().method.clone();
    Uri: |request| request.target().clone();
    OriginalUri: |request| OriginalUri(original(request));
}

/// The target with the path and the query that the client sent; mounts change nothing else of it.
fn original(request: &Request) -> Uri {
    let target = request.target();
    let sent = request.mount().and(request.raw_target()).and_then(|sent| sent.parse().ok());
    let Some(sent) = sent else { return target.clone() };
    let mut parts = target.clone().into_parts();
    parts.path_and_query = Some(sent);
    Uri::from_parts(parts).unwrap_or_else(|_| target.clone())
}
