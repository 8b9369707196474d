//! The attributes of a session's cookie: conversion between Python's SimpleCookie and the engine.

use poorwsgi_core::headers::set_cookie::{Attribute, SameSite};
use poorwsgi_core::session::{SessionConfig, config};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyInt;

use super::session_error;
use crate::cookies::SIMPLE_COOKIE;
use crate::names::Name;

/// The arguments that the constructors of all sessions have in common.
pub(super) struct Attributes {
    pub(super) expires: Seconds,
    pub(super) max_age: Seconds,
    pub(super) domain: Option<String>,
    pub(super) path: Option<String>,
    pub(super) secure: Truth,
    pub(super) same_site: SameSiteArgument,
    pub(super) sid: String,
}

impl Attributes {
    pub(super) fn into_config(self) -> PyResult<SessionConfig> {
        let config = SessionConfig {
            sid: self.sid,
            // 0, the default, means no expiry.
            expires: self.expires.0.filter(|&seconds| seconds != 0),
            max_age: self.max_age.0,
            domain: self.domain.filter(|domain| !domain.is_empty()),
            path: self.path.filter(|path| !path.is_empty()),
            secure: self.secure.0,
            same_site: self.same_site.0,
        };
        config::check(&config).map_err(session_error)?;
        Ok(config)
    }
}

/// A number of seconds, or None. A str is accepted, too, because settings may come from files.
pub(super) struct Seconds(pub(super) Option<i64>);

impl FromPyObject<'_, '_> for Seconds {
    type Error = PyErr;

    fn extract(value: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        static INT: Name = Name::new("builtins", "int");
        if value.is_none() {
            return Ok(Seconds(None));
        }
        if value.is_exact_instance_of::<PyInt>() {
            return value.extract().map(Some).map(Seconds);
        }
        INT.get(value.py())?.call1((value,))?.extract().map(Some).map(Seconds)
    }
}

/// The truth value of any Python object.
pub(super) struct Truth(pub(super) bool);

impl FromPyObject<'_, '_> for Truth {
    type Error = PyErr;

    fn extract(value: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        value.is_truthy().map(Truth)
    }
}

/// `SameSite`, or False.
pub(super) struct SameSiteArgument(pub(super) Option<SameSite>);

impl FromPyObject<'_, '_> for SameSiteArgument {
    type Error = PyErr;

    fn extract(value: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        if value.extract::<bool>().is_ok_and(|value| !value) {
            return Ok(SameSiteArgument(None));
        }
        let name = value.extract::<String>().unwrap_or_default();
        let refused = || {
            let value = value.repr()?;
            Err(PyValueError::new_err(format!(
                "same_site={value} is not valid: use 'Strict', 'Lax', 'None' or False"
            )))
        };
        SameSite::named(&name).map_or_else(refused, |site| Ok(SameSiteArgument(Some(site))))
    }
}

/// Puts the cookie with its attributes into a SimpleCookie; for a destroyed session, a cookie that removes
/// it.
pub(super) fn put(
    cookies: &Bound<'_, PyAny>,
    config: &SessionConfig,
    value: &str,
    destroyed: bool,
) -> PyResult<()> {
    let (line, cookie) = match destroyed {
        true => (config.remove_cookie(), config::removing(config)),
        false => (config.set_cookie(value), config::setting(config, value)),
    };
    // The engine checks that browsers accept the cookie.
    line.map_err(session_error)?;
    let sid = config.sid.as_str();
    cookies.set_item(sid, cookie.value())?;
    let morsel = cookies.get_item(sid)?;
    for attribute in Attribute::of(&cookie) {
        let name = attribute.name();
        match attribute {
            // SimpleCookie adds the number of `expires` to the time at which it renders the cookie.
            Attribute::ExpiresIn(seconds) | Attribute::MaxAge(seconds) => morsel.set_item(name, seconds)?,
            other => match other.value().map_err(|error| session_error(error.into()))? {
                Some(value) => morsel.set_item(name, value)?,
                None => morsel.set_item(name, true)?,
            },
        }
    }
    Ok(())
}

/// The value of the cookie with this name; `None` if there is no such cookie.
pub(super) fn value_of(cookies: Option<&Bound<'_, PyAny>>, sid: &str) -> PyResult<Option<String>> {
    let Some(cookies) = cookies else { return Ok(None) };
    if !cookies.is_instance(SIMPLE_COOKIE.get(cookies.py())?)? || !cookies.contains(sid)? {
        return Ok(None);
    }
    cookies.get_item(sid)?.getattr("value")?.extract().map(Some)
}
