//! Mounting of tower services below a path prefix.

use bytes::Bytes;
use http::Uri;
use http::uri::PathAndQuery;
use tower_service::Service;

use crate::error::{Error, Result};
use crate::handler::{Called, Stored};
use crate::request::Request;
use poorwsgi_core::error::BoxError;
use poorwsgi_core::response::{Body, Response};
use poorwsgi_core::routing::{RouteError, RouteErrorKind};

/// The regular expression that matches the paths of a mounted service, and the handler that calls the
/// service.
///
/// # Errors
/// Where the prefix does not begin with `/`, or ends with it.
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
    let handler = Stored::new::<S>(std::any::type_name::<S>(), move |request: Request| {
        let mut service = service.clone();
        Called::Later(Box::pin(async move {
            let mut inner = request.to_http();
            *inner.uri_mut() = below(inner.uri(), skip)?;
            std::future::poll_fn(|context| service.poll_ready(context)).await.map_err(Error::new)?;
            Ok(Response::from(service.call(inner).await.map_err(Error::new)?))
        }))
    });
    Ok((regex, handler.mounted()))
}

/// The target without the prefix, which the router has matched in the decoded path: its first `skip` bytes,
/// and the `/` after them.
fn below(target: &Uri, skip: usize) -> Result<Uri> {
    let rest = without_decoded(target.path(), skip + 1);
    let target_below = match target.query() {
        Some(query) => format!("/{rest}?{query}"),
        None => format!("/{rest}"),
    };
    let mut parts = target.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(target_below)?);
    Ok(Uri::from_parts(parts)?)
}

/// A path without its first `count` bytes, where an escape such as `%61` counts as one byte.
fn without_decoded(path: &str, count: usize) -> &str {
    let mut rest = path;
    for _ in 0..count {
        let length = match rest.as_bytes() {
            [b'%', high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => 3,
            _ => 1,
        };
        rest = rest.get(length..).unwrap_or_default();
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A path that the router has matched with `/a/b/c/d` is cut where the match ends in the decoded path,
    /// not after as many bytes of the target.
    #[test]
    fn the_prefix_is_cut_off_as_it_was_matched() {
        for (path, rest) in [
            ("/a/b/c/d/x?q=1", "/x?q=1"),
            ("/%61/b/c/d/x", "/x"),
            ("/%61/b/c/d", "/"),
            ("/a%2Fb/%63%2fd%2Fx%2Fy", "/x%2Fy"),
            ("/a/b/c/d//x", "//x"),
        ] {
            let below = below(&path.parse().unwrap(), "/a/b/c/d".len()).unwrap();
            assert_eq!(below.to_string(), rest, "{path}");
        }
    }
}
