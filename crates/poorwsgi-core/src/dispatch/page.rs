//! The response to a status that the application does not answer itself.

#[cfg(feature = "digest")]
use crate::digest;
#[cfg(feature = "pages")]
use crate::dispatch::html as page;
#[cfg(not(feature = "pages"))]
use crate::dispatch::plain as page;
use crate::error::HttpError;
use crate::request::Head;
use crate::response::Response;
use crate::results::ErrorReport;
use crate::settings::Settings;
use crate::state;

/// The default response to a status: a page from 400 on, an empty body below 400, and no response at all for
/// [`state::DECLINED`].
pub(super) fn error_response(
    settings: &Settings,
    head: &dyn Head,
    error: &HttpError,
    report: Option<&ErrorReport>,
) -> Response {
    if error.status() == state::DECLINED {
        return Response::declined();
    }
    let status = error.answered_status();
    if status < state::HTTP_BAD_REQUEST {
        return Response::empty(status).unwrap_or_else(|_| Response::no_content());
    }
    let response = page::error(settings, head, error, report);
    #[cfg(feature = "digest")]
    let response = challenged(settings, head, error, response);
    response
}

/// Adds the digest challenges to a 401, if the setting `auth_digest` is on.
#[cfg(feature = "digest")]
fn challenged(settings: &Settings, head: &dyn Head, error: &HttpError, mut response: Response) -> Response {
    if response.status() == state::HTTP_UNAUTHORIZED && settings.auth_digest {
        let realm = error.challenge().map_or(settings.name.as_str(), |challenge| &challenge.realm);
        let stale = error.challenge().is_some_and(|challenge| challenge.stale);
        let challenges = digest::challenges(settings, head, realm, stale).unwrap_or_default();
        // Without a challenge if no field can hold the realm.
        let _ = digest::ask_for_login(&mut response, challenges);
    }
    response
}
