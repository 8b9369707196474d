//! Replaces the default pages by one line of text where the feature `pages` is off.

use crate::error::HttpError;
use crate::request::Head;
use crate::response::document_root::Directory;
use crate::response::{Response, default_headers};
use crate::results::ErrorReport;
use crate::settings::Settings;
use crate::state;

/// A line with status and reason and, except for a 500, the detail.
pub(super) fn error(
    _settings: &Settings,
    _head: &dyn Head,
    error: &HttpError,
    _report: Option<&ErrorReport>,
) -> Response {
    let status = error.answered_status();
    let mut line = format!("{status} {}", state::reason(status).unwrap_or_default());
    if let Some(detail) = error.detail().filter(|_| status != state::HTTP_INTERNAL_SERVER_ERROR) {
        line = format!("{line}: {detail}");
    }
    let response = Response::new(line + "\n").with_headers(default_headers());
    let mut response =
        response.with_content_type("text/plain; charset=utf-8").unwrap_or_else(|_| Response::no_content());
    let _ = response.set_status(status);
    if let Some(allow) = error.allow() {
        let _ = response.headers_mut().set("Allow", allow.to_string());
    }
    response
}

/// Always 403: directories are not listed.
pub(super) fn directory(
    _settings: &Settings,
    _head: &dyn Head,
    _path: &str,
    _directory: &Directory,
) -> Result<Response, HttpError> {
    Err(HttpError::new(state::HTTP_FORBIDDEN))
}
