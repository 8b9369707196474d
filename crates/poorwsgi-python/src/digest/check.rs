//! Checks the digest login of a request.

use http::header::AUTHORIZATION;
use poorwsgi_core::digest::{Algorithm, LoginRefusal};
use poorwsgi_core::state;
use pyo3::exceptions::PyRuntimeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use super::MODULE;
use super::duck::{LoginAttempt, with_login};
use crate::application::Application;
use crate::exceptions::HTTPException;
use crate::log;
use crate::names::Name;
use crate::request::SimpleRequest;

/// Whether the response directive of the request's credentials was computed with password: the digest of
/// user, realm and password, as hexdigest returns it.
///
/// Does not check the rest of the credentials; see check_credentials.
#[pyfunction]
pub(crate) fn check_response(req: &Bound<'_, PyAny>, password: &str) -> PyResult<bool> {
    judged(
        req,
        with_login(req, |login| {
            Ok(login.auth.check_response(login.credentials, login.attempt.method, password))
        })?,
    )
}

/// Whether the credentials of a request were computed with the password of their user, whose digest is in
/// Application.auth_map under the realm. With a username, also whether they are that user's. Raises
/// RuntimeError if auth_map is None.
///
/// The same credentials are accepted for one request only, but may be checked several times during that
/// request. Does not check whether the nonce is fresh (see check_token); check_digest checks everything.
#[pyfunction]
#[pyo3(signature = (req, realm, username = None))]
pub(crate) fn check_credentials(
    req: &Bound<'_, PyAny>,
    realm: &str,
    username: Option<&str>,
) -> PyResult<bool> {
    let check = |login: &LoginAttempt<'_>| {
        Ok(credentials(req, login, realm, username)?.and_then(|()| use_nonce(req, login)))
    };
    judged(req, with_login(req, check)?)
}

/// Counts the nonce as used, once for a request, because a request's login may be checked more than once.
fn use_nonce(req: &Bound<'_, PyAny>, login: &LoginAttempt<'_>) -> Result<(), LoginRefusal> {
    let request = req.cast::<SimpleRequest>().ok();
    if request.is_some_and(|request| request.get().has_used_nonce()) {
        return Ok(());
    }
    login.auth.use_nonce(login.credentials, login.attempt, login.nonces)?;
    if let Some(request) = request {
        request.get().note_used_nonce();
    }
    Ok(())
}

fn credentials(
    req: &Bound<'_, PyAny>,
    login: &LoginAttempt<'_>,
    realm: &str,
    username: Option<&str>,
) -> PyResult<Result<(), LoginRefusal>> {
    let mut failed = None;
    let digest_of = |user: &str, _: Algorithm| {
        stored(req, realm, user).unwrap_or_else(|error| {
            failed = Some(error);
            None
        })
    };
    let user = login.auth.check_credentials(login.credentials, realm, login.attempt, digest_of);
    match failed {
        Some(error) => Err(error),
        None => Ok(user.and_then(|user| match username {
            Some(username) if username != user => {
                Err(LoginRefusal::Refused("the user is not the one that check_digest names"))
            }
            _ => Ok(()),
        })),
    }
}

/// The digest of a user in Application.auth_map, a PasswordMap or any mapping of realms to mappings of users.
fn stored(req: &Bound<'_, PyAny>, realm: &str, user: &str) -> PyResult<Option<String>> {
    let py = req.py();
    let map = req.getattr(intern!(py, "app"))?.getattr(intern!(py, "auth_map"))?;
    if map.is_none() {
        return Err(PyRuntimeError::new_err(
            "app.auth_map is None; set it to the users of digest login: a PasswordMap, or a dict {realm: {user: digest}}",
        ));
    }
    let users = map.call_method1(intern!(py, "get"), (realm, PyDict::new(py)))?;
    Ok(users.call_method1(intern!(py, "get"), (user,))?.extract().ok())
}

/// The result of a check as a bool. Logs the reason of a refusal.
fn judged(req: &Bound<'_, PyAny>, result: Option<Result<(), LoginRefusal>>) -> PyResult<bool> {
    let refusal = match result {
        Some(Ok(())) => return Ok(true),
        Some(Err(refusal)) => refusal,
        None => {
            LoginRefusal::Refused("the Authorization field has no digest credentials, or a directive twice")
        }
    };
    log::write(req.py(), MODULE, "info", "Digest: %s", (refusal.to_string(),))?;
    Ok(false)
}

