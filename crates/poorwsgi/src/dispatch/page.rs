//! The default pages as responses: what the templates need, taken from the request and the settings.

use http::{HeaderValue, header};

use crate::digest;
use crate::error::HttpError;
use crate::request::Head;
use crate::response::Response;
use crate::response::document_root::Directory;
use crate::results::{CONTENT_SECURITY_POLICY, DirectoryIndex, ErrorPage, ErrorReport, Site};
use crate::settings::Settings;
use crate::state;

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
    let status = match state::reason(error.status()) {
        Some(_) => error.status(),
        None => state::HTTP_INTERNAL_SERVER_ERROR,
    };
    if status < state::HTTP_BAD_REQUEST {
        return Response::empty(status).unwrap_or_else(|_| Response::no_content());
    }
    let hostname = head.hostname();
    // Without the query, which may hold what is not for every eye.
    let uri = head.path().unwrap_or_default();
    let page = ErrorPage {
        // The fields of a HEAD are those of the GET (RFC 9110, section 9.3.2), the length of this page among them.
        method: if head.method() == "HEAD" { "GET" } else { head.method() },
        uri: &uri,
        detail: error.detail(),
        allow: error.allow(),
        report,
        ..ErrorPage::new(status, site(settings, head, &hostname))
    };
    let mut response = built_in(page.render());
    // The status is one of the table: it was looked up above.
    let _ = response.set_status(status);
    if let Some(allow) = error.allow() {
        put(&mut response, header::ALLOW, &allow.to_string());
    }
    if status == state::HTTP_UNAUTHORIZED && settings.auth_digest {
        let realm = error.challenge().map_or(settings.name.as_str(), |challenge| &challenge.realm);
        let stale = error.challenge().is_some_and(|challenge| challenge.stale);
        for challenge in digest::challenges(settings, head, realm, stale).unwrap_or_default() {
            let _ = response.headers_mut().append(header::WWW_AUTHENTICATE, challenge);
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
    let hostname = head.hostname();
    let unreadable = |error| HttpError::new(state::HTTP_INTERNAL_SERVER_ERROR).with_source(error);
    let listing = directory.list().map_err(unreadable)?;
    let site = site(settings, head, &hostname);
    Ok(built_in(
        DirectoryIndex { path, entries: &listing.entries, cut: listing.cut, parent: path != "/", site }
            .render(),
    ))
}

/// A page of ours as a response: it loads nothing and runs nothing, whatever a fault in it would let through.
pub(super) fn built_in(page: String) -> Response {
    let mut response = Response::new(page);
    let policy = HeaderValue::from_static(CONTENT_SECURITY_POLICY);
    response.headers_mut().put(header::CONTENT_SECURITY_POLICY, policy);
    response
}

pub(super) fn site<'a>(settings: &'a Settings, head: &dyn Head, hostname: &'a str) -> Site<'a> {
    Site { hostname, debug: settings.debug_for(head), ..Site::default() }
}

fn put(response: &mut Response, name: http::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().put(name, value);
    }
}
