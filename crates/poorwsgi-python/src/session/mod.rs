//! Sessions and tokens for Python, by means of `poorwsgi_core::session`.

mod aes_session;
mod cookie;
mod poor_session;
mod sealed;
#[allow(clippy::module_inception, reason = "the class of that name")]
mod session;
mod token;

use ::poorwsgi_core::headers::CookieError;
use ::poorwsgi_core::session as engine;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;

pub(crate) use aes_session::AESSession;
pub(crate) use poor_session::{NoCompress, PoorSession};
pub(crate) use session::Session;
pub(crate) use token::{check_token, get_token};

pyo3::create_exception!(
    poorwsgi.session,
    SessionError,
    PyRuntimeError,
    "A session that cannot be made, read or written: no secret key, or a cookie that was not made with it."
);

/// ValueError for an invalid attribute of the cookie, which is a mistake in the application; SessionError for
/// any other error.
fn session_error(error: engine::SessionError) -> PyErr {
    match error {
        engine::SessionError::Cookie(CookieError::NeedsSecure(what)) => PyValueError::new_err(format!(
            "a cookie with {what} requires secure=True: browsers refuse it otherwise"
        )),
        engine::SessionError::Cookie(error) => PyValueError::new_err(error.to_string()),
        error => SessionError::new_err(error.to_string()),
    }
}
