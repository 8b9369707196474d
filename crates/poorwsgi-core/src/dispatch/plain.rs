//! Replaces the default pages by one line of text where the feature `pages` is off.

use crate::error::{HttpError, StatusText, shows_detail};
use crate::request::Head;
use crate::response::document_root::Directory;
use crate::response::{Response, default_headers, text_page};
use crate::results::ErrorReport;
use crate::settings::{self, Settings};
use crate::state;

/// A line with status and reason and, unless it must not be shown, the detail.
pub(super) fn error(
    settings: &Settings,
    head: &dyn Head,
    error: &HttpError,
    _report: Option<&ErrorReport>,
) -> Response {
    let status = error.answered_status();
    let detail = error.detail().filter(|_| shows_detail(status, settings::debug_for(settings, head)));
    let mut response = text_page(StatusText { status, detail }).with_headers(default_headers());
    if let Some(allow) = error.allow() {
        let _ = response.headers_mut().set("Allow", allow.to_string());
    }
    response
}

/// Always 403: directories are not listed.
pub(super) fn directory(
    _settings: &Settings,
    _head: &dyn Head,
    _directory: &Directory,
) -> Result<Response, HttpError> {
    Err(HttpError::new(state::HTTP_FORBIDDEN))
}
