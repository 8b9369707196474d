//! The default pages as responses: what the templates need, taken from the request and the settings.

use std::borrow::Cow;

use crate::error::HttpError;
use crate::request::Head;
use crate::response::Response;
use crate::response::document_root::Directory;
use crate::results::{DirectoryIndex, ErrorPage, ErrorReport, Site, page_response};
use crate::settings::{self, Settings};
use crate::state;

/// The page of a status.
pub(super) fn error(
    settings: &Settings,
    head: &dyn Head,
    error: &HttpError,
    report: Option<&ErrorReport>,
) -> Response {
    let site = HeadSite::new(settings, head);
    // Without the query, which may hold secrets.
    let uri = head.client_path().unwrap_or_default();
    let page = ErrorPage {
        method: head.method(),
        uri: &uri,
        detail: error.detail(),
        allow: error.allow(),
        report,
        ..ErrorPage::new(error.answered_status(), site.as_site())
    };
    page.to_response()
}

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

/// The server's name and software and whether debug is on, for the [`Site`] of a request's pages.
pub(super) struct HeadSite<'a> {
    hostname: String,
    software: Cow<'a, str>,
    debug: bool,
}

impl<'a> HeadSite<'a> {
    pub(super) fn new(settings: &Settings, head: &'a dyn Head) -> Self {
        HeadSite {
            hostname: head.hostname(),
            software: head.server_software(),
            debug: settings::debug_for(settings, head),
        }
    }

    pub(super) fn as_site(&self) -> Site<'_> {
        Site { hostname: &self.hostname, software: &self.software, debug: self.debug, ..Site::default() }
    }
}
