//! `Session`: a cookie with one value, and the base class of the encrypted sessions.

use poorwsgi_core::session::{SessionConfig, VARY_ON_COOKIE, vary_on_cookie};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString, PyTuple};

use super::cookie::{self, Attributes, SameSiteArgument, Seconds, Truth};
use super::session_error;
use crate::cookies::{self, SIMPLE_COOKIE};
use crate::headers::Headers;
use crate::names::Made;
use crate::response::BaseResponse;

/// A session whose cookie holds one value in plain text. The client can read and change it, so use it for the
/// id of a session on the server, or for a signed token.
///
///     session = Session(sid="SESSID", secure=True, same_site="Lax")
///     session.load(req.cookies)
///     session.data = new_id()
///     session.header(response)
///
/// expires and max_age are the cookie's lifetime in seconds; without them the cookie lasts until the browser
/// is closed. sid is the cookie's name. domain sends the cookie to subdomains, too; path only to that path
/// and below; secure only over TLS. same_site is "Strict", "Lax", "None" or False. Raises ValueError for an
/// attribute that browsers refuse.
#[pyclass(subclass, dict, weakref, module = "poorwsgi.session")]
pub(crate) struct Session {
    /// The value of the session.
    #[pyo3(get, set)]
    data: Py<PyAny>,
    /// The SimpleCookie whose cookies header() sends.
    #[pyo3(get, set)]
    cookie: Py<PyAny>,
    #[pyo3(get, set)]
    _destroyed: bool,
    config: SessionConfig,
    made: Made,
}

impl Session {
    pub(super) fn blank(py: Python<'_>) -> Self {
        Session {
            data: py.None(),
            cookie: py.None(),
            _destroyed: false,
            config: SessionConfig::default(),
            made: Made::default(),
        }
    }

    /// The work of `__init__` of this class and its subclasses.
    pub(super) fn init(
        slf: &Bound<'_, Self>,
        attributes: Attributes,
        data: Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let cookie = SIMPLE_COOKIE.get(slf.py())?.call0()?;
        // SimpleCookie writes an empty value as "".
        if !cookies::put(&cookie, &attributes.sid, "", "\"\"")? {
            cookie.set_item(&attributes.sid, "")?;
        }
        let config = attributes.into_config()?;
        let old = {
            let mut session = slf.try_borrow_mut()?;
            let (data, cookie) = (data.unbind(), cookie.unbind());
            std::mem::replace(&mut *session, Session { data, cookie, config, ..Session::blank(slf.py()) })
        };
        // Releasing the old objects may run Python code, so the borrow ends first.
        drop(old);
        Ok(())
    }

    pub(super) fn sid_of(slf: &Bound<'_, Self>) -> PyResult<String> {
        Ok(slf.try_borrow()?.config.sid.clone())
    }

    /// The lifetime of the cookie in seconds; `None` if it is not limited.
    pub(super) fn lifetime_of(slf: &Bound<'_, Self>) -> PyResult<Option<u64>> {
        Ok(slf.try_borrow()?.config.lifetime())
    }

    /// The value of a `Set-Cookie` field that removes the cookie.
    pub(super) fn removing_cookie(slf: &Bound<'_, Self>) -> Option<String> {
        slf.try_borrow().ok()?.config.remove_cookie().ok()
    }

    /// Sets the cookie, and returns its value, which is empty after `destroy`.
    pub(super) fn put(slf: &Bound<'_, Self>, value: String) -> PyResult<String> {
        let (cookies, config, destroyed) = {
            let session = slf.try_borrow()?;
            (session.cookie.clone_ref(slf.py()), session.config.clone(), session._destroyed)
        };
        cookie::put(cookies.bind(slf.py()), &config, &value, destroyed)?;
        Ok(if destroyed { String::new() } else { value })
    }
}

