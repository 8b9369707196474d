//! Replaces the index of a directory where the feature `pages` is off.

use crate::error::HttpError;
use crate::request::Head;
use crate::response::Response;
use crate::response::document_root::Directory;
use crate::settings::Settings;
use crate::state;

/// Always 403: directories are not listed.
pub(super) fn directory(
    _settings: &Settings,
    _head: &dyn Head,
    _directory: &Directory,
) -> Result<Response, HttpError> {
    Err(HttpError::new(state::HTTP_FORBIDDEN))
}
