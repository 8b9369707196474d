//! What HTTP says to the client of `poorwsgi.testing`.

use poorwsgi_core::request::redirected;
use poorwsgi_core::response::Content;
use pyo3::prelude::*;

/// How the request that follows a redirect differs from the one before: its method, whether the content is sent
/// again, and the fields that are not. None if the status is not that of a redirect.
#[pyfunction]
pub(crate) fn _redirected(
    method: &str,
    status: u16,
    url: &str,
    location: &str,
) -> Option<(String, bool, Vec<&'static str>)> {
    let next = redirected(method, status, url, location)?;
    Some((next.method.to_owned(), next.has_content, next.dropped))
}

/// Whether content may follow the head of a response.
#[pyfunction]
pub(crate) fn _may_have_content(method: &str, status: u16) -> bool {
    Content::of(method.parse().ok(), status).is_allowed()
}
