//! The answer to a status that the application does not answer itself.

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
    let response = page::error(settings, head, error, report);
    #[cfg(feature = "digest")]
    let response = challenged(settings, head, error, response);
    response
}

/// The response of a 401 with a challenge, where the application asks for digest logins.
#[cfg(feature = "digest")]
fn challenged(settings: &Settings, head: &dyn Head, error: &HttpError, mut response: Response) -> Response {
    if response.status() == state::HTTP_UNAUTHORIZED && settings.auth_digest {
        let realm = error.challenge().map_or(settings.name.as_str(), |challenge| &challenge.realm);
        let stale = error.challenge().is_some_and(|challenge| challenge.stale);
        // It has headers of its own then.
        response.headers_mut().remove("X-Powered-By");
        for challenge in crate::digest::challenges(settings, head, realm, stale).unwrap_or_default() {
            let _ = response.headers_mut().append("WWW-Authenticate", challenge);
        }
    }
    response
}
