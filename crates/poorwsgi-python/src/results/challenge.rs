//! The digest challenge of a 401, for requests of any kind.

use poorwsgi_core::clock;
use poorwsgi_core::digest;
use poorwsgi_core::response::Response;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use super::visitor::text;
use crate::application::Application;
use crate::digest::settings_of;
use crate::exceptions::http_exception;
use crate::headers::header_error;
use crate::request::SimpleRequest;

/// Adds the digest challenges, if the application's auth_type is "Digest".
pub(super) fn add(
    req: &Bound<'_, PyAny>,
    realm: Option<&str>,
    stale: bool,
    response: &mut Response,
) -> PyResult<()> {
    let Ok(app) = req.getattr("app") else { return Ok(()) };
    if text(&app, "auth_type").as_deref() != Some("Digest") {
        return Ok(());
    }
    let realm = realm.filter(|realm| !realm.is_empty()).map(str::to_owned).or_else(|| text(&app, "name"));
    let realm = realm.ok_or_else(|| PyRuntimeError::new_err("digest authentication needs a realm, and the application has no name; give one: HTTPException(401, realm=\"…\")"))?;
    digest::ask_for_login(response, challenges(req, &app, &realm, stale)?).map_err(header_error)
}

fn challenges(
    req: &Bound<'_, PyAny>,
    app: &Bound<'_, PyAny>,
    realm: &str,
    stale: bool,
) -> PyResult<Vec<String>> {
    if let (Ok(request), Ok(app)) = (req.cast::<SimpleRequest>(), app.cast::<Application>()) {
        return digest::challenges(&app.get().tables().settings, request.get().head(), realm, stale)
            .map_err(|error| http_exception(req.py(), error));
    }
    let auth = settings_of(req, app)?;
    let (server_name, agent) = (text(req, "server_hostname").unwrap_or_default(), text(req, "user_agent"));
    auth.challenges(realm, &server_name, agent.as_deref(), stale, clock::milliseconds())
        .map_err(|error| PyRuntimeError::new_err(error.to_string()))
}
