//! `get_token` and `check_token`.

use std::num::NonZeroU64;

use poorwsgi_core::session as engine;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::digest;

/// A signed token for a client: for forms, against cross-site request forgery, and for links that expire.
///
/// client is a text that identifies the client and that the client can present again: its name, address or
/// session id. timeout is in seconds; the token is valid for at least that long and at most twice as long,
/// because time is counted in whole timeouts. Without a timeout it never expires. expired, in seconds since
/// 1970, replaces the computed end of validity.
///
/// The tokens are compatible with PoorWSGI's.
#[pyfunction]
#[pyo3(signature = (secret, client, timeout=None, expired=None), text_signature = "(secret, client, timeout=None, expired=0)")]
pub(crate) fn get_token(
    secret: &Bound<'_, PyAny>,
    client: &Bound<'_, PyAny>,
    timeout: Option<&Bound<'_, PyAny>>,
    expired: Option<u64>,
) -> PyResult<String> {
    let (secret, client) = (secret.str()?, client.str()?);
    Ok(engine::get_token(secret.to_str()?, client.to_str()?, seconds(timeout)?, expired))
}

/// Whether the token was created by get_token with the same secret, client and timeout, and has not expired.
///
/// Also accepts the nonce of a digest challenge, if client is the User-Agent to which it was issued and
/// timeout is Application.auth_timeout. Anybody can obtain such a nonce for any User-Agent, so use another
/// timeout for tokens that protect something else.
///
/// Compares in constant time. Returns False for a token that is no str.
#[pyfunction]
#[pyo3(signature = (token, secret, client, timeout=None))]
pub(crate) fn check_token(
    token: &Bound<'_, PyAny>,
    secret: &Bound<'_, PyAny>,
    client: &Bound<'_, PyAny>,
    timeout: Option<&Bound<'_, PyAny>>,
) -> PyResult<bool> {
    let timeout = seconds(timeout)?;
    let (secret_text, client_text) = (secret.str()?, client.str()?);
    let Ok(token) = token.cast::<PyString>() else { return Ok(false) };
    // No token of ours has a lone surrogate.
    let Ok(text) = token.to_str() else { return Ok(false) };
    let is_token = engine::check_token(text, secret_text.to_str()?, client_text.to_str()?, timeout);
    Ok(is_token || digest::is_fresh(text, secret, client, timeout)?)
}

/// A timeout in seconds, rounded up; None and 0 mean no timeout.
fn seconds(timeout: Option<&Bound<'_, PyAny>>) -> PyResult<Option<NonZeroU64>> {
    let Some(timeout) = timeout else { return Ok(None) };
    if let Ok(seconds) = timeout.extract::<u64>() {
        return Ok(NonZeroU64::new(seconds));
    }
    timeout.py().import("math")?.call_method1("ceil", (timeout,))?.extract().map(NonZeroU64::new).map_err(
        |_| PyValueError::new_err(format!("timeout is {timeout}; expected a number of seconds, 0 or more")),
    )
}
