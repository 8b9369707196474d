//! Checking the login of a request.

use poorwsgi::digest::{Algorithm, Refusal};
use poorwsgi::state;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::MODULE;
use super::duck::{Login, with_login};
use crate::names::{self, Name};
use crate::response::HTTPException;

/// Whether the response of a request's credentials was made with this digest of a user, realm and password (hexdigest).
///
/// Says nothing about the rest of the credentials: see check_credentials.
#[pyfunction]
pub(crate) fn check_response(req: &Bound<'_, PyAny>, password: &str) -> PyResult<bool> {
    judged(
        req,
        with_login(req, |login| {
            Ok(login.auth.check_response(login.credentials, login.attempt.method, password))
        })?,
    )
}

/// Whether the credentials of a request prove the knowledge of a password of the realm, which Application.auth_map has the
/// digest of; with a username, whether they are of that user.
///
/// Leaves the nonce to check_digest, which looks at all that a login needs.
#[pyfunction]
#[pyo3(signature = (req, realm, username = None))]
pub(crate) fn check_credentials(
    req: &Bound<'_, PyAny>,
    realm: &str,
    username: Option<&str>,
) -> PyResult<bool> {
    judged(req, with_login(req, |login| credentials(req, login, realm, username))?)
}

fn credentials(
    req: &Bound<'_, PyAny>,
    login: &Login<'_>,
    realm: &str,
    username: Option<&str>,
) -> PyResult<Result<(), Refusal>> {
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
            Some(username) if username != user => Err(Refusal::Refused("another user")),
            _ => Ok(()),
        })),
    }
}

/// The digest of a user in Application.auth_map: a PasswordMap, or any mapping of realms to mappings of users.
fn stored(req: &Bound<'_, PyAny>, realm: &str, user: &str) -> PyResult<Option<String>> {
    let map = req.getattr("app")?.getattr("auth_map")?;
    if map.is_none() {
        return Err(PyRuntimeError::new_err(
            "Application.auth_map is not set: it holds the users of digest login",
        ));
    }
    let users = map.call_method1("get", (realm, PyDict::new(req.py())))?;
    Ok(users.call_method1("get", (user,))?.extract().ok())
}

/// The answer, with the reason of a refusal in the log.
fn judged(req: &Bound<'_, PyAny>, result: Option<Result<(), Refusal>>) -> PyResult<bool> {
    let refusal = match result {
        Some(Ok(())) => return Ok(true),
        Some(Err(refusal)) => refusal,
        None => Refusal::Refused("not digest credentials, or a directive given twice"),
    };
    names::log(req.py(), MODULE)?.call_method1("info", ("Digest: %s", refusal.to_string()))?;
    Ok(false)
}

/// What check_digest does before the handler runs: sets req.user, or raises the 401 that asks for a login.
#[pyfunction]
pub(crate) fn _check_login(req: &Bound<'_, PyAny>, realm: &str, username: Option<&str>) -> PyResult<()> {
    static CHECK_TOKEN: Name = Name::new("poorwsgi._poorwsgi", "check_token");
    let py = req.py();
    let module = py.import(MODULE)?;
    let refuse = |stale| Err(unauthorized(py, realm, stale));
    if !req.getattr("headers")?.contains("Authorization")? {
        return refuse(false);
    }
    let authorization = req.getattr("authorization")?;
    let value = |name| authorization.get_item(name).ok().filter(|value| !value.is_none());
    if value("type").and_then(|kind| kind.extract::<String>().ok()).as_deref() != Some("Digest") {
        return refuse(false);
    }
    let check_token = module.getattr("check_token")?;
    let replaced = !check_token.is(CHECK_TOKEN.get(py)?);
    if replaced && !token_is_good(req, &check_token, value("nonce"))? {
        return refuse(true);
    }
    if !module.call_method1("check_credentials", (req, realm, username))?.is_truthy()? {
        return refuse(false);
    }
    // Comes last, because the nonce counts as used from here on.
    let login = with_login(req, |login| {
        let nonce = match replaced {
            true => Ok(()),
            false => login.auth.check_nonce(login.credentials, login.attempt, login.nonces),
        };
        Ok((nonce, login.credentials.username.map(str::to_owned)))
    })?;
    let (nonce, user) = login.unzip();
    let stale = nonce == Some(Err(Refusal::Stale));
    if !replaced && !judged(req, nonce)? {
        return refuse(stale);
    }
    req.setattr("user", user.flatten())
}

/// The check of nonces that somebody put in the place of ours, called as PoorWSGI calls it.
fn token_is_good(
    req: &Bound<'_, PyAny>,
    check_token: &Bound<'_, PyAny>,
    nonce: Option<Bound<'_, PyAny>>,
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
