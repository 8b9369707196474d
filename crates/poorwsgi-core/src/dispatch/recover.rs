//! Turns errors into responses, errors of error handlers and state handlers included. Only a
//! [`Raised::Leave`] passes through.

use std::str::FromStr;

use crate::clip;
use crate::dispatch::page::error_response;
use crate::dispatch::required::RequiredFields;
use crate::dispatch::{Language, Raised};
use crate::headers::usual_spelling;
use crate::response::Response;
use crate::settings;
use crate::state::{self, Method};
use crate::tables::Tables;

/// Turns an error into a response: by an error handler, a state handler, or a default page.
///
/// # Errors
/// Only an error that leaves the application.
pub(super) async fn recover<L: Language>(
    tables: &Tables<L>,
    request: &L::Request,
    error: L::Error,
) -> Result<L::Response, L::Leave> {
    let error = match L::raised(error) {
        Raised::Http(error) => return to_response(tables, request, error).await,
        Raised::Response(response) => return Ok(response),
        Raised::Leave(error) => return Err(error),
        Raised::Other(error) => error,
    };
    let failure = match L::by_error(tables, request, error).await {
        Err(error) => L::uncaught(error),
        Ok(Ok(response)) => return Ok(response),
        Ok(Err(error)) => match L::raised(error) {
            Raised::Response(response) => return Ok(response),
            Raised::Leave(error) => return Err(error),
            Raised::Http(error) => error,
            Raised::Other(error) => return Ok(page(tables, request, &L::uncaught(error))),
        },
    };
    to_response(tables, request, failure).await
}

/// Answers a status, and adds the fields that the answer lacks.
async fn to_response<L: Language>(
    tables: &Tables<L>,
    request: &L::Request,
    error: L::HttpError,
) -> Result<L::Response, L::Leave> {
    let required = RequiredFields::of(&tables.settings, error.as_ref());
    let mut response = L::by_state(tables, request, error).await?;
    if let Some(required) = required
        && L::with_headers(&mut response, |status, headers| required.are_missing(status, headers))
    {
        // Made before the headers are locked, because a door may run code of its own to read the head.
        let fields = required.make(&tables.settings, L::head(request));
        L::with_headers(&mut response, |_, headers| {
            for (name, value) in fields {
                // Cannot fail: the names and values are checked.
                let _ = headers.append(usual_spelling(&name), value.as_bytes());
            }
        });
    }
    Ok(response)
}

/// Calls the application's error handler for an error. The inner result is what the handler returned: a
/// response, or an error of its own.
///
/// # Errors
/// The error that was passed in, where no error handler takes it.
pub async fn by_error<L: Language>(
    tables: &Tables<L>,
    request: &L::Request,
    error: L::Error,
) -> Result<Result<L::Response, L::Error>, L::Error> {
    let method = method::<L>(request);
    let handler = method.and_then(|method| tables.errors.find(|kind| L::is_instance(kind, &error), method));
    match handler {
        Some(handler) => Ok(L::handle_error(handler, request, error).await),
        None => Err(error),
    }
}

fn method<L: Language>(request: &L::Request) -> Option<Method> {
    Method::from_str(L::head(request).method()).ok()
}

/// Answers a status: by the application's state handler, else by the default page.
///
/// # Errors
/// Only an error that leaves the application.
pub async fn by_state<L: Language>(
    tables: &Tables<L>,
    request: &L::Request,
    error: L::HttpError,
) -> Result<L::Response, L::Leave> {
    let method = method::<L>(request);
    let status = error.as_ref().status();
    let find = |status| method.and_then(|method| tables.states.find(|key| *key == status, method));
    // A status that does not exist is a 500, unless the application has a handler for it.
    let (status, handler) = match find(status) {
        Some(handler) => (status, Some(handler)),
        None => {
            let answered = error.as_ref().answered_status();
            (answered, find(answered))
        }
    };
    let Some(handler) = handler else {
        return Ok(page(tables, request, &error));
    };
    if status == state::HTTP_INTERNAL_SERVER_ERROR {
        log::<L>(request, &error);
    } else {
        log_refusal::<L>(request, &error);
    }
    match L::handle_state(handler, request, error).await {
        Ok(response) => Ok(response),
        Err(error) => match L::raised(error) {
            Raised::Response(response) => Ok(response),
            Raised::Leave(error) => Err(error),
            Raised::Http(error) => Ok(page(tables, request, &error)),
            Raised::Other(error) => Ok(page(tables, request, &L::uncaught(error))),
        },
    }
}

fn page<L: Language>(tables: &Tables<L>, request: &L::Request, error: &L::HttpError) -> L::Response {
    L::respond(default_page(tables, request, error))
}

/// The default page of a status. This also writes a 500 to the log, as well as an unknown status, which is
/// answered with a 500.
pub(super) fn default_page<L: Language>(
    tables: &Tables<L>,
    request: &L::Request,
    error: &L::HttpError,
) -> Response {
    let head = L::head(request);
    let internal = error.as_ref().answered_status() == state::HTTP_INTERNAL_SERVER_ERROR;
    if internal {
        log::<L>(request, error);
    } else {
        log_refusal::<L>(request, error);
    }
    let is_shown = internal && settings::debug_for(&tables.settings, head);
    let report = is_shown.then(|| L::inspect(request, error));
    error_response(&tables.settings, head, error.as_ref(), report)
}

fn log<L: Language>(request: &L::Request, error: &L::HttpError) {
    if tracing::enabled!(target: "poorwsgi", tracing::Level::ERROR) {
        let head = L::head(request);
        let report = L::report(error);
        let path = head.client_path().unwrap_or_default();
        let cause = L::cause(error);
        tracing::error!(
            target: "poorwsgi",
            method = head.method(),
            path = &*path,
            cause,
            error = %report,
            "a request failed"
        );
    }
}

/// Logs a request that is refused because it is malformed or exceeds a limit. The detail names the setting of
/// the limit.
fn log_refusal<L: Language>(request: &L::Request, error: &L::HttpError) {
    const LOGGED: [u16; 5] = [
        state::HTTP_BAD_REQUEST,
        state::HTTP_REQUEST_TIME_OUT,
        state::HTTP_REQUEST_ENTITY_TOO_LARGE,
        state::HTTP_REQUEST_URI_TOO_LARGE,
        state::HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE,
    ];
    let error = error.as_ref();
    if error.detail().is_some()
        && LOGGED.contains(&error.status())
        && tracing::enabled!(target: "poorwsgi", tracing::Level::INFO)
    {
        let head = L::head(request);
        let (method, path) = (clip::quoted(head.method()), head.client_path().unwrap_or_default());
        let path = clip::quoted(&path);
        tracing::info!(target: "poorwsgi", %method, %path, "refused: {}", clip::error(error));
    }
}
