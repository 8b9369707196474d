//! Any tower service below a path prefix.

use bytes::Bytes;
use http::Uri;
use http::uri::PathAndQuery;
use tower_service::Service;

use crate::door::error::{Error, Result};
use crate::door::handler::{Called, Stored};
use crate::door::request::Request;
use crate::error::{BoxError, HttpError};
use crate::response::{Body, Response};
use crate::routing::{RouteError, RouteErrorKind};

/// The regular expression that a mounted service matches, and the handler that calls it.
///
/// # Errors
/// A prefix that does not begin with `/`, or ends with one.
pub(super) fn mount<S, B>(prefix: &str, service: S) -> Result<(String, Stored<Request>), RouteError>
where
    S: Service<http::Request<Body>, Response = http::Response<B>> + Clone + Send + Sync + 'static,
    S::Future: Send,
    S::Error: Into<BoxError>,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    if !prefix.starts_with('/') || prefix.ends_with('/') {
        let detail = "a prefix begins with \"/\" and does not end with it";
        return Err(RouteError::new(RouteErrorKind::Prefix, prefix, detail));
    }
    let regex = format!(r"{}(?:/|\z)", regex_syntax::escape(prefix));
    let skip = prefix.len();
    let handler = Stored::new(std::any::type_name::<S>(), move |request: Request| {
        let mut service = service.clone();
        Called::Later(Box::pin(async move {
            let mut inner = request.to_http();
            *inner.uri_mut() = below(inner.uri(), skip)?;
            std::future::poll_fn(|context| service.poll_ready(context)).await.map_err(Error::new)?;
            Ok(Response::from(service.call(inner).await.map_err(Error::new)?))
        }))
    });
    Ok((regex, handler))
}

/// The target without the first `skip` bytes of its path.
fn below(target: &Uri, skip: usize) -> Result<Uri> {
    // The router matched the decoded path; a target that spells the prefix with escapes cannot be cut.
    let rest = target.path().get(skip..).filter(|rest| rest.is_empty() || rest.starts_with('/'));
    let path = rest.ok_or_else(|| HttpError::bad_request("the path spells a mounted prefix with escapes"))?;
    let path = if path.is_empty() { "/" } else { path };
    let target_below = match target.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    let mut parts = target.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(target_below)?);
    Ok(Uri::from_parts(parts)?)
}
