//! `get_token` and `check_token`.

use std::num::NonZeroU64;

use poorwsgi_core::session as engine;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::digest;

/// A token for a client: for forms (cross-site request forgery) and links that expire.
///
/// client is whatever the client can show again: its name, address, session id. timeout is in seconds; the
/// token is good for at least that long and at most twice as long, because time is counted in whole timeouts.
/// Without a timeout it never expires. expired, seconds since 1970, is used as the end of validity instead of
/// the computed one.
///
/// Tokens are those of PoorWSGI, in both directions.
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

/// Whether get_token made the token with the same secret, client and timeout, and it has not expired.
///
/// The nonce of a digest login is a token, too, for the User-Agent that it was issued to, where the timeout
/// is Application.auth_timeout. Anybody gets one for any name, so give tokens that protect something else
/// another timeout.
///
/// Compares in constant time. Anything that is no str is not a token: False.
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
    // One with a lone surrogate is none of ours.
    let Ok(text) = token.to_str() else { return Ok(false) };
    let is_token = engine::check_token(text, secret_text.to_str()?, client_text.to_str()?, timeout);
    Ok(is_token || digest::is_fresh(text, secret, client, timeout)?)
}

/// Whole seconds; fractions count as a second. None and 0 stand for no timeout.
fn seconds(timeout: Option<&Bound<'_, PyAny>>) -> PyResult<Option<NonZeroU64>> {
    let Some(timeout) = timeout else { return Ok(None) };
    if let Ok(seconds) = timeout.extract::<u64>() {
        return Ok(NonZeroU64::new(seconds));
    }
    timeout
        .py()
        .import("math")?
        .call_method1("ceil", (timeout,))?
        .extract()
        .map(NonZeroU64::new)
        .map_err(|_| PyValueError::new_err(format!("timeout {timeout}: use a number of seconds from 0 on")))
}
