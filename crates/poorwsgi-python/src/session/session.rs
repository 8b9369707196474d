//! `Session`: a cookie with one value, and the base of the sealed ones.

use poorwsgi_core::session::{SessionConfig, vary_on_cookie};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString, PyTuple};

use super::cookie::{self, Attributes, Seconds, Site, Truth};
use super::session_error;
use crate::cookies::{self, SIMPLE_COOKIE};
use crate::headers::Headers;
use crate::names::Made;
use crate::response::BaseResponse;

/// A session whose cookie holds one value as it is, which anybody can read and change: the id of a session on
/// the server, or a token that is signed by itself.
///
///     session = Session(sid="SESSID", secure=True, same_site="Lax")
///     session.load(req.cookies)
///     session.data = new_id()
///     session.header(response)
///
/// expires and max_age are the cookie's life in seconds; without them it lasts until the browser is closed.
/// domain sends it to the hosts below, too; path to that path and below; secure over TLS only; same_site is
/// "Strict", "Lax", "None" or False. sid is the cookie's name. An attribute that browsers refuse is a
/// ValueError.
#[pyclass(subclass, dict, weakref, module = "poorwsgi.session")]
pub(crate) struct Session {
    /// The value of the session.
    #[pyo3(get, set)]
    data: Py<PyAny>,
    /// The SimpleCookie that header() sends, whatever is in it.
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

    /// The work of __init__, for this class and those below it.
    pub(super) fn init(
        slf: &Bound<'_, Self>,
        attributes: Attributes,
        data: Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let cookie = SIMPLE_COOKIE.get(slf.py())?.call0()?;
        // As SimpleCookie sends an empty value.
        if !cookies::put(&cookie, &attributes.sid, "", "\"\"")? {
            cookie.set_item(&attributes.sid, "")?;
        }
        let config = attributes.into_config()?;
        let old = {
            let mut session = slf.try_borrow_mut()?;
            let (data, cookie) = (data.unbind(), cookie.unbind());
            std::mem::replace(&mut *session, Session { data, cookie, config, ..Session::blank(slf.py()) })
        };
        // What goes may run code of its own, which finds nothing borrowed.
        drop(old);
        Ok(())
    }

    pub(super) fn sid_of(slf: &Bound<'_, Self>) -> PyResult<String> {
        Ok(slf.try_borrow()?.config.sid.clone())
    }

    /// How many seconds a cookie lives, where that is limited.
    pub(super) fn lifetime_of(slf: &Bound<'_, Self>) -> PyResult<Option<u64>> {
        Ok(slf.try_borrow()?.config.lifetime())
    }

    /// Sets the cookie; answers the value, which is empty once the session is destroyed.
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
            secure = Truth(false), same_site = Site(None), sid = "SESSID".to_owned()
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
        same_site: Site,
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

    /// Takes the value from the cookies of a request; it stays as it is where there is none.
    fn load(slf: &Bound<'_, Self>, cookies: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        match cookie::value_of(cookies, &Session::sid_of(slf)?)? {
            Some(value) => slf.setattr("data", value),
            None => Ok(()),
        }
    }

    /// Puts the data into the cookie, and returns its value: the data as text, "" once the session is
    /// destroyed.
    ///
    /// header() calls it. A cookie that is larger than browsers store is a SessionError, control characters
    /// in it are a ValueError.
    fn write(slf: &Bound<'_, Self>) -> PyResult<String> {
        let data = slf.getattr("data")?.str()?;
        Session::put(slf, data.to_str()?.to_owned())
    }

    /// Ends the session: header() will send an empty cookie that has expired, whatever the data are.
    fn destroy(slf: &Bound<'_, Self>) -> PyResult<()> {
        slf.setattr("_destroyed", true)?;
        Session::put(slf, String::new()).map(drop)
    }

    /// Writes the session and returns the header fields that go with it: Set-Cookie, and Vary: Cookie, which
    /// keeps caches from giving one user's page to another.
    ///
    /// headers is where to add them: a response, Headers, or anything with add_header(name, value).
    #[pyo3(signature = (headers=None))]
    fn header<'py>(
        slf: &Bound<'py, Self>,
        headers: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Vec<(&'static str, Bound<'py, PyAny>)>> {
        slf.call_method0("write")?;
        if slf.getattr("_destroyed")?.is_truthy()? {
            // A write() of a subclass need not know about it.
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
        fields.push(("Vary", PyString::new(slf.py(), "Cookie").into_any()));
        if let Some(headers) = headers {
            add(headers, &fields)?;
        }
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

fn add(to: &Bound<'_, PyAny>, fields: &[(&str, Bound<'_, PyAny>)]) -> PyResult<()> {
    let ours = match to.cast::<BaseResponse>() {
        Ok(response) => Some(BaseResponse::headers_of(response)?),
        Err(_) => to.cast::<Headers>().ok().cloned(),
    };
    for (name, value) in fields {
        match &ours {
            // One field for all that a response depends on.
            Some(ours) if *name == "Vary" => vary_on_cookie(&mut ours.get().lock()).map_err(session_error)?,
            _ => to.call_method1("add_header", (name, value)).map(drop)?,
        }
    }
    Ok(())
}
