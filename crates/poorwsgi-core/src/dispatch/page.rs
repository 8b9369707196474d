//! The response to a status that the application does not answer itself.

use http::header::ACCEPT;

#[cfg(feature = "digest")]
use crate::digest;
#[cfg(feature = "digest")]
use crate::dispatch::required::challenges_of;
use crate::dispatch::secrets::secrets;
use crate::dispatch::site::HeadSite;
use crate::error::HttpError;
use crate::request::Head;
use crate::response::Response;
use crate::results::{ErrorPage, ErrorReport, Secrets, without};
use crate::settings::Settings;
use crate::state;

/// The default response to a status: a page from 400 on, an empty body below 400, and no response at all for
/// [`state::DECLINED`].
pub(super) fn error_response(
    settings: &Settings,
    head: &dyn Head,
    error: &HttpError,
    report: Option<ErrorReport>,
) -> Response {
    if error.status() == state::DECLINED {
        return Response::declined();
    }
    let status = error.answered_status();
    if status < state::HTTP_BAD_REQUEST {
        return Response::empty(status).unwrap_or_else(|_| Response::no_content());
    }
    let hidden = if report.is_some() { secrets(settings, head) } else { Secrets::default() };
    let report = report.map(|report| report.without(&hidden));
    // That of another status is meant for the client.
    let is_internal = status == state::HTTP_INTERNAL_SERVER_ERROR;
    let detail =
        error.detail().map(|detail| if is_internal { without(detail, &hidden) } else { detail.into() });
    let site = HeadSite::new(settings, head);
    // Without the query, which may hold secrets.
    let uri = head.client_path().unwrap_or_default();
    let page = ErrorPage {
        method: head.method(),
        uri: &uri,
        detail: detail.as_deref(),
        allow: error.allow(),
        report: report.as_ref(),
        ..ErrorPage::new(status, site.as_site())
    };
    let response = page.to_response(head.header(&ACCEPT).as_deref());
    #[cfg(feature = "digest")]
    let response = challenged(settings, head, error, response);
    response
}

/// Adds the digest challenges to a 401, if the setting `auth_digest` is on.
#[cfg(feature = "digest")]
fn challenged(settings: &Settings, head: &dyn Head, error: &HttpError, mut response: Response) -> Response {
    if response.status() == state::HTTP_UNAUTHORIZED && settings.auth_digest {
        // Without a challenge if no field can hold the realm.
        let _ = digest::ask_for_login(&mut response, challenges_of(settings, head, error.challenge()));
    }
    response
}
