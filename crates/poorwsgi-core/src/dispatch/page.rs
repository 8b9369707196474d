//! The default pages as responses: what the templates need, taken from the request and the settings.

use std::borrow::Cow;

use crate::digest;
use crate::error::HttpError;
use crate::request::Head;
use crate::response::Response;
use crate::response::document_root::Directory;
use crate::results::{DirectoryIndex, ErrorPage, ErrorReport, Site, page_response};
use crate::settings::Settings;
use crate::state;

/// The status that an error is answered with: 500 where its own does not exist.
pub(super) fn status(error: &HttpError) -> u16 {
    match error.status() {
        status if status == state::DECLINED || state::reason(status).is_some() => status,
        _ => state::HTTP_INTERNAL_SERVER_ERROR,
    }
}

/// The response of a status nobody else answers: a page for an error, nothing for any other status.
pub(super) fn error_response(
    settings: &Settings,
    head: &dyn Head,
    error: &HttpError,
    report: Option<&ErrorReport>,
) -> Response {
    if error.status() == state::DECLINED {
        return Response::declined();
    }
    let status = status(error);
    if status < state::HTTP_BAD_REQUEST {
        return Response::empty(status).unwrap_or_else(|_| Response::no_content());
    }
    let site = HeadSite::new(settings, head);
    // Without the query, which may hold what is not for every eye.
    let uri = head.path().unwrap_or_default();
    let page = ErrorPage {
        method: head.method(),
        uri: &uri,
        detail: error.detail(),
        allow: error.allow(),
        report,
        ..ErrorPage::new(status, site.as_site())
    };
    let mut response = page.to_response();
    if status == state::HTTP_UNAUTHORIZED && settings.auth_digest {
        let realm = error.challenge().map_or(settings.name.as_str(), |challenge| &challenge.realm);
        let stale = error.challenge().is_some_and(|challenge| challenge.stale);
        // It has headers of its own then.
        response.headers_mut().remove("X-Powered-By");
        for challenge in digest::challenges(settings, head, realm, stale).unwrap_or_default() {
            let _ = response.headers_mut().append("WWW-Authenticate", challenge);
        }
    }
    response
}

/// The index of a directory as a response.
///
/// # Errors
/// 500 where the directory cannot be read.
pub(super) fn directory(
    settings: &Settings,
    head: &dyn Head,
    path: &str,
    directory: &Directory,
) -> Result<Response, HttpError> {
    let unreadable = |error| HttpError::new(state::HTTP_INTERNAL_SERVER_ERROR).with_source(error);
    let listing = directory.list().map_err(unreadable)?;
    let site = HeadSite::new(settings, head);
    let (entries, parent) = (&listing.entries, path != "/");
    let page = DirectoryIndex { path, entries, cut: listing.cut, parent, site: site.as_site() };
    Ok(page_response(page.render()))
}

/// What a request says of the server, for the foot of its pages.
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
            debug: settings.debug_for(head),
        }
    }

    pub(super) fn as_site(&self) -> Site<'_> {
        Site { hostname: &self.hostname, software: &self.software, debug: self.debug, ..Site::default() }
    }
}
