//! `AESSession`: cookies in the format of PoorWSGI's AESSession.

use poorwsgi_core::session::{AesKeys, Sealer};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use super::cookie::{Attributes, SameSiteArgument, Seconds, Truth};
use super::{Session, SessionError, sealed, session_error};

/// A session that keeps a dict in its cookie, encrypted with AES-256 and authenticated with HMAC-SHA256.
///
/// Reads the cookies of PoorWSGI's AESSession, and writes cookies that it reads. secret_key is str, bytes, or
/// a list of them: the first key encrypts, any of them decrypts. The other arguments are those of Session.
/// data must be serialisable as JSON.
///
/// The format has no timestamp, so only the browser enforces max_age and expires: a copy of a cookie is valid
/// for as long as its key. PoorSession does not have this weakness.
///
/// load() raises SessionError for a cookie that was not written with one of the keys, and if there is no key.
/// If nobody catches the SessionError of a cookie, the client gets a 400 that removes the cookie.
#[pyclass(subclass, extends = Session, module = "poorwsgi.aes_session")]
pub(crate) struct AESSession {
    keys: Option<AesKeys>,
}

#[pymethods]
impl AESSession {
    #[new]
    #[pyo3(
        signature = (*_args, **_kwargs),
        text_signature = "(secret_key, expires=0, max_age=None, domain='', path='/', secure=False, same_site=False, sid='SESSID')"
    )]
    fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> PyClassInitializer<Self> {
        PyClassInitializer::from(Session::blank(_args.py())).add_subclass(AESSession { keys: None })
    }

    #[pyo3(
        signature = (
            secret_key, expires = Seconds(None), max_age = Seconds(None), domain = None, path = Some("/".to_owned()),
            secure = Truth(false), same_site = SameSiteArgument(None), sid = "SESSID".to_owned()
        )
    )]
    #[allow(clippy::too_many_arguments, reason = "the signature is PoorWSGI's")]
    fn __init__(
        slf: &Bound<'_, Self>,
        secret_key: &Bound<'_, PyAny>,
        expires: Seconds,
        max_age: Seconds,
        domain: Option<String>,
        path: Option<String>,
        secure: Truth,
        same_site: SameSiteArgument,
        sid: String,
    ) -> PyResult<()> {
        let secrets = sealed::secrets(secret_key)?.ok_or_else(|| sealed::wrong_type(secret_key))?;
        let keys = AesKeys::new(secrets).map_err(session_error)?;
        let attributes = Attributes { expires, max_age, domain, path, secure, same_site, sid };
        Session::init(slf.as_super(), attributes, PyDict::new(slf.py()).into_any())?;
        slf.try_borrow_mut()?.keys = Some(keys);
        Ok(())
    }

    /// Loads data from the cookies of a request. data does not change if the cookie is missing or empty.
    ///
    /// Raises SessionError for a cookie that was not written with one of the keys.
    fn load(slf: &Bound<'_, Self>, cookies: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        sealed::load(slf.as_super(), cookies, |sid, value| {
            slf.try_borrow()?.keys()?.open(sid, value).map_err(session_error)
        })
    }

    /// Encrypts data into the cookie, with a new nonce at each call, and returns the cookie's value; "" after
    /// destroy().
    ///
    /// Raises SessionError if the cookie is larger than browsers store (4096 bytes).
    fn write(slf: &Bound<'_, Self>) -> PyResult<String> {
        let session = slf.as_super();
        let (sid, json) = (Session::sid_of(session)?, sealed::dumps(session)?);
        let value = slf.try_borrow()?.keys()?.seal(&sid, &json).map_err(session_error)?;
        Session::put(session, value)
    }
}

impl AESSession {
    fn keys(&self) -> PyResult<&AesKeys> {
        self.keys.as_ref().ok_or_else(|| SessionError::new_err("__init__ of the session was not called"))
    }
}