#[pymethods]
impl Session {
    #[new]
    #[pyo3(
        signature = (*_args, **_kwargs),
        text_signature = "(expires=0, max_age=None, domain='', path='/', secure=False, same_site=False, sid='SESSID')"
    )]
    fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> Self {
        Session::blank(_args.py())
    }

    #[pyo3(
        signature = (
            expires = Seconds(None), max_age = Seconds(None), domain = None, path = Some("/".to_owned()),
            secure = Truth(false), same_site = SameSiteArgument(None), sid = "SESSID".to_owned()
        )
    )]
    #[allow(clippy::too_many_arguments, reason = "the signature is PoorWSGI's")]
    fn __init__(
        slf: &Bound<'_, Self>,
        expires: Seconds,
        max_age: Seconds,
        domain: Option<String>,
        path: Option<String>,
        secure: Truth,
        same_site: SameSiteArgument,
        sid: String,
    ) -> PyResult<()> {
        let attributes = Attributes { expires, max_age, domain, path, secure, same_site, sid };
        Session::init(slf, attributes, PyString::new(slf.py(), "").into_any())
    }

    /// The cookie's name.
    #[getter]
    fn _sid(&self) -> &str {
        &self.config.sid
    }

    #[setter(_sid)]
    fn set_sid(&mut self, sid: String) {
        self.config.sid = sid;
    }

    /// Loads data from the cookies of a request. data does not change if the cookie is missing.
    fn load(slf: &Bound<'_, Self>, cookies: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        match cookie::value_of(cookies, &Session::sid_of(slf)?)? {
            Some(value) => slf.setattr("data", value),
            None => Ok(()),
        }
    }

    /// Writes str(data) into the cookie, and returns it; "" after destroy().
    ///
    /// header() calls this. Raises SessionError if the cookie is larger than browsers store (4096 bytes),
    /// ValueError for control characters.
    fn write(slf: &Bound<'_, Self>) -> PyResult<String> {
        let data = slf.getattr("data")?.str()?;
        Session::put(slf, data.to_str()?.to_owned())
    }

    /// Ends the session: header() will send an empty, expired cookie, so that the browser removes it.
    fn destroy(slf: &Bound<'_, Self>) -> PyResult<()> {
        slf.setattr("_destroyed", true)?;
        Session::put(slf, String::new()).map(drop)
    }

    /// Writes the session, and returns its header fields as (name, value) pairs: Set-Cookie, and Vary:
    /// Cookie, which keeps caches from serving one user's page to another.
    ///
    /// If headers is given, the fields are added to it: a response, Headers, or any object with
    /// add_header(name, value).
    #[pyo3(signature = (headers=None))]
    fn header<'py>(
        slf: &Bound<'py, Self>,
        headers: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Vec<(&'static str, Bound<'py, PyAny>)>> {
        slf.call_method0("write")?;
        if slf.getattr("_destroyed")?.is_truthy()? {
            // A subclass's write() may ignore that the session was destroyed.
            Session::put(slf, String::new())?;
        }
        let cookies = slf.getattr("cookie")?;
        let names = cookies.call_method0("keys")?.try_iter()?.collect::<PyResult<Vec<_>>>()?;
        let names = PyList::new(slf.py(), names)?;
        names.sort()?;
        let mut fields = Vec::with_capacity(names.len() + 1);
        for name in names {
            fields.push(("Set-Cookie", cookies.get_item(name)?.call_method0("OutputString")?));
        }
        if let Some(headers) = headers {
            add(headers, &fields)?;
        }
        let (name, value) = VARY_ON_COOKIE;
        fields.push((name, PyString::new(slf.py(), value).into_any()));
        Ok(fields)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        if !self.made.is_made() {
            return Ok(());
        }
        visit.call(&self.data)?;
        visit.call(&self.cookie)
    }

    fn __clear__(slf: &Bound<'_, Self>) {
        let blank = Session::blank(slf.py());
        let old = slf.try_borrow_mut().map(|mut session| std::mem::replace(&mut *session, blank));
        drop(old);
    }
}

/// Adds the fields that set the cookies, and `Vary`.
fn add(to: &Bound<'_, PyAny>, fields: &[(&str, Bound<'_, PyAny>)]) -> PyResult<()> {
    let ours = match to.cast::<BaseResponse>() {
        Ok(response) => Some(BaseResponse::headers_of(response)?),
        Err(_) => to.cast::<Headers>().ok().cloned(),
    };
    for field in fields {
        to.call_method1("add_header", field.clone())?;
    }
    match ours {
        // Vary stays a single field.
        Some(ours) => vary_on_cookie(&mut ours.get().lock()).map_err(session_error),
        None => to.call_method1("add_header", VARY_ON_COOKIE).map(drop),
    }
}
