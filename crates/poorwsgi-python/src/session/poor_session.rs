//! `PoorSession`: a dict in an encrypted cookie.

use poorwsgi_core::session::{self as engine, SealedKeys, Sealer};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict, PyTuple};

use super::cookie::{Attributes, SameSiteArgument, Seconds, Truth};
use super::{Session, SessionError, sealed, session_error};
use crate::log;
use crate::names::{Made, Name};

/// A session that keeps a dict in its cookie, encrypted and authenticated: nobody can read or change it
/// without the key.
///
///     session = PoorSession(app.secret_key, same_site="Lax")
///     session.load(req.cookies)
///     session.data["user"] = "alice"
///     session.header(response)
///
/// secret_key is str or bytes, best 32 random bytes; or a list of keys for rotation: the first key encrypts,
/// any of them decrypts. compress is a module or object with compress(data, level) and decompress(data); None
/// for no compression. The other arguments are those of Session. data must be serialisable as JSON, and the
/// cookie at most 4096 bytes, which is what browsers store.
///
/// legacy=True also reads the cookies of PoorWSGI up to 2.8. Their cipher is weak: it reveals much of the
/// data to anyone who sees many cookies, so use it only until the old cookies have expired. Written cookies
/// always have the new format.
///
/// The time of writing is encrypted with the data: load() raises SessionError for a cookie that was written
/// more than max_age seconds ago (expires, if there is no max_age), even if the browser still sends it. A
/// cookie that is not written again keeps its time. Clocks may differ by a minute: a cookie from further in
/// the future is refused as well. Without max_age and expires, the time is not checked; the cookies of
/// legacy=True have no time.
///
/// load() raises SessionError for a cookie that was not written with one of the keys, and if there is no key.
/// If nobody catches the SessionError of a cookie, the client gets a 400 that removes the cookie, so that its
/// next request begins a new session. A copy of a cookie stays valid until it expires, also after destroy().
#[pyclass(subclass, extends = Session, module = "poorwsgi.session")]
pub(crate) struct PoorSession {
    keys: Option<SealedKeys>,
    compress: Compress,
    /// The secrets for reading old cookies; empty without legacy=True.
    legacy: Vec<Vec<u8>>,
    made: Made,
}

/// How data are compressed.
enum Compress {
    Bz2,
    None,
    With(Py<PyAny>),
}

impl FromPyObject<'_, '_> for Compress {
    type Error = PyErr;

    fn extract(value: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        Ok(if value.is_none() { Compress::None } else { Compress::With(value.to_owned().unbind()) })
    }
}

static BZ2: PyOnceLock<Py<PyModule>> = PyOnceLock::new();

impl Compress {
    fn object<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        Ok(match self {
            Compress::Bz2 => Some(
                BZ2.get_or_try_init(py, || py.import("bz2").map(Bound::unbind))?.bind(py).clone().into_any(),
            ),
            Compress::None => None,
            Compress::With(object) => Some(object.bind(py).clone()),
        })
    }
}

