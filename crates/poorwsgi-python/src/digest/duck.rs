//! What digest authentication needs of a request: a `SimpleRequest`, or any object with the same attributes.

use std::num::NonZeroU64;

use poorwsgi_core::clock;
use poorwsgi_core::digest::{Algorithm, Attempt, Credentials, DigestAuth, DigestTarget, NonceTable};
use poorwsgi_core::settings::SecretKey;
use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyString};

use crate::application::{Application, seconds};
use crate::environ;
use crate::exceptions::http_exception;
use crate::request::SimpleRequest;

/// A login in the form in which the engine checks it.
pub(super) struct LoginAttempt<'a> {
    pub(super) auth: &'a DigestAuth,
    pub(super) credentials: &'a Credentials<'a>,
    pub(super) attempt: &'a Attempt<'a>,
    pub(super) nonces: &'a NonceTable,
}

/// Calls `check` with the login of a request. Returns `None` if its credentials are not those of a digest
/// login, or contain a directive twice.
pub(super) fn with_login<T>(
    req: &Bound<'_, PyAny>,
    check: impl FnOnce(&LoginAttempt<'_>) -> PyResult<T>,
) -> PyResult<Option<T>> {
    let py = req.py();
    let app = req.getattr(intern!(py, "app"))?;
    let (Ok(request), Ok(app)) = (req.cast::<SimpleRequest>(), app.cast::<Application>()) else {
        return with_attributes(req, &app, check);
    };
    let (tables, head) = (app.get().tables(), request.get().head());
    let authorization = head.authorization();
    let Some(credentials) = Credentials::read(&authorization) else { return Ok(None) };
    let auth = DigestAuth::for_request(&tables.settings, head).map_err(|error| http_exception(py, error))?;
    Attempt::with_request(head, |attempt| {
        check(&LoginAttempt { auth: &auth, credentials: &credentials, attempt, nonces: &tables.nonces })
    })
    .map_err(|error| http_exception(py, error))?
    .map(Some)
}

fn with_attributes<T>(
    req: &Bound<'_, PyAny>,
    app: &Bound<'_, PyAny>,
    check: impl FnOnce(&LoginAttempt<'_>) -> PyResult<T>,
) -> PyResult<Option<T>> {
    let auth = settings_of(req, app)?;
    let Ok(authorization) = req.getattr("authorization")?.cast_into::<PyDict>() else { return Ok(None) };
    let texts =
        authorization.iter().filter_map(|(name, value)| Some((name.extract().ok()?, value.extract().ok()?)));
    let texts: Vec<(String, String)> = texts.collect();
    let scheme = texts.iter().find(|(name, _)| name == "type").map_or("", |(_, scheme)| scheme);
    let directives = texts.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let Some(credentials) = Credentials::of(scheme, directives) else { return Ok(None) };
    let text = |name: &str| req.getattr(name).ok()?.extract::<String>().ok();
    let full_path = text("full_path").unwrap_or_default();
    let (path, query) = full_path.split_once('?').unwrap_or((&full_path, ""));
    let server_name = text("server_hostname").unwrap_or_default();
    let user_agent = text("user_agent");
    let attempt = Attempt {
        method: &text("method").unwrap_or_default(),
        targets: &[DigestTarget::Raw(&full_path), DigestTarget::Path { path, query }],
        host: &server_name,
        server_name: &server_name,
        user_agent: user_agent.as_deref(),
        now: clock::milliseconds(),
    };
    check(&LoginAttempt {
        auth: &auth,
        credentials: &credentials,
        attempt: &attempt,
        nonces: &NonceTable::of_process(),
    })
    .map(Some)
}

/// The digest settings for a request of any application object.
pub(crate) fn settings_of(req: &Bound<'_, PyAny>, app: &Bound<'_, PyAny>) -> PyResult<DigestAuth> {
    // Before the first challenge: the table, which refuses nonces that are older than itself, is created here
    // if there is no `Application`.
    drop(NonceTable::of_process());
    let key = secret_key(&req.getattr("secret_key")?);
    let auth = DigestAuth::with_key(key).map_err(|error| http_exception(req.py(), error))?;
    Ok(DigestAuth {
        algorithms: algorithms(&app.getattr("auth_algorithm")?)?,
        qop_auth: app.getattr("auth_qop")?.is_truthy()?,
        ..auth.timeout(seconds(&app.getattr("auth_timeout")?, "auth_timeout")?)
    })
}

/// Whether a text is a valid nonce that was made with this key for this user agent and has not expired.
pub(crate) fn is_fresh(
    nonce: &str,
    key: &Bound<'_, PyAny>,
    user_agent: &Bound<'_, PyAny>,
    timeout: Option<NonZeroU64>,
) -> PyResult<bool> {
    let auth = DigestAuth::with_key(secret_key(key)).map_err(|error| http_exception(key.py(), error))?;
    let user_agent = environ::text(user_agent);
    let auth = DigestAuth { timeout, ..auth };
    Ok(auth.is_fresh(nonce, user_agent.as_deref(), &NonceTable::of_process(), clock::milliseconds()))
}

fn secret_key(key: &Bound<'_, PyAny>) -> Option<SecretKey> {
    match key.cast::<PyBytes>() {
        Ok(bytes) => Some(SecretKey::from(bytes.as_bytes())),
        Err(_) => key.extract::<String>().ok().as_ref().map(SecretKey::from),
    }
}

/// Parses the name of an algorithm, or a list of names.
fn algorithms(names: &Bound<'_, PyAny>) -> PyResult<Vec<Algorithm>> {
    let names: Vec<String> = match names.cast::<PyString>() {
        Ok(name) => vec![name.to_str()?.to_owned()],
        Err(_) => names.extract()?,
    };
    let parse = |name: &String| name.parse().map_err(|error| PyValueError::new_err(format!("{error}")));
    names.iter().map(parse).collect()
}
