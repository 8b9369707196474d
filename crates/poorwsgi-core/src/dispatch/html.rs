//! The index of a directory as a response: what the template needs, taken from the request and the settings.

use crate::dispatch::site::HeadSite;
use crate::error::HttpError;
use crate::request::Head;
use crate::response::Response;
use crate::response::document_root::Directory;
use crate::results::{DirectoryIndex, page_response};
use crate::settings::Settings;
use crate::state;

/// The index of a directory as a response.
///
/// # Errors
/// 500 where the directory cannot be read.
pub(super) fn directory(
    settings: &Settings,
    head: &dyn Head,
    directory: &Directory,
) -> Result<Response, HttpError> {
    let unreadable = |error| HttpError::new(state::HTTP_INTERNAL_SERVER_ERROR).with_source(error);
    let listing = directory.list().map_err(unreadable)?;
    let site = HeadSite::new(settings, head);
    let (entries, parent) = (&listing.entries, head.path()? != "/");
    let path = &head.client_path()?;
    let page = DirectoryIndex { path, entries, cut: listing.cut, parent, site: site.as_site() };
    Ok(page_response(page.render()))
}