/// The work of check_digest before it calls the handler: sets req.user, or raises the 401 with the challenge.
#[pyfunction]
pub(crate) fn _check_login(req: &Bound<'_, PyAny>, realm: &str, username: Option<&str>) -> PyResult<()> {
    static CHECK_TOKEN: Name = Name::new("poorwsgi._poorwsgi", "check_token");
    static CHECK_CREDENTIALS: Name = Name::new("poorwsgi._poorwsgi", "check_credentials");
    let py = req.py();
    if !has_credentials(req)? {
        if let Ok(request) = req.cast::<SimpleRequest>()
            && let Ok(app) = request.get().application(py).cast::<Application>()
        {
            app.get().check_challenge(request.get().rule().map(|rule| &**rule), realm);
        }
        return Err(unauthorized(py, realm, false));
    }
    let own_token = replaced(intern!(py, "check_token"), &CHECK_TOKEN)?;
    let own_credentials = replaced(intern!(py, "check_credentials"), &CHECK_CREDENTIALS)?;
    let login = with_login(req, |login| {
        if let Some(check_token) = &own_token
            && !token_is_good(req, check_token, login.credentials.nonce)?
        {
            return Ok(Err(LoginRefusal::Stale));
        }
        let proven = match &own_credentials {
            None => credentials(req, login, realm, username)?,
            Some(check) if check.call1((req, realm, username))?.is_truthy()? => Ok(()),
            Some(_) => {
                Err(LoginRefusal::Refused("the application's check_credentials returned a false value"))
            }
        };
        // Last, because this counts the nonce as used.
        let checked = proven.and_then(|()| match own_token {
            Some(_) => Ok(()),
            None if is_stale(login) => Err(LoginRefusal::Stale),
            None => use_nonce(req, login),
        });
        Ok(checked.map(|()| login.credentials.username.map(str::to_owned)))
    })?;
    let stale = login == Some(Err(LoginRefusal::Stale));
    let mut user = None;
    if judged(req, login.map(|login| login.map(|found| user = found)))? {
        return req.setattr(intern!(py, "user"), user);
    }
    Err(unauthorized(py, realm, stale))
}

/// Whether there is a nonce that is not ours or too old.
fn is_stale(login: &LoginAttempt<'_>) -> bool {
    let LoginAttempt { auth, credentials, attempt, nonces } = login;
    credentials.nonce.is_some_and(|nonce| !auth.is_fresh(nonce, attempt.user_agent, nonces, attempt.now))
}

fn has_credentials(req: &Bound<'_, PyAny>) -> PyResult<bool> {
    match req.cast::<SimpleRequest>() {
        Ok(request) => Ok(request.get().head().header(&AUTHORIZATION).is_some()),
        Err(_) => req.getattr("headers")?.contains("Authorization"),
    }
}

/// The function that replaced ours in `poorwsgi.digest`, if any.
fn replaced<'py>(name: &Bound<'py, PyString>, ours: &Name) -> PyResult<Option<Bound<'py, PyAny>>> {
    static DIGEST: Name = Name::new("poorwsgi", "digest");
    let py = name.py();
    let function = DIGEST.get(py)?.getattr(name)?;
    Ok(if function.is(ours.get(py)?) { None } else { Some(function) })
}

/// Calls the function that replaced `check_token`, with the arguments that PoorWSGI passes.
fn token_is_good(
    req: &Bound<'_, PyAny>,
    check_token: &Bound<'_, PyAny>,
    nonce: Option<&str>,
) -> PyResult<bool> {
    let kwargs = PyDict::new(req.py());
    kwargs.set_item("timeout", req.getattr("app")?.getattr("auth_timeout")?)?;
    let args = (nonce, req.getattr("secret_key")?, req.getattr("user_agent")?);
    check_token.call(args, Some(&kwargs))?.is_truthy()
}

fn unauthorized(py: Python<'_>, realm: &str, stale: bool) -> PyErr {
    let kwargs = PyDict::new(py);
    let made = kwargs
        .set_item("realm", realm)
        .and_then(|()| if stale { kwargs.set_item("stale", true) } else { Ok(()) })
        .and_then(|()| HTTPException::of_status(py, state::HTTP_UNAUTHORIZED, Some(&kwargs)));
    match made {
        Ok(exception) => PyErr::from_value(exception),
        Err(error) => error,
    }
}
