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
use ::poorwsgi_core::state::HTTP_BAD_REQUEST;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;

use crate::exceptions::client_fault;
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
/// any other error. That of a bad cookie is the client's mistake.
fn session_error(error: engine::SessionError) -> PyErr {
    match error {
        engine::SessionError::Cookie(CookieError::NeedsSecure(what)) => PyValueError::new_err(format!(
            "a cookie with {what} requires secure=True: browsers refuse it otherwise"
        )),
        engine::SessionError::Cookie(error) => PyValueError::new_err(error.to_string()),
        error if error.is_of_client() => {
            let exception = SessionError::new_err(error.to_string());
            Python::attach(|py| client_fault(py, exception, HTTP_BAD_REQUEST, None))
        }
        error => SessionError::new_err(error.to_string()),
    }
}