#[pymethods]
impl PoorSession {
    #[new]
    #[pyo3(
        signature = (*_args, **_kwargs),
        text_signature = "(secret_key, expires=0, max_age=None, domain='', path='/', secure=False, same_site=False, compress=..., sid='SESSID', *, legacy=False)"
    )]
    fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> PyClassInitializer<Self> {
        let blank =
            PoorSession { keys: None, compress: Compress::None, legacy: Vec::new(), made: Made::default() };
        PyClassInitializer::from(Session::blank(_args.py())).add_subclass(blank)
    }

    #[pyo3(
        signature = (
            secret_key, expires = Seconds(None), max_age = Seconds(None), domain = None, path = Some("/".to_owned()),
            secure = Truth(false), same_site = SameSiteArgument(None), compress = Compress::Bz2, sid = "SESSID".to_owned(), *,
            legacy = false
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
        compress: Compress,
        sid: String,
        legacy: bool,
    ) -> PyResult<()> {
        let py = slf.py();
        let given = sealed::secrets(secret_key)?;
        let is_request = given.is_none();
        let secrets = match given {
            Some(secrets) => secrets,
            None => secrets_of_request(secret_key)?,
        };
        let keys = SealedKeys::new(&secrets).map_err(session_error)?;
        let attributes = Attributes { expires, max_age, domain, path, secure, same_site, sid };
        Session::init(slf.as_super(), attributes, PyDict::new(py).into_any())?;
        {
            let mut session = slf.try_borrow_mut()?;
            session.keys = Some(keys);
            session.legacy = if legacy { secrets } else { Vec::new() };
            let old = std::mem::replace(&mut session.compress, compress);
            // Releasing the old object may run Python code, so the borrow ends first.
            drop(session);
            drop(old);
        }
        if is_request {
            slf.call_method1("load", (secret_key.getattr("cookies")?,))?;
        }
        Ok(())
    }

    /// Loads data from the cookies of a request. data does not change if the cookie is missing or empty.
    ///
    /// Raises SessionError for a cookie that was not written with one of the keys, or that has expired.
    fn load(slf: &Bound<'_, Self>, cookies: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        sealed::load(slf.as_super(), cookies, |sid, value| PoorSession::open(slf, sid, value))
    }

    /// Encrypts data into the cookie, with a new nonce at each call, and returns the cookie's value; "" after
    /// destroy().
    ///
    /// Raises SessionError if the cookie is larger than browsers store (4096 bytes).
    fn write(slf: &Bound<'_, Self>) -> PyResult<String> {
        let (py, session) = (slf.py(), slf.as_super());
        let (sid, mut data) = (Session::sid_of(session)?, sealed::dumps(session)?);
        let compress = slf.try_borrow()?.compress.object(py)?;
        if let Some(compress) = compress {
            data = compress.call_method1("compress", (PyBytes::new(py, &data), 9))?.extract()?;
        }
        let value = slf.try_borrow()?.keys()?.seal(&sid, &data).map_err(session_error)?;
        Session::put(session, value)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        if !self.made.is_made() {
            return Ok(());
        }
        match &self.compress {
            Compress::With(object) => visit.call(object),
            _ => Ok(()),
        }
    }

    fn __clear__(&mut self) {
        self.compress = Compress::None;
    }
}

impl PoorSession {
    fn keys(&self) -> PyResult<&SealedKeys> {
        self.keys.as_ref().ok_or_else(|| SessionError::new_err("__init__ of the session was not called"))
    }

    /// The JSON text in the value of a cookie.
    fn open(slf: &Bound<'_, Self>, sid: &str, value: &str) -> PyResult<Vec<u8>> {
        static UNSEAL: Name = Name::new("poorwsgi._legacy_session", "unseal");
        let py = slf.py();
        let lifetime = Session::lifetime_of(slf.as_super())?;
        let (opened, compress, legacy) = {
            let session = slf.try_borrow()?;
            let opened = session.keys()?.open_within(sid, value, lifetime);
            (opened, session.compress.object(py)?, session.legacy.clone())
        };
        let data = match opened {
            Ok(data) => PyBytes::new(py, &data).into_any(),
            Err(error) if legacy.is_empty() || matches!(error, engine::SessionError::Expired) => {
                return Err(session_error(error));
            }
            Err(_) => {
                let secrets = legacy.iter().map(|secret| PyBytes::new(py, secret)).collect::<Vec<_>>();
                return UNSEAL.get(py)?.call1((value, secrets, compress))?.extract();
            }
        };
        match compress {
            Some(compress) => compress.call_method1("decompress", (data,))?.extract(),
            None => data.extract(),
        }
    }
}

/// Supports the old first argument: a request, whose key and cookies are used.
fn secrets_of_request(request: &Bound<'_, PyAny>) -> PyResult<Vec<Vec<u8>>> {
    let key = request.getattr("secret_key").map_err(|_| sealed::wrong_type(request))?;
    let message = "PoorSession(req) is deprecated: use PoorSession(secret_key), then load(req.cookies)";
    log::write(request.py(), "poorwsgi.session", "warning", message, ())?;
    sealed::secrets(&key)?.ok_or_else(|| sealed::wrong_type(&key))
}

/// A compression that changes nothing: PoorSession(key, compress=NoCompress).
#[pyclass(subclass, module = "poorwsgi.session")]
pub(crate) struct NoCompress;

#[pymethods]
impl NoCompress {
    #[new]
    fn new() -> Self {
        NoCompress
    }

    /// The data as they are.
    #[staticmethod]
    #[pyo3(signature = (data, compresslevel=0))]
    fn compress<'py>(data: Bound<'py, PyAny>, compresslevel: i64) -> Bound<'py, PyAny> {
        let _ = compresslevel;
        data
    }

    /// The data as they are.
    #[staticmethod]
    fn decompress(data: Bound<'_, PyAny>) -> Bound<'_, PyAny> {
        data
    }
}
